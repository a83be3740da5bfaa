"""Runs as they go on, as server-sent events: one look a second however many listen."""

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
from akastats.api.problems import Problem, Route, documented
from akastats.config import config
from akastats.errors import AkastatsError
from akastats.hosts import get_network
from akastats.queries import live_runs
from akastats.queries.runs import Run
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"])

LOOK_S = 1.0
# Proxies close a connection that says nothing for a minute.
HEARTBEAT_S = 15.0
MAX_LISTENERS = 100

log = logging.getLogger(__name__)


class Listener:
    """One who listens: what is new for it, the latest of each run, so that a slow one costs no memory."""

    def __init__(self, network: str = "") -> None:
        self.network = network
        self.has_ended = False
        self._news: dict[str, Run] = {}
        self._came = asyncio.Event()

    def tell(self, runs: list[Run]) -> None:
        """Have it told of runs, as soon as it asks."""
        self._news.update({run.id: run for run in runs})
        if runs:
            self._came.set()

    def end(self) -> None:
        """Let it go: nothing more will come."""
        self.has_ended = True
        self._came.set()

    async def news(self, within_s: float) -> list[Run]:
        """Wait for news; return none when none came within so many seconds."""
        try:
            await asyncio.wait_for(self._came.wait(), within_s)
        except asyncio.TimeoutError:
            return []
        self._came.clear()
        news, self._news = list(self._news.values()), {}
        return news


class Watch:
    """Looks at the server once a second while anybody listens, and tells all what has changed."""

    def __init__(self) -> None:
        # In the order of their connection.
        self.listeners: dict[Listener, None] = {}
        self._known: dict[str, Run] = {}
        self._looking: asyncio.Task[None] | None = None

    async def join(self, network: str = "") -> Listener:
        """Add a listener from a client's network and return it; it first receives all runs in progress.

        Raises `Problem` where too many listen, and `ServerError` where the server is away.
        """
        if self._looking is None:
            await self._look()
        if len(self.listeners) >= MAX_LISTENERS:
            self._make_room(network)
        listener = Listener(network)
        listener.tell(live_runs.running(self._known))
        self.listeners[listener] = None
        if self._looking is None:
            self._looking = asyncio.create_task(self._keep_looking())
        return listener

    def _make_room(self, network: str) -> None:
        """End the oldest listener of the network that has most; raise `Problem` where that is the newcomer's.

        One client would else keep all others out. A browser whose stream has ended connects again by itself.
        """
        counts = Counter(each.network for each in self.listeners)
        most = max(counts, key=lambda name: counts[name])
        if counts[network] + 1 >= counts[most]:
            raise Problem(503, f"{MAX_LISTENERS} clients follow runs already", limit=MAX_LISTENERS)
        oldest = next(each for each in self.listeners if each.network == most)
        oldest.end()
        self.leave(oldest)

    def leave(self, listener: Listener) -> None:
        """Forget one who listens no more; when nobody does, nobody looks."""
        self.listeners.pop(listener, None)
        if not self.listeners and self._looking is not None:
            self._looking.cancel()
            self._looking, self._known = None, {}

    def end(self) -> None:
        """Let all listeners go: the service is about to end."""
        for listener in self.listeners:
            listener.end()

    async def _look(self) -> None:
        now = await async_redis.run(live_runs.read(config.namespace, self._known))
        news, self._known = live_runs.changed(self._known, now), now
        for listener in self.listeners:
            listener.tell(news)

    async def _keep_looking(self) -> None:
        was_away = False
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._look()
                was_away = False
            except Exception as error:
                # It may come back; whoever listens hears heartbeats meanwhile, and the log is told once. A watch
                # that ended here would not begin again: what nobody foresaw is told with where it came from.
                if not was_away:
                    log.warning("runs are not followed: %s", error, exc_info=not isinstance(error, AkastatsError))
                was_away = True


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """Return the watch of this event loop: of a service there is one."""
    return _watches.setdefault(asyncio.get_running_loop(), Watch())


def end_all() -> None:
    """Let all listeners go, from any thread or signal handler: a service that ends would wait for them."""
    for loop, each in list(_watches.items()):
        if not loop.is_closed():
            loop.call_soon_threadsafe(each.end)


_STREAM = {
    "description": "events `run`, each with a run as JSON",
    "content": {
        "text/event-stream": {"schema": {"type": "string"}, "example": 'event: run\ndata: {"id": "..."}\n\n'}
    },
}


class Stream(StreamingResponse):
    """What one listener hears; it leaves with its connection, also with one that was gone before a word."""

    def __init__(self, watching: Watch, listener: Listener) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(told(listener), media_type="text/event-stream", headers=headers)
        self._watching, self._listener = watching, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the client goes or the service ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._watching.leave(self._listener)


@router.get("/events", response_class=StreamingResponse, responses={200: _STREAM, **documented(503)})
async def get_events(request: Request) -> StreamingResponse:
    """Follow runs: first each that goes on, then every change of one and its end. The answer does not end."""
    watching, client = watch(), request.client.host if request.client else ""
    return Stream(watching, await watching.join(get_network(client)))


async def told(listener: Listener) -> AsyncIterator[str]:
    """Yield events as they come, and a comment where nothing does."""
    while not listener.has_ended:
        yield "".join(map(event, await listener.news(HEARTBEAT_S))) or ": still here\n\n"


def event(run: Run) -> str:
    """Return a run as an event; JSON has no newlines."""
    return f"event: run\ndata: {model_of(Run).model_validate(run).model_dump_json()}\n\n"
