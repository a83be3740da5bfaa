"""Limit the number of connections per client of `akastats serve`, and the time until a complete request.

uvicorn waits without limit for a header that arrives one byte per minute, and refuses all clients when it reaches
its connection limit. This protocol closes the connection that has been idle longest instead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from akastats import hosts

#: Maximum number of connections: 100 may follow runs live, and many systems allow 1,024 file descriptors.
MAX_CONNECTIONS = 250
#: Maximum number of connections per client, so that 50 stay free while a proxy or an attacker holds 200.
MAX_PER_CLIENT = 200
#: Maximum number of idle connections per client. A browser holds 6, a proxy for many browsers about 30.
MAX_IDLE_PER_CLIENT = 64


@dataclass(frozen=True)
class OpenConnection:
    """One open connection.

    network: Network of the client.
    idle_since: When the wait for the client began (monotonic seconds); `None` while a response is in progress.
    """

    network: str
    idle_since: float | None


@dataclass(frozen=True)
class Admission:
    """Decision about a new connection.

    close: Index of the open connection to close; `None` to close none.
    is_refused: Whether the new connection is refused.
    """

    close: int | None
    is_refused: bool


def admit(network: str, connections: Sequence[OpenConnection]) -> Admission:
    """Decide whether to accept a new connection from `network`, given the open connections.

    Only idle connections are closed, the longest idle first. A connection is refused (503) if none that
    counts toward the limit is idle.
    """
    own = [index for index, each in enumerate(connections) if each.network == network]
    own_idle = _idle(own, connections)
    if len(own_idle) >= MAX_IDLE_PER_CLIENT:
        return Admission(own_idle[0], is_refused=False)
    if len(own) >= MAX_PER_CLIENT:
        return _close_one(own_idle)
    if len(connections) >= MAX_CONNECTIONS:
        return _close_one(_idle_of_largest(connections))
    return Admission(None, is_refused=False)


def _close_one(candidates: list[int]) -> Admission:
    return Admission(candidates[0], is_refused=False) if candidates else Admission(None, is_refused=True)


def _idle(indexes: Sequence[int], connections: Sequence[OpenConnection]) -> list[int]:
    """Return the indexes of idle connections, the longest idle first."""
    idle = [index for index in indexes if connections[index].idle_since is not None]
    return sorted(idle, key=lambda index: connections[index].idle_since or 0.0)


def _idle_of_largest(connections: Sequence[OpenConnection]) -> list[int]:
    """Return the idle connections of the client that has the most connections and at least one idle one."""
    for network, _ in Counter(each.network for each in connections).most_common():
        if idle := _idle(
            [index for index, each in enumerate(connections) if each.network == network], connections
        ):
            return idle
    return []


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol with time limits for requests and responses.

    A connection that sends nothing is closed after `silent_s` seconds, and one that sends no complete header after
    `header_s`. If a client stops reading a response, its connection is closed after `unread_s`.
    """

    silent_s: float = 5.0
    header_s: float = 10.0
    unread_s: float = 30.0

    _alarm: asyncio.TimerHandle | None = None
    _idle_since: float | None = None
    _network: str = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Make room for this connection, and start waiting for its request."""
        # uvicorn accepts the narrower type, which asyncio's own servers always pass.
        super().connection_made(cast(asyncio.Transport, transport))
        self._network = hosts.get_network(self.client[0] if self.client else "")
        self._idle_since = self.loop.time()
        others = [each for each in self.connections if isinstance(each, BoundedProtocol) and each._is_open(self)]
        admission = admit(self._network, [OpenConnection(each._network, each._idle_since) for each in others])
        if admission.close is not None:
            others[admission.close].transport.abort()
        # uvicorn's own limit also counts connections that are closing: 0 makes it answer 503, `None` disables it.
        self.limit_concurrency = 0 if admission.is_refused else None
        self._wait(self.silent_s, self._end_silence)

    def data_received(self, data: bytes) -> None:
        """Handle bytes of the client; bytes of an incomplete header do not extend its time limit."""
        super().data_received(data)
        if self._is_responding():
            self._begin_response()
        elif self._alarm is None:
            self._wait(self.header_s, self._end)

    def on_response_complete(self) -> None:
        """Start waiting for the client to read the response; uvicorn closes an idle connection after 5 s."""
        self._idle_since = self.loop.time()
        self._wait_for_reading()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start waiting for the client to read."""
        super().pause_writing()
        self._idle_since = self.loop.time()
        self._wait_for_reading()

    def resume_writing(self) -> None:
        """Stop waiting, because the client reads."""
        super().resume_writing()
        if self._is_responding():
            self._idle_since = None
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._stop_waiting()
        super().connection_lost(exc)
        self._stop_waiting()

    def _is_open(self, newcomer: BoundedProtocol) -> bool:
        return self is not newcomer and not self.transport.is_closing()

    def _begin_response(self) -> None:
        """Stop waiting, unless the body is incomplete or an earlier response is unread."""
        if not self.flow.write_paused:
            self._stop_waiting()
            self._idle_since = self._idle_since if self.cycle.more_body else None

    def _is_responding(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_reading(self) -> None:
        self._wait(self.unread_s, self._end_unread, self.transport.get_write_buffer_size())

    def _wait(self, seconds: float, act: Callable[..., None], *arguments: int) -> None:
        self._stop_waiting()
        self._alarm = self.loop.call_later(seconds, act, *arguments)

    def _stop_waiting(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _end_silence(self) -> None:
        """Close a connection that has sent nothing; if it has sent a part of a header, wait longer."""
        if self.conn.trailing_data[0]:
            self._wait(self.header_s - self.silent_s, self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._alarm = None
        if not self._is_responding():
            self.transport.close()

    def _end_unread(self, unread_before: int) -> None:
        """Close a connection whose client has read nothing since the previous check."""
        self._alarm = None
        unread = self.transport.get_write_buffer_size()
        if unread and unread >= unread_before:
            self.transport.abort()
        elif unread:
            self._wait_for_reading()
