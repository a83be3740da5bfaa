"""Interleave several operations on one connection: the next request, and the owner of the next reply."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from akastats.redis.protocol import encode_commands
from akastats.store.requests import Operation, Request

T = TypeVar("T")

# Maximum number of operations in progress: a batch is prepared and sent while the server executes another one. A
# third batch would only wait, and its outcome would be unknown after a lost connection.
IN_FLIGHT = 2


class Pipeline(Generic[T]):
    """Pending operations on one connection; replies arrive in the order of the requests."""

    def __init__(self, operations: Iterable[Operation[T]]) -> None:
        self._operations = iter(operations)
        self._pending: deque[tuple[Operation[T], Request]] = deque()
        self._prepared: deque[tuple[Operation[T], Request]] = deque()
        self._error: Exception | None = None
        self.results: list[T] = []

    def take_messages(self) -> list[bytes]:
        """Return the messages to send now, so that two operations are pending."""
        messages = []
        while len(self._pending) < IN_FLIGHT and self._prepare():
            following = self._prepared.popleft()
            self._pending.append(following)
            messages.append(encode_commands(following[1].commands))
        return messages

    def _prepare(self) -> bool:
        try:
            while not self._prepared and self._error is None:
                self._advance(next(self._operations))
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - raised after the pending replies
            self._error = error
        return bool(self._prepared)

    def _advance(self, operation: Operation[T], replies: list[Any] | Exception | None = None) -> None:
        """Advance an operation to its next request, or to its end."""
        try:
            if isinstance(replies, Exception):
                request = operation.throw(replies)
            else:
                request = next(operation) if replies is None else operation.send(replies)
        except StopIteration as stop:
            self.results.append(stop.value)
        except Exception as error:  # noqa: BLE001 - raised after the pending replies
            self._error = self._error or error
        else:
            self._prepared.append((operation, request))

    @property
    def next_request(self) -> Request | None:
        """The oldest request without replies; `None` if nothing is pending."""
        return self._pending[0][1] if self._pending else None

    def receive(self, replies: list[Any] | Exception) -> None:
        """Pass the replies to the oldest request, or the server's error, to its operation."""
        operation, _ = self._pending.popleft()
        self._advance(operation, replies)

    def abort(self, error: Exception) -> None:
        """Abandon the pending operations, because their replies will not arrive."""
        self._error = self._error or error
        self._pending.clear()
        self._prepared.clear()

    def get_results(self) -> list[T]:
        """Return the results of the operations in the order in which they ended, or raise the first error."""
        if self._error is not None:
            raise self._error
        return self.results
