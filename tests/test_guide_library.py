"""Run the snippets of the usage guide of aka-stats, with changed imports, real applications and real URLs."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import http.server
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from time import time

import pytest
import uvicorn
from fastapi import FastAPI
from redis import Redis
from redis.asyncio import Redis as AsyncClient

from akastats import Stats, push_stat, push_stat_async, timer
from akastats.async_stats import available_stats, contexts, fetch_stats, stat_history
from akastats.config import config
from akastats.redis import async_redis, sync_redis

CAKE = "06466bfef6e7e40e52d572902df6757d"


@contextmanager
def serving(app: FastAPI) -> Iterator[http.client.HTTPConnection]:
    """Serve an application on a free port; give a connection to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=service.run, args=([listening],))
        thread.start()
        connection = http.client.HTTPConnection(*listening.getsockname(), timeout=10)
        try:
            yield connection
        finally:
            connection.close()
            service.should_exit = True
            thread.join()


def get(connection: http.client.HTTPConnection, path: str) -> bytes:
    """Return the answer of a path."""
    connection.request("GET", path)
    return connection.getresponse().read()


@pytest.fixture
def urls(tmp_path) -> Iterator[list[str]]:
    """Three files served over HTTP."""
    for number in range(3):
        (tmp_path / f"file{number}.txt").write_text("x" * 3000)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        """A handler that logs no request."""

        def log_message(self, *args: object) -> None:
            """Log no request."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield [f"http://127.0.0.1:{server.server_port}/file{number}.txt" for number in range(3)]
        server.shutdown()
        thread.join()


# Setting up the Redis


def test_reusing_a_connection_in_fastapi(server, server_url, redis_client: Redis):
    """An attached asyncio client serves an application, and stays its own to close."""
    redis_client.set("key", "value")

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        redis = AsyncClient.from_url(server_url)
        async_redis.attach(redis, redis)
        yield
        async_redis.detach()
        await redis.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.get("/api/v1/endpoint")
    async def endpoint() -> str:
        async with async_redis as (reader, writer):
            assert reader is writer
            return (await reader.get("key")).decode("utf8")

    with serving(app) as connection:
        assert [get(connection, "/api/v1/endpoint") for _ in range(2)] == [b'"value"'] * 2


def test_reusing_a_connection_in_a_script(server, server_url):
    """Attached clients are what the library writes to and reads from."""
    with Redis.from_url(server_url) as redis:
        sync_redis.attach(redis, redis)
        push_stat("a", 1)
        with sync_redis() as (reader, writer):
            assert reader is writer is redis
        sync_redis.detach()

        assert redis.get("AKA-STATS::COUNT::a") == b"1"


def test_own_connections_in_fastapi(server_url, redis_client: Redis, monkeypatch):
    """The URL comes from the environment, and an opened connection outlives the endpoints' contexts."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server_url)
    config.use(None)
    redis_client.set("endpoint_key", "value")
    counts = []

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        await async_redis.open_connection()
        yield
        await async_redis.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/api/v1/endpoint")
    async def endpoint() -> str:
        async with async_redis() as (reader, _):
            counts.append(async_redis.call_count)
            return (await reader.get("endpoint_key")).decode("utf8")

    with serving(app) as connection:
        assert [get(connection, "/api/v1/endpoint") for _ in range(2)] == [b'"value"'] * 2
    config.use(None)
    assert counts == [2, 2]


def test_own_connections_in_a_script(server):
    """A context closes what it opened; `open_connection` keeps it open over contexts."""
    with sync_redis() as (reader, writer):
        writer.set("endpoint_key", "something")
        assert reader.get("endpoint_key") == b"something"
    assert sync_redis.reader is None

    sync_redis.open_connection()
    for _ in range(2):
        with sync_redis() as (reader, writer):
            writer.set("endpoint_key", "something")
            assert reader.get("endpoint_key") == b"something"
    assert sync_redis.reader is reader
    sync_redis.close()


# Adding stats


def test_adding_a_single_stat(server, redis_client: Redis, tmp_path):
    """One number at the end of a longer process."""
    file_path = Path(tmp_path / "large_file.csv")
    file_path.write_text("a\nb\n")
    start_time = time()

    with file_path.open("r") as csv_io:
        lines = sum(1 for _ in csv_io)
    push_stat(f"file:{file_path.name}", time() - start_time)
    asyncio.run(push_stat_async("lines", lines))

    assert redis_client.get("AKA-STATS::COUNT::file:large_file.csv") == b"1"
    assert redis_client.get("AKA-STATS::LAST::lines") == b"2"


def test_adding_multiple_stats(server, redis_client: Redis, tmp_path, urls):
    """A block times every download, and all of them."""
    with Stats() as stat:
        stat_gen = timer()
        for url in urls:
            output = tmp_path / url.replace("/", "-").replace(":", "-")
            with urllib.request.urlopen(url) as response, output.open("wb") as output_io:
                output_io.write(response.read())
            timer_stat = next(stat_gen)
            stat(url, timer_stat.stat)

        stat("url-downloader", timer_stat.total)

    times = [float(redis_client.get(f"AKA-STATS::LAST::{url}")) for url in urls]
    assert float(redis_client.get("AKA-STATS::LAST::url-downloader")) == pytest.approx(sum(times), abs=1e-6)


