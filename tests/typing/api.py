"""Never run, only type-checked: every public name once, as users write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from redis import Redis
from redis.asyncio import Redis as AsyncClient

import akastats
from akastats import Stats, async_stats, push_stat, push_stat_async, sync_stats, timer
from akastats.config import Config, config
from akastats.errors import (
    AkastatsError,
    ConfigError,
    EmbeddedError,
    NotFoundError,
    RefusedError,
    ServerError,
    SpoolError,
)
from akastats.extensions import AnalysisHook, ReportRenderer, TextRedactor
from akastats.model.verdicts import Verdicts
from akastats.prometheus import prometheus_export
from akastats.queries.runs import Run
from akastats.records import Point, Stat, Summary
from akastats.redis import async_redis, sync_redis
from akastats.report.document import Document
from akastats.settings import config as older_address
from akastats.stats import STAT_NAMES

version: str = akastats.__version__
names: tuple[str, ...] = STAT_NAMES
lines: AsyncIterator[str] = prometheus_export("*")
kinds: list[type[AkastatsError]] = [
    ConfigError,
    EmbeddedError,
    NotFoundError,
    RefusedError,
    ServerError,
    SpoolError,
]
settings: Config = config.now()
same: bool = config is older_address
seconds: float = next(timer()).stat + next(timer()).total


def pushing() -> None:
    """Everything that writes and blocks."""
    push_stat("a", 1)
    push_stat("a", 1.5, "context", prefix="NS")
    with Stats() as stat, stat.timer("block"):
        stat("a", 1, context=b"bytes", extra_labels={"host": "a", "port": 1})
        stat.error("label", context="why")
        stat.exception()
        stat.exception(ValueError("x"), additional_labels=["y"])
    recorded: list[Point] = stat.recorded_stats
    namespace: str = stat.prefix
    assert (recorded, namespace) is not None
    stat.save_stats()


async def pushing_async() -> None:
    """Everything that writes and awaits."""
    await push_stat_async("a", 1, "context", prefix="NS")
    async with Stats(prefix="NS", disable_warnings=True) as stat:
        stat("a", 1)
    await stat.save_stats_async()


def reading() -> None:
    """Everything that reads and blocks."""
    labels: Iterator[str] = sync_stats.available_stats(sync_stats.escape_matcher("a[1]"), prefix="NS")
    numbers: Summary = sync_stats.fetch_stats("a")
    many: dict[str, Summary] = sync_stats.fetch_stats_of(list(labels))
    points: list[Stat] = sync_stats.stat_history("a", size=10)
    kept: dict[str, bytes] = sync_stats.contexts([point.context_id for point in points])
    average: float | None = numbers.avg
    assert (many, kept, average) is not None


async def reading_async() -> None:
    """Everything that reads and awaits."""
    labels: AsyncIterator[str] = async_stats.available_stats("*")
    numbers: Summary = await async_stats.fetch_stats("a")
    many: dict[str, Summary] = await async_stats.fetch_stats_of([label async for label in labels])
    points: list[Stat] = await async_stats.stat_history("a")
    kept: dict[str, bytes] = await async_stats.contexts([points[0].context_id])
    assert (numbers, many, kept) is not None


def connecting(client: Redis) -> None:
    """Attached and own connections, both spellings."""
    sync_redis.attach(client, client)
    sync_redis.detach()
    sync_redis.open_connection("redis://localhost")
    with sync_redis as (reader, _), sync_redis() as (_, writer):
        found: tuple[Redis, Redis] = reader, writer
    assert found
    count: int = sync_redis.call_count
    assert count == 0
    sync_redis.close()


async def connecting_async(client: AsyncClient) -> None:
    """The same, awaiting."""
    async_redis.attach(client, client)
    async_redis.detach()
    await async_redis.open_connection()
    async with async_redis as (reader, _), async_redis() as (_, writer):
        found: tuple[AsyncClient, AsyncClient] = reader, writer
    assert found
    await async_redis.close()


def extending() -> None:
    """Functions of an extension."""

    def redact(text: str) -> str:
        return text.replace("secret", "")

    def render(document: Document) -> str:
        return document.status

    def receive(run: Run, verdicts: Verdicts) -> None:
        assert run.id == verdicts.run

    redactor: TextRedactor = redact
    renderer: ReportRenderer = render
    hook: AnalysisHook = receive
    assert len({redactor, renderer, hook}) == 3
