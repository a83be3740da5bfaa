"""Attached clients: checked when attached, and whatever they do by themselves, nothing is applied twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
import redis.asyncio
import valkey
import valkey.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from akastats import Stats, push_stat, push_stat_async
from akastats.config import Config, config
from akastats.errors import ConfigError, ServerError
from akastats.redis import SyncRedis, async_redis, sync_redis
from akastats.sync_stats import fetch_stats, stat_history
from tests.faults.proxy import Proxy, losing


class Plain(redis.Redis):
    """A subclass that changes nothing."""


class Counting(redis.Redis):
    """A subclass that has its own way to send a command."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command."""
        return super().execute_command(*args, **options)


class PlainAsync(redis.asyncio.Redis):
    """The same for asyncio."""


RETRIES: dict[str, Any] = {"retry": Retry(NoBackoff(), 3), "retry_on_error": [redis.ConnectionError]}
ASYNC_RETRIES: dict[str, Any] = {
    "retry": redis.asyncio.retry.Retry(NoBackoff(), 3),
    "retry_on_error": [redis.ConnectionError],
}
VALKEY_RETRIES: dict[str, Any] = {
    "retry": valkey.retry.Retry(valkey.backoff.NoBackoff(), 3),
    "retry_on_error": [valkey.ConnectionError],
}
ASYNC_VALKEY_RETRIES: dict[str, Any] = {
    "retry": valkey.asyncio.retry.Retry(valkey.backoff.NoBackoff(), 3),
    "retry_on_error": [valkey.ConnectionError],
}

CLIENTS = {
    "redis-py": lambda url: redis.Redis.from_url(url, **RETRIES),
    "subclass": lambda url: Plain.from_url(url, **RETRIES),
    "own execute_command": lambda url: Counting.from_url(url, **RETRIES),
    "single connection": lambda url: redis.Redis.from_url(url, single_connection_client=True, **RETRIES),
    "valkey-py": lambda url: valkey.Valkey.from_url(url, **VALKEY_RETRIES),
}
ASYNC_CLIENTS = {
    "redis-py": lambda url: redis.asyncio.Redis.from_url(url, **ASYNC_RETRIES),
    "subclass": lambda url: PlainAsync.from_url(url, **ASYNC_RETRIES),
    "single connection": lambda url: redis.asyncio.Redis.from_url(
        url, single_connection_client=True, **ASYNC_RETRIES
    ),
    "valkey-py": lambda url: valkey.asyncio.Valkey.from_url(url, **ASYNC_VALKEY_RETRIES),
}


@pytest.fixture
def network(server: str, server_url: str) -> Iterator[Proxy]:
    """A way to the server on which the first reply of a script is lost, after the script has run."""
    with Proxy(server_url.removeprefix("unix://")) as proxy:
        push_stat("known script", 1)
        proxy.to_client = losing(1.0, at_most=1)
        yield proxy


#: The error without a retry of the client.
perhaps_lost = suppress(ServerError)


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_lost_reply_applies_nothing_twice(network, name):
    """A batch is applied once, also by a client that sends it again inside `execute_command`."""
    client = CLIENTS[name](network.url)
    sync_redis.attach(client, client)
    stat = Stats()
    for label in ("a", "b"):
        stat(label, 1)

    with perhaps_lost:
        stat.save_stats()
    network.to_client = losing(1.0, at_most=1)
    with perhaps_lost:
        push_stat("c", 1)
    sync_redis.detach()
    client.close()

    assert network.cuts == 2
    assert [fetch_stats(label).count for label in "abc"] == [1, 1, 1]
    assert [len(stat_history(label)) for label in "abc"] == [1, 1, 1]