def test_adding_multiple_stats_awaiting(server, redis_client: Redis, urls):
    """The same with everything at once."""

    async def main() -> None:
        async with Stats() as stat:

            async def download_one(url: str) -> None:
                stat_timer = timer()
                await asyncio.to_thread(lambda: urllib.request.urlopen(url).close())
                stat(url, next(stat_timer).stat)

            stat_timer = timer()
            await asyncio.gather(*[download_one(url) for url in urls])
            stat("url-downloader", next(stat_timer).stat)

    asyncio.run(main())

    assert redis_client.zcard("AKA-STATS::INDEX") == 4


def test_contexts_are_stored_once_under_their_md5(server, redis_client: Redis):
    """Ten points of one context hold its id, and one key its bytes."""
    with Stats() as stat:
        for _ in range(10):
            stat("stat_label", 1.4, context=b"the cake is a lie")

    entries = redis_client.lrange("AKA-STATS::HISTORY::stat_label", 0, -1)
    assert {entry.split(b";", 1)[1] for entry in entries} == {f"1.4;{CAKE}".encode()}
    assert redis_client.get(f"AKA-STATS::CONTEXTS::{CAKE}") == b"the cake is a lie"
    assert hashlib.md5(b"the cake is a lie").hexdigest() == CAKE


# Exceptions


def test_exceptions_are_handled_by_the_block(server, redis_client: Redis):
    """Two labels and a traceback."""
    with pytest.raises(ValueError, match="test"), Stats():
        int("test")

    assert redis_client.zrange("AKA-STATS::INDEX", 0, -1) == [b"errors__EXC:ValueError", b"errors__all"]


@pytest.mark.parametrize("is_passed", [True, False], ids=["stat.exception(e)", "stat.exception()"])
def test_exceptions_are_handled_by_oneself(server, redis_client: Redis, is_passed):
    """A handled exception is recorded, and the block continues."""
    with Stats() as stat:
        try:
            t = timer()
            int("test")
            stat("stat_label", next(t).stat)
        except Exception as e:  # noqa: BLE001 - the guide's own
            stat.exception(e) if is_passed else stat.exception()

    assert redis_client.zrange("AKA-STATS::INDEX", 0, -1) == [b"errors__EXC:ValueError", b"errors__all"]


def test_retrieving_errors(server):
    """The guide's session, from the failing block to the traceback's bytes."""

    async def session() -> bytes:
        with pytest.raises(ValueError, match="invalid literal"):
            async with Stats():
                int("test")
        keys = [key async for key in available_stats("errors__*")]
        assert keys == ["errors__EXC:ValueError", "errors__all"]
        numbers = {key: await fetch_stats(key) for key in keys}
        assert {summary.count for summary in numbers.values()} == {1.0}
        (point,) = await stat_history("errors__EXC:ValueError")
        assert (point.label, point.value) == ("errors__EXC:ValueError", 1.0)
        return (await contexts([point.context_id]))[point.context_id]

    traceback = asyncio.run(session())

    assert traceback.startswith(b"Traceback (most recent call last):\n")
    assert traceback.endswith(b"ValueError: invalid literal for int() with base 10: 'test'\n")


# Calculation


def test_keys_of_a_label(server, redis_client: Redis):
    """A push writes exactly the documented keys, and all keys of the label expire."""
    push_stat("a", 2, "why")

    names = {name.decode().rpartition("::")[0] for name in redis_client.scan_iter("*::a")}
    fields = ["LAST", "LAST_TIME", "MIN", "MAX", "AVG", "STDEV", "COUNT", "TOTAL", "TOTAL_SQ", "HISTORY"]
    assert names == {f"AKA-STATS::{field}" for field in fields}
    others = {name for name in redis_client.scan_iter() if not name.endswith(b"::a")}
    context = b"AKA-STATS::CONTEXTS::" + hashlib.md5(b"why").hexdigest().encode()
    assert others == {b"AKA-STATS::INDEX", b"AKA-STATS::SEEN", context}
    assert all(redis_client.ttl(name) > 0 for name in [*redis_client.scan_iter("*::a"), context])
    assert redis_client.zscore("AKA-STATS::INDEX", "a") == 1


def test_each_service_has_its_own_namespace(server_url, redis_client: Redis, monkeypatch):
    """`AKA_STATS_NAMESPACE` is the prefix of every key."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server_url)
    monkeypatch.setenv("AKA_STATS_NAMESPACE", "MINE")
    config.use(None)

    push_stat("a", 1)

    config.use(None)
    assert {name.split(b"::")[0] for name in redis_client.scan_iter()} == {b"MINE"}
