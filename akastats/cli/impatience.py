"""How HTTP is spoken by `akastats serve`: as uvicorn does, to those who get to the point."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientProtocol(H11Protocol):
    """Closes a connection whose request is not there in `seconds`.

    uvicorn waits for ever for a header that comes a byte a minute, and each such connection is one of a few.
    """

    seconds: float = 10.0
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait."""
        # uvicorn takes the narrower type, which asyncio's own servers always give.
        super().connection_made(cast(asyncio.Transport, transport))
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on for as long as the request is not whole: what comes in between gives no more time."""
        super().data_received(data)
        if self._is_answering():
            self._wait_no_more()
        elif self._alarm is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        self._alarm = self.loop.call_later(self.seconds, self._give_up)

    def _wait_no_more(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _give_up(self) -> None:
        self._alarm = None
        if not self._is_answering():
            self.transport.close()
