"""More users at a time than connections: they wait in line, and an error names the pool."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import redis.asyncio
from redis import Redis

from akastats import push_stat, push_stat_async
from akastats.app import create_app
from akastats.config import Config, config
from akastats.errors import ServerError
from akastats.redis import async_redis, clients, sync_redis
from akastats.sync_stats import fetch_stats


@pytest.mark.parametrize("is_open", [False, True], ids=["opened by each", "open"])
def test_500_tasks_push_at_once(server, redis_client, is_open):
    """All of them are written, over at most 50 connections."""
    before = redis_client.info("stats")["total_connections_received"]

    async def work() -> None:
        if is_open:
            await async_redis.open_connection()
        await asyncio.gather(*(push_stat_async("a", number) for number in range(500)))
        await async_redis.close()

    asyncio.run(work())

    assert fetch_stats("a").count == 500
    assert redis_client.info("stats")["total_connections_received"] - before <= clients.POOL_CONNECTIONS + 1


def test_300_requests_at_once_are_all_answered(server):
    """The API waits in line too: no 503 because of many users."""
    push_stat("a", 1)

    async def work() -> list[str]:
        transport = httpx.ASGITransport(create_app(), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answers = await asyncio.gather(*(client.get("/api/v1/stats/a") for _ in range(300)))
        return ["" if answer.status_code == 200 else answer.text for answer in answers]

    assert set(asyncio.run(work())) == {""}


def test_150_threads_push_at_once(server):
    """The same for threads."""
    sync_redis.open_connection()
    together = threading.Barrier(150)

    def work(number: int) -> None:
        together.wait()
        push_stat("a", number)

    with ThreadPoolExecutor(150) as pool:
        list(pool.map(work, range(150)))

    sync_redis.close()
    assert fetch_stats("a").count == 150


@pytest.fixture
def impatient(server_url, monkeypatch):
    """Own clients have one connection, and the wait for it is short."""
    monkeypatch.setattr(clients, "_POOL", {"max_connections": 1, "timeout": 0.01})
    # A URL of its own: no client that was made before leads there.
    config.use(Config(redis_url=f"{server_url}?db=0"))
    yield
    config.use(None)


MESSAGE = r"All 1 connections of the pool to Redis at unix://.* were in use for 0\.01 s .*nothing was sent"


def test_a_long_wait_names_the_pool(redis_client, impatient):
    """The error names the pool, its size and how long was waited; it is `busy`, so trying again helps."""
    with sync_redis() as (_, writer):
        held = writer.connection_pool.get_connection()
        with pytest.raises(ServerError, match=MESSAGE) as caught:
            push_stat("a", 1)
        writer.connection_pool.release(held)
        push_stat("a", 2)

    assert caught.value.kind == "busy"
    assert fetch_stats("a").total == 2


def test_a_long_wait_in_asyncio_names_the_pool(redis_client, impatient):
    """The same for asyncio."""

    async def work() -> None:
        async with async_redis() as (_, writer):
            held = await writer.connection_pool.get_connection()
            with pytest.raises(ServerError, match=MESSAGE) as caught:
                await push_stat_async("a", 1)
            await writer.connection_pool.release(held)
            assert caught.value.kind == "busy"

    asyncio.run(work())


def test_the_pool_of_an_attached_client_is_named_too(server, server_url):
    """The error of a pool without a waiting time explains how to avoid it."""
    pool = redis.ConnectionPool.from_url(server_url, max_connections=1)
    with Redis(connection_pool=pool) as client:
        sync_redis.attach(client, client)
        held = pool.get_connection()
        with pytest.raises(ServerError, match=r"All 1 connections of the pool .*BlockingConnectionPool"):
            push_stat("a", 1)
        pool.release(held)
        sync_redis.detach()
    pool.disconnect()
