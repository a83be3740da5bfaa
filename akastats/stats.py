"""Pushing: `Stats`, `push_stat` and `push_stat_async`."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from types import TracebackType

from akastats.collector import Collector
from akastats.collector import Context as Context
from akastats.config import Config, config
from akastats.errors import AkastatsError, ServerError
from akastats.operations.push import Batch, apply, batches
from akastats.operations.requests import Operation
from akastats.points import check_context, check_label, check_value
from akastats.records import Point
from akastats.redis import async_redis, sync_redis


class Stats(Collector):
    """Collects numbers and writes them to Redis when its block ends, in batches of one script each.

    An exception inside the block is recorded too, and goes on. What could not be written stays in
    `recorded_stats`; `save_stats()` sends it again.
    """

    def __init__(
        self, prefix: str | None = None, log: logging.Logger | None = None, disable_warnings: bool = False
    ) -> None:
        super().__init__(log=log, disable_warnings=disable_warnings)
        self._prefix = prefix

    @property
    def prefix(self) -> str:
        """The namespace that is written to: the one given, else the configured one."""
        return config.under(self._prefix).namespace

    @prefix.setter
    def prefix(self, prefix: str | None) -> None:
        self._prefix = prefix

    def __enter__(self) -> Stats:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            self.save_stats()
            return
        self.exception(exc_type, exc_value, traceback)
        try:
            self.save_stats()
        except AkastatsError as error:
            self._report(error)

    async def __aenter__(self) -> Stats:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            await self.save_stats_async()
            return
        self.exception(exc_type, exc_value, traceback)
        try:
            await self.save_stats_async()
        except AkastatsError as error:
            self._report(error)

    def _report(self, error: AkastatsError) -> None:
        # The block's own exception goes on; raising here would put ours in its place.
        self.log.error("%s", error)

    def save_stats(self) -> None:
        """Write what is recorded; raise `ServerError` and keep what was not written."""
        with Outgoing(self, config.under(self._prefix)) as outgoing:
            sync_redis.run_all(outgoing.operations())

    async def save_stats_async(self) -> None:
        """As `save_stats`, for asyncio."""
        with Outgoing(self, config.under(self._prefix)) as outgoing:
            await async_redis.run_all(outgoing.operations())


class Outgoing:
    """The recorded points on their way: a point leaves the object when the server has it."""

    def __init__(self, owner: Collector, config: Config) -> None:
        self._config = config
        self._owner = owner
        self._unsent: list[Point] = []
        self._applied: set[int] = set()

    def __enter__(self) -> Outgoing:
        # Taken out at once: two threads that save the same object never send a point twice.
        self._unsent, self._owner.recorded_stats = self._owner.recorded_stats, []
        return self

    def operations(self) -> Iterator[Operation[None]]:
        """Yield one operation a batch, which notes the batch's points once they are applied."""
        for made, points in batches(self._unsent):
            yield self._write(made, points)

    def _write(self, made: Batch, points: list[Point]) -> Operation[None]:
        yield from apply(made, self._config)
        self._applied.update(map(id, points))

    def __exit__(self, exc_type: object, error: BaseException | None, traceback: object) -> None:
        kept = [point for point in self._unsent if id(point) not in self._applied]
        self._owner.recorded_stats[:0] = kept
        if isinstance(error, ServerError):
            error.args = (f"{error.args[0]} {_kept(len(kept))}",)


def _kept(count: int) -> str:
    return f"{count} point{' is' if count == 1 else 's are'} kept in this object: call save_stats() again."


def push_stat(label: str, value: float, context: Context = None, *, prefix: str | None = None) -> None:
    """Write one number at once; raises `ValueError` and `ServerError` as `Stats` does."""
    sync_redis.run(apply(_one(label, value, context), config.under(prefix)))


async def push_stat_async(label: str, value: float, context: Context = None, *, prefix: str | None = None) -> None:
    """As `push_stat`, for asyncio."""
    await async_redis.run(apply(_one(label, value, context), config.under(prefix)))


def _one(label: str, value: float, context: Context) -> Batch:
    point = Point(time.time(), check_label(label), check_value(label, value), check_context(label, context))
    return next(batches([point]))[0]
