"""Send runs in progress as server-sent events; the server is polled once per second for all clients together."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from akastats.api.models.derived import model_of
from akastats.api.problems import Problem, Route, describe_errors
from akastats.config import config
from akastats.errors import AkastatsError
from akastats.hosts import get_network
from akastats.queries import live_runs
from akastats.queries.runs import Run
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"])

# Seconds between two polls of the server.
POLL_S = 1.0
# Maximum number of seconds without data in a stream. Proxies close a connection without data after a minute.
HEARTBEAT_S = 15.0
# Maximum number of clients of the stream.
MAX_LISTENERS = 100

log = logging.getLogger(__name__)


class Listener:
    """A client of the stream. It holds only the latest state of each run, so a slow client costs no memory."""

    def __init__(self, network: str = "") -> None:
        self.network = network
        self.has_ended = False
        self._updates: dict[str, Run] = {}
        self._has_updates = asyncio.Event()

    def put(self, runs: list[Run]) -> None:
        """Add changed runs, which the next call of `take` returns."""
        self._updates.update({run.id: run for run in runs})
        if runs:
            self._has_updates.set()

    def end(self) -> None:
        """End the stream of this client."""
        self.has_ended = True
        self._has_updates.set()

    async def take(self, within_s: float) -> list[Run]:
        """Wait for changed runs and return them; empty if there are none within `within_s` seconds."""
        try:
            await asyncio.wait_for(self._has_updates.wait(), within_s)
        except asyncio.TimeoutError:
            return []
        self._has_updates.clear()
        updates, self._updates = list(self._updates.values()), {}
        return updates


class Watch:
    """Polls the server once per second while there are listeners, and passes them the changed runs."""

    def __init__(self) -> None:
        # The listeners, in the order in which they connected.
        self.listeners: dict[Listener, None] = {}
        self._runs: dict[str, Run] = {}
        self._polling: asyncio.Task[None] | None = None

    async def join(self, network: str = "") -> Listener:
        """Add a listener from a client's network and return it; it first receives all runs in progress.

        Raises `Problem` if there are too many listeners, and `ServerError` if the server is unreachable.
        """
        if self._polling is None:
            await self._poll()
        if len(self.listeners) >= MAX_LISTENERS:
            self._make_room(network)
        listener = Listener(network)
        listener.put(live_runs.find_running(self._runs))
        self.listeners[listener] = None
        if self._polling is None:
            self._polling = asyncio.create_task(self._keep_polling())
        return listener

    def _make_room(self, network: str) -> None:
        """End the oldest listener of the network with the most listeners, so that no client excludes all others.

        Raises `Problem` if that is the network of the new listener. A browser reconnects when its stream ends.
        """
        counts = Counter(each.network for each in self.listeners)
        most = max(counts, key=lambda name: counts[name])
        if counts[network] + 1 >= counts[most]:
            raise Problem(503, f"{MAX_LISTENERS} clients already follow runs; retry later", limit=MAX_LISTENERS)
        oldest = next(each for each in self.listeners if each.network == most)
        oldest.end()
        self.leave(oldest)

    def leave(self, listener: Listener) -> None:
        """Remove a listener; without any listener, stop polling."""
        self.listeners.pop(listener, None)
        if not self.listeners and self._polling is not None:
            self._polling.cancel()
            self._polling, self._runs = None, {}

    def end(self) -> None:
        """End the streams of all listeners, because the service is stopping."""
        for listener in self.listeners:
            listener.end()

    async def _poll(self) -> None:
        now = await async_redis.run(live_runs.read(config.namespace, self._runs))
        changed, self._runs = live_runs.find_changed(self._runs, now), now
        for listener in self.listeners:
            listener.put(changed)

    async def _keep_polling(self) -> None:
        has_failed = False
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._poll()
                has_failed = False
            except Exception as error:
                # Keep polling: the server may return, and nothing restarts this task. Until then listeners receive
                # heartbeats. Log the error once, with a traceback if it is unexpected.
                if not has_failed:
                    log.warning("cannot follow runs: %s", error, exc_info=not isinstance(error, AkastatsError))
                has_failed = True


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """Return the `Watch` of this event loop. A service has one event loop."""
    return _watches.setdefault(asyncio.get_running_loop(), Watch())


def end_all() -> None:
    """End all streams, from any thread or signal handler, because a stopping service waits for every response."""
    for loop, each in list(_watches.items()):
        if not loop.is_closed():
            loop.call_soon_threadsafe(each.end)


_STREAM = {
    "description": "events named `run`, each with a run as JSON",
    "content": {
        "text/event-stream": {"schema": {"type": "string"}, "example": 'event: run\ndata: {"id": "..."}\n\n'}
    },
}


class Stream(StreamingResponse):
    """The stream of one listener. The listener is removed when the connection closes, even if nothing was sent."""

    def __init__(self, watching: Watch, listener: Listener) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(events_of(listener), media_type="text/event-stream", headers=headers)
        self._watching, self._listener = watching, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client disconnects or the service ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watching.leave(self._listener)


@router.get("/events", response_class=StreamingResponse, responses={200: _STREAM, **describe_errors(503)})
async def get_events(request: Request) -> StreamingResponse:
    """Follow runs: first each run in progress, then every change of a run. The response does not end."""
    watching, client = watch(), request.client.host if request.client else ""
    return Stream(watching, await watching.join(get_network(client)))


async def events_of(listener: Listener) -> AsyncIterator[str]:
    """Yield events as they occur, and a comment every 15 s without an event."""
    while not listener.has_ended:
        yield "".join(map(event, await listener.take(HEARTBEAT_S))) or ": still here\n\n"


def event(run: Run) -> str:
    """Return a run as a server-sent event, whose data is one line of JSON."""
    return f"event: run\ndata: {model_of(Run).model_validate(run).model_dump_json()}\n\n"
