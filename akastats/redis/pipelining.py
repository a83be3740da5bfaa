"""Several operations on one connection: who is asked next, and whose the next reply is. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from akastats.redis.protocol import pack
from akastats.store.requests import Operation, Request

T = TypeVar("T")

# One batch is prepared and sent while the server works on the other; a third would only wait there, and be in
# doubt when the connection is lost.
IN_FLIGHT = 2


class Pipeline(Generic[T]):
    """What is under way on one connection: replies come in the order of their requests."""

    def __init__(self, operations: Iterable[Operation[T]]) -> None:
        self._coming = iter(operations)
        self._waiting: deque[tuple[Operation[T], Request]] = deque()
        self._again: deque[tuple[Operation[T], Request]] = deque()
        self._error: Exception | None = None
        self.results: list[T] = []

    def messages(self) -> list[bytes]:
        """Return what is to be sent now, so that two operations are under way."""
        made = []
        while len(self._waiting) < IN_FLIGHT and self._prepare():
            following = self._again.popleft()
            self._waiting.append(following)
            made.append(pack(following[1].commands))
        return made

    def _prepare(self) -> bool:
        try:
            while not self._again and self._error is None:
                self._advance(next(self._coming))
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - raised when what is under way has been answered
            self._error = error
        return bool(self._again)

    def _advance(self, operation: Operation[T], replies: list[Any] | Exception | None = None) -> None:
        """Take an operation on to its next request, or to its end."""
        try:
            if isinstance(replies, Exception):
                request = operation.throw(replies)
            else:
                request = next(operation) if replies is None else operation.send(replies)
        except StopIteration as stop:
            self.results.append(stop.value)
        except Exception as error:  # noqa: BLE001 - the same
            self._error = self._error or error
        else:
            self._again.append((operation, request))

    @property
    def due(self) -> Request | None:
        """The oldest request that waits for its replies, `None` when nothing is under way."""
        return self._waiting[0][1] if self._waiting else None

    def hear(self, replies: list[Any] | Exception) -> None:
        """Hand the oldest request's replies, or the server's refusal, to its operation."""
        operation, _ = self._waiting.popleft()
        self._advance(operation, replies)

    def break_off(self, error: Exception) -> None:
        """Give up what is under way: its replies will not come."""
        self._error = self._error or error
        self._waiting.clear()
        self._again.clear()

    def outcome(self) -> list[T]:
        """Return what the operations returned as they ended, or raise the first error."""
        if self._error is not None:
            raise self._error
        return self.results
