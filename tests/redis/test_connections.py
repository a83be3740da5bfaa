"""Connections: attached and own, counted, shared by threads, loops and forks; and what their errors say."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis.asyncio
from redis import Redis

from akastats import Stats, push_stat, push_stat_async
from akastats.config import Config, config
from akastats.errors import AkastatsError, ConfigError, ServerError
from akastats.redis import AsyncRedis, SyncRedis, async_redis, connect, connect_async, sync_redis
from akastats.store.requests import send_read, send_reads, send_writes
from akastats.sync_stats import contexts, fetch_stats
from conftest import eventually, server_binary, wait_until_answering


@pytest.fixture(autouse=True)
def _untouched():
    """Every test leaves the shared connections as it found them: nothing attached, nothing open."""
    yield
    assert sync_redis.call_count == 0
    assert sync_redis.reader is None


@pytest.fixture
def opened(redis_client: Redis) -> Callable[[], int]:
    """How many of the clients that came since the test began the server has.

    Those before are left out by their numbers, which only grow: the server is shared, and hears of the connections
    that earlier tests closed, or left to the garbage collector, in its own time.
    """
    last_before = redis_client.client_id()
    return lambda: sum(int(one["id"]) > last_before for one in redis_client.client_list())


# Attached


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "decoded"])
def test_attached_clients_are_used_and_never_closed(server, server_url, decode):
    """Reads go to the reader, writes to the writer; bytes stay bytes for clients that decode too."""
    reader, writer = (Redis.from_url(server_url, decode_responses=decode) for _ in range(2))
    ours = SyncRedis()
    ours.attach(reader, writer)

    with ours as pair, ours() as again:
        ours.run(send_writes(("SET", "key", b"\xff")))
        found = ours.run(send_read("GET", "key"))
    ours.close()

    assert pair == again == (reader, writer) == (ours.reader, ours.writer)
    assert found == b"\xff"
    assert writer.ping()
    ours.detach()
    assert ours.reader is None
    reader.close()
    writer.close()


@pytest.mark.parametrize("decode", [False, True], ids=["bytes", "decoded"])
def test_attached_asyncio_clients_are_used_and_never_closed(server, server_url, decode):
    """The same for asyncio, a whole `Stats` block and its readers included."""

    async def work() -> None:
        reader, writer = (redis.asyncio.Redis.from_url(server_url, decode_responses=decode) for _ in range(2))
        ours = AsyncRedis()
        ours.attach(reader, writer)
        async with ours as pair, ours() as again:
            await ours.run(send_writes(("SET", "key", b"\xff")))
            assert await ours.run(send_read("GET", "key")) == b"\xff"
        await ours.close()
        assert pair == again == (reader, writer) == (ours.reader, ours.writer)
        assert await writer.ping()
        await reader.aclose()
        await writer.aclose()

    asyncio.run(work())


def test_a_block_over_attached_clients(redis_client, server_url, monkeypatch):
    """Pushing and reading work over clients that decode, reader and writer apart."""
    with Redis.from_url(server_url, decode_responses=True) as reader, Redis.from_url(server_url) as writer:
        monkeypatch.setattr(sync_redis, "_attached", (reader, writer))
        with Stats() as stat:
            stat("a", 1.5, context=b"\xff")

        assert fetch_stats("a").avg == 1.5
        (context_id,) = [key.rpartition("::")[2] for key in reader.scan_iter("*CONTEXTS*")]
        assert contexts([context_id]) == {context_id: b"\xff"}
        assert sync_redis.call_count == 0
        monkeypatch.undo()


class Counting(Redis):
    """A client of a user's own, that has reasons in its `execute_command`."""

    commands = 0

    def execute_command(self, *args, **options):
        """Count, then ask."""
        self.commands += 1
        return super().execute_command(*args, **options)


def test_a_subclass_of_a_client_sends_by_its_own_method(server, server_url):
    """Only redis-py's own client lends us a connection; a subclass keeps its say."""
    ours, client = SyncRedis(), Counting.from_url(server_url)
    ours.attach(client, client)

    assert ours.run(send_read("PING")) in (b"PONG", "PONG", True)
    assert ours.run(send_reads([("GET", "a"), ("GET", "b")])) == [None, None]
    assert ours.run_all([send_writes(("SET", "a", "1"))]) == [[True]]
    assert client.commands == 2
    client.close()


# Own


def test_contexts_are_counted_and_the_last_one_closes(server, opened):
    """Nested contexts share one client, which is closed with the outermost."""
    with sync_redis as (reader, writer):
        reader.ping()
        with sync_redis() as inner:
            assert inner == (reader, writer)
            assert sync_redis.call_count == 2
        assert sync_redis.call_count == 1
        assert opened() == 1

    assert (sync_redis.call_count, sync_redis.reader) == (0, None)
    assert eventually(lambda: opened() == 0)