@pytest.mark.parametrize("name", ASYNC_CLIENTS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_lost_reply_applies_nothing_twice_in_asyncio(network, name):
    """The same for asyncio clients."""

    async def work() -> None:
        client = ASYNC_CLIENTS[name](network.url)
        async_redis.attach(client, client)
        with perhaps_lost:
            await push_stat_async("a", 1)
        async_redis.detach()
        await client.aclose()

    asyncio.run(work())

    assert network.cuts == 1
    assert fetch_stats("a").count == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_of_another_library_is_used_like_redis_py(server, server_url, redis_client):
    """Its errors are translated, the unknown script included, and bytes stay bytes."""
    redis_client.script_flush()
    with valkey.Valkey.from_url(server_url, decode_responses=True) as client:
        sync_redis.attach(client, client)
        with Stats() as stat:
            stat("a", 1.5, context=b"\xff")
        assert (fetch_stats("a").avg, len(stat_history("a"))) == (1.5, 1)
        redis_client.set("AKA-STATS::HISTORY::b", "in the way")
        with pytest.raises(ServerError, match="BADTYPE") as refused:
            push_stat("b", 1)
        sync_redis.detach()

    assert refused.value.kind == "refused"


def test_the_guard_of_a_repeating_client_s_batch_expires_soon(server, server_url, redis_client):
    """A client that may repeat costs one key per push, for five minutes."""
    with Plain.from_url(server_url) as client:
        sync_redis.attach(client, client)
        push_stat("a", 1)
        sync_redis.detach()

    (name,) = redis_client.keys("AKA-STATS::CURSOR::once-*")
    assert 0 < redis_client.ttl(name) <= 300


async def coroutine() -> None:
    """A coroutine that was not awaited."""


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: redis.asyncio.Redis(), "it is an asyncio client"),
        (lambda: valkey.asyncio.Valkey(), "it is an asyncio client"),
        (lambda: redis.Redis, "it is a class"),
        (lambda: redis.Redis().pipeline(), "it is a pipeline"),
        (lambda: redis.ConnectionPool(), "does not work like redis.Redis"),
        (lambda: "redis://localhost", "does not work like redis.Redis"),
        (lambda: None, "does not work like redis.Redis"),
        (lambda: redis.cluster.RedisCluster.__new__(redis.cluster.RedisCluster), "clusters are not supported"),
    ],
    ids=["asyncio", "valkey asyncio", "class", "pipeline", "pool", "URL", "None", "cluster"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_no_blocking_client_is_refused(made, reason):
    """The error names the reason, and previously attached clients stay."""
    candidate = made()
    if "cluster" in reason:
        candidate.nodes_manager = None
    ours, client = SyncRedis(), redis.Redis()
    ours.attach(client, client)

    for pair in ((candidate, client), (client, candidate)):
        with pytest.raises(ConfigError, match=f"cannot attach .* to sync_redis: .*{reason}"):
            ours.attach(*pair)

    assert (ours.reader, ours.writer) == (client, client)


def test_what_is_no_asyncio_client_is_refused():
    """A blocking client and a coroutine are refused."""
    waiting = coroutine()

    with pytest.raises(ConfigError, match=r"Redis to async_redis: it is a blocking client"):
        async_redis.attach(redis.Redis(), redis.Redis())
    with pytest.raises(ConfigError, match="coroutine to async_redis: it is an awaitable"):
        async_redis.attach(waiting, waiting)

    waiting.close()


def test_a_client_of_another_event_loop_is_refused(server, server_url):
    """When it is attached, and when the event loop changes behind that."""
    client = redis.asyncio.Redis.from_url(server_url)
    own_loop = asyncio.new_event_loop()

    async def attach() -> None:
        await client.ping()
        async_redis.attach(client, client)
        await push_stat_async("a", 1)

    async def attach_again() -> None:
        async_redis.attach(client, client)

    own_loop.run_until_complete(attach())
    for work in (push_stat_async("a", 1), attach_again()):
        with pytest.raises(ConfigError, match="connections of another event loop"):
            asyncio.run(work)
    async_redis.detach()
    own_loop.run_until_complete(client.aclose())
    own_loop.close()

    assert fetch_stats("a").count == 1


# Another URL


def test_another_url_while_a_connection_is_open_is_an_error(server, server_url):
    """Neither the old nor the new one is taken in silence; after `close` the new one is opened."""
    reader, _ = sync_redis.open_connection()

    with pytest.raises(ConfigError, match=r"redis://other:6379: a connection to unix://.* is open, with 1 user\."):
        sync_redis.open_connection("redis://me:hunter2@other:6379")
    assert sync_redis.open_connection(server_url)[0] is reader
    assert sync_redis.open_connection()[0] is reader
    sync_redis.close()
    other, _ = sync_redis.open_connection(f"{server_url}?db=3")

    assert other.connection_pool.connection_kwargs["db"] == 3
    sync_redis.close()
    config.use(Config(redis_url=server_url))


def test_another_url_after_attach_is_an_error(server_url):
    """The attached clients stay, and the error names the way out."""
    with redis.Redis.from_url(server_url) as client:
        sync_redis.attach(client, client)
        with pytest.raises(ConfigError, match=r"clients are attached. Call detach\(\) first"):
            sync_redis.open_connection("redis://other")
        sync_redis.detach()


def test_another_url_in_asyncio_is_an_error_too(server):
    """The same for asyncio, per event loop."""

    async def work() -> None:
        await async_redis.open_connection()
        with pytest.raises(ConfigError, match=r"a connection to unix://.* is open"):
            await async_redis.open_connection("redis://other")
        await async_redis.close()

    asyncio.run(work())
