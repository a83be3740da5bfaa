"""The two runners of conversations, and of operations over given clients. They differ in one word."""

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
    """Take a conversation's steps, blocking; return what it ends in."""
    try:
        step = next(steps)
        while True:
            try:
                came = step()
            except BaseException as error:  # noqa: BLE001 - it goes where the step was asked for
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


async def drive_async(steps: Steps[T]) -> T:
    """Take a conversation's steps, awaiting each; return what it ends in."""
    try:
        step = next(steps)
        while True:
            try:
                came = await step()
            except BaseException as error:  # noqa: BLE001 - it goes where the step was asked for
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


def run(operation: Operation[T], reader: Redis, writer: Redis) -> T:
    """Carry out an operation over given clients, blocking."""
    return drive(execute(operation, reader, writer))


def run_all(operations: Iterable[Operation[T]], writer: Redis) -> list[T]:
    """Carry out operations that write, two at a time on one connection; return what each returns, as they end.

    After an error nothing more is sent; what is under way is waited for, then the error is raised.
    """
    return drive(execute_all(operations, writer))


async def run_async(operation: Operation[T], reader: AsyncClient, writer: AsyncClient) -> T:
    """Carry out an operation over given clients, awaiting."""
    return await drive_async(execute(operation, reader, writer))
