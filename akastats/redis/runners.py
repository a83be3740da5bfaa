"""Run exchanges, and operations on clients, blocking or with asyncio. The two runners differ in one word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from akastats.redis.exchange import Steps, execute, execute_all
from akastats.store.requests import Operation

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

T = TypeVar("T")


def drive(steps: Steps[T]) -> T:
    """Execute the steps of an exchange, blocking; return its result."""
    try:
        step = next(steps)
        while True:
            try:
                result = step()
            except BaseException as error:  # noqa: BLE001 - raised in the exchange
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


async def drive_async(steps: Steps[T]) -> T:
    """Execute the steps of an exchange, awaiting each; return its result."""
    try:
        step = next(steps)
        while True:
            try:
                result = await step()
            except BaseException as error:  # noqa: BLE001 - raised in the exchange
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


def run(operation: Operation[T], reader: Redis, writer: Redis) -> T:
    """Execute an operation on these clients, blocking."""
    return drive(execute(operation, reader, writer))


def run_all(operations: Iterable[Operation[T]], writer: Redis) -> list[T]:
    """Execute writing operations, two at a time on one connection; return results in the order of their ends.

    After an error, send nothing more, read the pending replies, and raise the error.
    """
    return drive(execute_all(operations, writer))


async def run_async(operation: Operation[T], reader: AsyncClient, writer: AsyncClient) -> T:
    """Execute an operation on these clients, awaiting."""
    return await drive_async(execute(operation, reader, writer))
