"""Run an operation to completion even if the task that awaits it is cancelled."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

#: Maximum number of seconds that a cancelled caller waits for the operation. It exceeds the 5 s that a client
#: waits for a reply.
PATIENCE_S = 6.0


async def run_to_completion(work: Coroutine[Any, Any, T], log: logging.Logger) -> T:
    """Return the result of `work`, which a cancellation of the caller does not interrupt.

    A cancelled caller waits at most `PATIENCE_S` seconds for the end of `work` and then raises `CancelledError`.
    If `work` fails after the cancellation, its error is logged.
    """
    # Import asyncio late: the import takes 40 ms, and blocking code never needs it.
    import asyncio

    task = asyncio.ensure_future(work)
    # Hide the task from asyncio.run(), which cancels all tasks at its end; a cancelled task would lose its reply.
    asyncio.tasks._unregister_task(task)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.cancelled():
            await _wait(task)
            _log_error(task, log)
        raise


async def _wait(task: asyncio.Future[Any]) -> None:
    """Wait for a task despite cancellations of the caller; cancel the task after `PATIENCE_S` seconds."""
    import asyncio

    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while not task.done():
        if loop.time() >= end:
            task.cancel()
        try:
            await asyncio.wait({task}, timeout=max(0.1, end - loop.time()))
        except asyncio.CancelledError:
            continue


def _log_error(task: asyncio.Future[Any], log: logging.Logger) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("%s", error)
