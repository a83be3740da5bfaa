"""Push statistics: `Stats`, `push_stat` and `push_stat_async`."""

from __future__ import annotations

import dataclasses
import logging
import secrets
import time
from collections.abc import Iterable, Iterator
from types import TracebackType

from akastats.cancellation import run_to_completion
from akastats.collector import Collector, resolve_exception
from akastats.collector import Context as Context
from akastats.config import Config, config
from akastats.errors import ServerError
from akastats.exception_counting import is_normal_exit, next_number, record_counted, was_counted
from akastats.model.points import check_context, check_label, check_value
from akastats.records import Point, Summary
from akastats.redis import async_redis, sync_redis
from akastats.store import keys
from akastats.store.push import Batch, Step, apply_batch, make_batches
from akastats.store.requests import Operation

#: Names of the statistics of a label; aka-stats uses the same name for this constant.
STAT_NAMES = Summary._fields

_log = logging.getLogger("Stats")


class Stats(Collector):
    """Collects numbers, and writes them to Redis when its block ends, in batches of one script call each.

    An exception that leaves the block is recorded and raised. Numbers that could not be written stay in
    `recorded_stats`; `save_stats()` sends them again.
    """

    def __init__(
        self, prefix: str | None = None, log: logging.Logger | None = None, disable_warnings: bool = False
    ) -> None:
        # `time.time` is looked up for each point, as in `push_stat`: tools that freeze the clock replace it.
        super().__init__(log=log, disable_warnings=disable_warnings, now=lambda: time.time())
        self._prefix = prefix
        self._entered = next_number()

    @property
    def prefix(self) -> str:
        """The namespace to write to; the configured namespace if this object has none."""
        return config.under(self._prefix).namespace

    @prefix.setter
    def prefix(self, prefix: str | None) -> None:
        self._prefix = prefix

    def __enter__(self) -> Stats:
        self._entered = next_number()
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
        try:
            self._count(exc_type, exc_value, traceback)
            self.save_stats()
        except Exception as error:  # noqa: BLE001 - the block's own exception must reach its caller
            self._report(error)

    async def __aenter__(self) -> Stats:
        self._entered = next_number()
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
        try:
            self._count(exc_type, exc_value, traceback)
            await self.save_stats_async()
        except Exception as error:  # noqa: BLE001 - the block's own exception must reach its caller
            self._report(error)

    def _count(
        self,
        exc_type: type[BaseException],
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Record the exception that leaves the block, unless it is a normal exit or was counted in the block."""
        if not (is_normal_exit(exc_type, exc_value) or was_counted(exc_value, self.prefix, self._entered)):
            self.exception(exc_type, exc_value, traceback)

    def exception(
        self,
        exc_type: type[BaseException] | BaseException | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        additional_labels: Iterable[str] | None = None,
        context: Context = None,
    ) -> None:
        """Record an exception as `Collector.exception` does; enclosing blocks do not count it again."""
        super().exception(exc_type, exc_value, traceback, additional_labels, context)
        record_counted(resolve_exception(exc_type, exc_value), self.prefix)

    def _report(self, error: Exception) -> None:
        # Log the error instead of raising it, because it would replace the block's own exception.
        self.log.error("%s", error)

    def save_stats(self) -> None:
        """Write the recorded numbers; raise `ServerError` and keep those that were not written."""
        with Outgoing(self, config.under(self._prefix), sync_redis.sends_once) as outgoing:
            sync_redis.run_all(outgoing.operations())

    async def save_stats_async(self) -> None:
        """Write the recorded numbers as `save_stats` does. A cancelled caller first waits for the save to end."""
        await run_to_completion(self._save_async(), self.log)

    async def _save_async(self) -> None:
        with Outgoing(self, config.under(self._prefix), async_redis.sends_once) as outgoing:
            await async_redis.run_all(outgoing.operations())


class Outgoing:
    """The points of a collector while they are sent. Points to send again return to the collector."""

    def __init__(self, owner: Collector, config: Config, sends_once: bool) -> None:
        self._config = config
        self._owner = owner
        self._sends_once = sends_once
        self._unsent: list[Point] = []
        self._begun: set[int] = set()
        self._applied: set[int] = set()

    def __enter__(self) -> Outgoing:
        # Remove all points first, so that two threads that save the same object never send a point twice.
        self._unsent, self._owner.recorded_stats = self._owner.recorded_stats, []
        return self

    def operations(self) -> Iterator[Operation[None]]:
        """Yield one operation per batch; each records its points as applied when it ends."""
        for batch, points in make_batches(self._unsent):
            if batch.entries:
                yield self._write(batch, points)
            else:
                self._applied.update(map(id, points))

    def _write(self, batch: Batch, points: list[Point]) -> Operation[None]:
        self._begun.update(map(id, points))
        yield from apply_batch(_add_guard(batch, self._config, self._sends_once), self._config)
        self._applied.update(map(id, points))

    def __exit__(self, exc_type: object, error: BaseException | None, traceback: object) -> None:
        done = self._applied
        if error is not None and not isinstance(error, Exception):
            # After an interruption, a point without a reply is not sent again, because it could count twice.
            done = self._begun
        unsent = [point for point in self._unsent if id(point) not in done]
        self._warn_about_doubtful(len(done - self._applied), len(unsent))
        self._owner.recorded_stats[:0] = unsent
        if isinstance(error, ServerError):
            error.args = (f"{error.args[0]} {_describe_unsent(len(unsent))}",)

    def _warn_about_doubtful(self, doubtful: int, unsent: int) -> None:
        if doubtful:
            self._owner.log.warning(
                "save_stats() was interrupted: %s may or may not have been written and are not sent again. %s",
                _format_count(doubtful),
                _describe_unsent(unsent),
            )


def _format_count(count: int) -> str:
    return f"{count} point{'' if count == 1 else 's'}"


def _describe_unsent(count: int) -> str:
    return f"{_format_count(count)} {'is' if count == 1 else 'are'} still in this object: call save_stats() again."


# Lifetime of the guard on the server, in seconds; clients retry for less time.
_GUARD_TTL_S = 300


def _add_guard(batch: Batch, config: Config, sends_once: bool) -> Batch:
    """Return the batch with a guard: the server applies it once even if the client sends it again."""
    if sends_once or not batch.entries:
        return batch
    cursor = keys.cursor(config.namespace, f"once-{secrets.token_hex(12)}")
    return dataclasses.replace(batch, step=Step(cursor, "0", "1", _GUARD_TTL_S))


def push_stat(label: str, value: float, context: Context = None, *, prefix: str | None = None) -> None:
    """Write one number immediately; raise `ValueError` and `ServerError` as `Stats` does."""
    now = config.under(prefix)
    sync_redis.run(
        apply_batch(_add_guard(_make_single_batch(label, value, context), now, sync_redis.sends_once), now)
    )


async def push_stat_async(label: str, value: float, context: Context = None, *, prefix: str | None = None) -> None:
    """Write one number as `push_stat` does. A cancelled caller first waits for the push to end."""
    now = config.under(prefix)
    batch = _add_guard(_make_single_batch(label, value, context), now, async_redis.sends_once)
    await run_to_completion(_push_async(batch, now), _log)


async def _push_async(batch: Batch, now: Config) -> None:
    try:
        await async_redis.run(apply_batch(batch, now))
    except BaseException as error:
        if not isinstance(error, Exception):
            labels = ", ".join(batch.entries)[:200]
            _log.warning("a push was interrupted: %s may or may not have been written", labels)
        raise


def _make_single_batch(label: str, value: float, context: Context) -> Batch:
    point = Point(time.time(), check_label(label), check_value(label, value), check_context(label, context))
    return next(make_batches([point]))[0]