def test_an_opened_connection_outlives_contexts(server):
    """`open_connection` protects the connection until `close`."""
    reader, _ = sync_redis.open_connection()

    with sync_redis() as (inner, _):
        assert inner is reader
    push_stat("a", 1)
    assert sync_redis.reader is reader
    assert sync_redis.call_count == 1

    sync_redis.close()
    assert sync_redis.reader is None


def test_closing_waits_for_contexts(server):
    """`close` does not pull the connection from under a context that is open."""
    sync_redis.open_connection()

    with sync_redis() as (reader, _):
        sync_redis.close()
        assert reader.ping()
        assert sync_redis.reader is reader


def test_redis_pair_is_released_by_close(server):
    """The pair without a context works as an opened connection."""
    reader, writer = sync_redis.redis_pair()

    assert reader.ping()
    assert writer.ping()
    sync_redis.close()


def test_open_connection_takes_another_url(server_url):
    """A URL given goes before the configured one."""
    ours = SyncRedis()

    reader, _ = ours.open_connection(server_url)

    assert reader.ping()
    ours.close()


def test_asyncio_contexts_are_counted_per_loop(server, opened):
    """Concurrent and nested contexts of a loop share one client; the last closes it."""

    async def one(all_in: asyncio.Event) -> object:
        async with async_redis() as (reader, _):
            await reader.ping()
            await all_in.wait()
            return reader

    async def work() -> None:
        event = asyncio.Event()
        tasks = [asyncio.ensure_future(one(event)) for _ in range(5)]
        while async_redis.call_count < 5:
            await asyncio.sleep(0)
        event.set()
        assert len(set(await asyncio.gather(*tasks))) == 1
        assert async_redis.call_count == 0
        assert async_redis.reader is None

    asyncio.run(work())
    assert eventually(lambda: opened() == 0)


def test_asyncio_keeps_an_opened_connection_until_close(server, opened):
    """`open_connection` protects the connection, and one `close` closes it."""

    async def work() -> None:
        reader, _ = await async_redis.open_connection()
        async with async_redis as (inner, _):
            assert inner is reader
        await push_stat_async("a", 1)
        assert (async_redis.reader, async_redis.call_count) == (reader, 1)
        await async_redis.close()
        assert async_redis.reader is None

    asyncio.run(work())
    assert eventually(lambda: opened() == 0)


def test_several_loops_one_after_the_other(server):
    """Each `asyncio.run` has its own connection, also when one forgot to close its own."""

    async def push() -> None:
        await push_stat_async("a", 1)

    for _ in range(3):
        asyncio.run(push())

    assert fetch_stats("a").count == 3


def test_outside_a_loop_there_is_no_asyncio_connection():
    """Asking for it is answered, not an error."""
    assert (async_redis.call_count, async_redis.reader, async_redis.writer) == (0, None, None)


def test_threads_share_a_connection(server):
    """Threads that come and go in contexts never lose the connection under each other."""

    def work(number: int) -> None:
        for _ in range(20):
            with sync_redis() as (reader, writer):
                writer.incr("a")
                reader.get("a")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    with sync_redis() as (reader, _):
        assert reader.get("a") == b"160"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_pushes_too(server):
    """A child forked while the connection is open, and its lock is held, writes over its own."""
    sync_redis.open_connection()
    push_stat("a", 1)

    with sync_redis._lock:
        child = os.fork()
        if child == 0:
            push_stat("a", 2)
            os._exit(0)
    _, status = os.waitpid(child, 0)
    push_stat("a", 3)

    assert status == 0
    assert fetch_stats("a").total == 6
    sync_redis.close()


def test_a_connection_that_the_server_closed_is_opened_again(server, redis_client):
    """After a restart or an idle timeout the next push works: nothing had been sent."""
    sync_redis.open_connection()
    push_stat("a", 1)
    redis_client.client_kill_filter(_type="normal", skipme=True)

    push_stat("a", 2)
    with Stats() as stat:
        stat("a", 3)

    assert fetch_stats("a").total == 6
    sync_redis.close()


def test_the_same_for_asyncio(server, redis_client):
    """A closed connection is noticed before anything is sent."""

    async def work() -> None:
        await async_redis.open_connection()
        await push_stat_async("a", 1)
        redis_client.client_kill_filter(_type="normal", skipme=True)
        # The loop hears of it when it has its turn.
        for _ in range(3):
            await asyncio.sleep(0)
        await push_stat_async("a", 2)
        async with Stats() as stat:
            stat("a", 3)
        await async_redis.close()

    asyncio.run(work())
    assert fetch_stats("a").total == 6


