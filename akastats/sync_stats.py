"""Read statistics in blocking code: `available_stats`, `fetch_stats`, `stat_history`, `contexts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from akastats.config import config
from akastats.errors import NotFoundError
from akastats.records import Stat, Summary
from akastats.redis import sync_redis
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


def available_stats(matcher: str = "*", prefix: str | None = None) -> Iterator[str]:
    """Yield each label that matches a glob and has a point in the last two weeks, once, in byte order."""
    namespace, after = config.under(prefix).namespace, ""
    with sync_redis():
        while True:
            labels, after = sync_redis.run(query.read_label_page(namespace, matcher, after))
            yield from labels
            if not after:
                return


def fetch_stats(label: str, prefix: str | None = None) -> Summary:
    """Return the statistics of one label; raise `NotFoundError` if the label is unknown."""
    return sync_redis.run(query.read_summary(config.under(prefix).namespace, label))


def fetch_stats_of(labels: Iterable[str], prefix: str | None = None) -> dict[str, Summary]:
    """Return the statistics of several labels, in one round trip; omit unknown labels."""
    return sync_redis.run(query.read_summaries(config.under(prefix).namespace, labels))


def stat_history(label: str, prefix: str | None = None, size: int | None = None) -> list[Stat]:
    """Return the newest `size` points of a label (default: all stored points), newest first.

    The list is empty if the label is unknown.
    """
    now = config.under(prefix)
    return sync_redis.run(query.read_history(now.namespace, label, now.history_size if size is None else size))


def contexts(context_ids: Iterable[str], prefix: str | None = None) -> dict[str, bytes]:
    """Return contexts by id, exactly as stored; omit unknown and expired contexts."""
    return sync_redis.run(query.read_contexts(config.under(prefix).namespace, context_ids))
