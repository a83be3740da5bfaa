"""Read statistics with asyncio: `available_stats`, `fetch_stats`, `stat_history`, `contexts`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from akastats.config import config
from akastats.errors import NotFoundError
from akastats.records import Stat, Summary
from akastats.redis import async_redis
from akastats.store import query
from akastats.store.query import escape_matcher

__all__ = [
    "NotFoundError",
    "available_stats",
    "contexts",
    "escape_matcher",
    "fetch_stats",
    "fetch_stats_of",
    "stat_history",
]


async def available_stats(matcher: str = "*", prefix: str | None = None) -> AsyncIterator[str]:
    """Yield each label that matches a glob and has a point in the last two weeks, once, in byte order."""
    namespace, after = config.under(prefix).namespace, ""
    async with async_redis():
        while True:
            labels, after = await async_redis.run(query.read_label_page(namespace, matcher, after))
            for label in labels:
                yield label
            if not after:
                return


async def fetch_stats(label: str, prefix: str | None = None) -> Summary:
    """Return the statistics of one label; raise `NotFoundError` if the label is unknown."""
    return await async_redis.run(query.read_summary(config.under(prefix).namespace, label))


async def fetch_stats_of(labels: Iterable[str], prefix: str | None = None) -> dict[str, Summary]:
    """Return the statistics of several labels, in one round trip; omit unknown labels."""
    return await async_redis.run(query.read_summaries(config.under(prefix).namespace, labels))


async def stat_history(label: str, prefix: str | None = None, size: int | None = None) -> list[Stat]:
    """Return the newest `size` points of a label (default: all stored points), newest first.

    The list is empty if the label is unknown.
    """
    now = config.under(prefix)
    return await async_redis.run(
        query.read_history(now.namespace, label, now.history_size if size is None else size)
    )


async def contexts(context_ids: Iterable[str], prefix: str | None = None) -> dict[str, bytes]:
    """Return contexts by id, exactly as stored; omit unknown and expired contexts."""
    return await async_redis.run(query.read_contexts(config.under(prefix).namespace, context_ids))