# Addresses and errors


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    """A server with a certificate of its own making; its port, or nothing where it speaks no TLS."""
    directory = tmp_path_factory.mktemp("tls")
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    written = ["-keyout", directory / "key", "-out", directory / "certificate"]
    made = subprocess.run(["openssl", *request.split(), *written], capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    tls = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--bind", "127.0.0.1"]
    files = ["--tls-cert-file", directory / "certificate", "--tls-key-file", directory / "key"]
    arguments = [*tls, *files, "--unixsocket", directory / "s", "--save", ""]
    server = subprocess.Popen([server_binary(), *arguments], stdout=subprocess.DEVNULL)
    try:
        wait_until_answering(directory / "s", server)
    except AssertionError:
        yield None
    else:
        yield port if made.returncode == 0 else None
    server.kill()
    server.wait()


def test_rediss_is_spoken(tls_server):
    """A rediss URL with its options reaches a server over TLS, or raises an error."""
    if tls_server is None:
        client = connect("rediss://localhost:6380/1?ssl_cert_reqs=none")
        assert client.connection_pool.connection_class.__name__ == "SSLConnection"
        return

    config.use(Config(redis_url=f"rediss://localhost:{tls_server}?ssl_cert_reqs=none"))
    push_stat("a", 1)
    assert fetch_stats("a").count == 1
    config.use(Config(redis_url=f"rediss://localhost:{tls_server}"))
    with pytest.raises(ServerError, match="certificate"):
        push_stat("a", 1)
    config.use(None)


def test_a_url_s_database_is_used(server_url, redis_client):
    """The database of a unix URL is the one that is written to."""
    config.use(Config(redis_url=f"{server_url}?db=3"))
    push_stat("a", 1)
    config.use(None)

    assert redis_client.keys() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hunter2@host",
        "redis://me:hunter2@host:port",
        "redis://:hun/hunter2@host",
        "redis://me:hunter2@host?unknown=1",
        "redis://me:hunter2@host?socket_timeout=hunter2",
    ],
)
@pytest.mark.parametrize("opened", [connect, connect_async])
def test_a_url_that_cannot_be_used_is_one_error_without_its_password(url, opened):
    """The error shows the form of a URL; neither it nor its causes contain the password."""
    with pytest.raises(ConfigError, match="cannot use the Redis URL") as caught:
        opened(url)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port without a listener, reserved so that no other process listens there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("flavour", ["sync", "async", "block", "async block"])
def test_an_absent_server_is_one_error(closed_port, flavour):
    """The message names the address and the remedy, without the password; nothing was sent."""
    config.use(Config(redis_url=f"redis://me:hunter2@127.0.0.1:{closed_port}"))

    async def async_block() -> None:
        async with Stats() as stat:
            stat("a", 1)

    def block() -> None:
        with Stats() as stat:
            stat("a", 1)

    acts = {
        "sync": lambda: push_stat("a", 1),
        "async": lambda: asyncio.run(push_stat_async("a", 1)),
        "block": block,
        "async block": lambda: asyncio.run(async_block()),
    }
    message = f"Cannot connect to Redis at redis://127.0.0.1:{closed_port}.*AKA_STATS_REDIS_URL"
    with pytest.raises(AkastatsError, match=message) as caught:
        acts[flavour]()

    config.use(None)
    error: BaseException | None = caught.value
    assert error.kind == "absent"
    while error is not None:
        assert "hunter2" not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_the_error_for_a_wrong_password_omits_it(server, redis_client, server_url):
    """Denied access names the address and not the password."""
    redis_client.config_set("requirepass", "right")
    try:
        config.use(Config(redis_url=server_url.replace("unix://", "unix://:hunter2@")))
        with pytest.raises(ServerError, match="denies access") as caught:
            push_stat("a", 1)
    finally:
        redis_client.execute_command("AUTH", "right")
        redis_client.config_set("requirepass", "")

    assert caught.value.kind == "denied"
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


class Silent:
    """A server that takes connections and requests, and hangs up after `replies` answers."""

    def __init__(self, replies: int = 0) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}?protocol=2&lib_name=&lib_version="
        self._replies = replies
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            answered = 0
            while data := connection.recv(1 << 20):
                if b"EVALSHA" in data or answered:
                    if answered == self._replies:
                        return
                    answered += 1
                    connection.sendall(b"*2\r\n:1\r\n$0\r\n\r\n")
                else:
                    connection.sendall(b"+OK\r\n" * data.count(b"*"))

    def close(self) -> None:
        """Wait for the end of it."""
        self._listening.close()
        self._thread.join()


@pytest.mark.parametrize("flavour", ["sync", "async"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_lost_reply_says_that_nobody_can_know(flavour, monkeypatch):
    """The error is `lost`, the points stay in the object, and nothing is sent a second time."""
    silent = Silent()
    client = connect(silent.url.split("?")[0], protocol=2)
    async_client = connect_async(silent.url.split("?")[0], protocol=2)
    monkeypatch.setattr(sync_redis, "_attached", (client, client))
    monkeypatch.setattr(async_redis, "_attached", (async_client, async_client))
    stat = Stats()
    stat("a", 1)

    with pytest.raises(ServerError, match="may or may not have been executed") as caught:
        stat.save_stats() if flavour == "sync" else asyncio.run(stat.save_stats_async())

    monkeypatch.undo()
    silent.close()
    assert caught.value.kind == "lost"
    assert "1 point is still in this object" in str(caught.value)
    assert len(stat.recorded_stats) == 1
