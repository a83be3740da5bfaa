"""Servers of a case's own, and what can befall them; each provocation is lifted when its block ends."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.retry import Retry

from conftest import server_binary

KINDS = ("valkey", "redis")


def binary_of(kind: str) -> str:
    """Return the program of the embedded Valkey, or the Redis of this machine."""
    if kind == "valkey":
        return str(server_binary())
    found = shutil.which("redis-server")
    assert found, "redis-server is missing: install the system's package"
    return found


class Server:
    """A server that can be stopped, killed and started again; its port stays the same, and its own."""

    def __init__(self, kind: str, home: Path, *options: str) -> None:
        self.kind, self.home, self.options = kind, home, options
        home.mkdir(parents=True, exist_ok=True)
        # Bound and not listening it refuses whoever calls, lets servers in that reuse addresses, and no others.
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port = int(self._held.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self, *options: str, wait: bool = True) -> Server:
        """Start it; return when it answers, be it that it is still loading."""
        plain = ("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.home), "--save", "")
        command = [
            binary_of(self.kind),
            *plain,
            "--enable-debug-command",
            "yes",
            "--enable-protected-configs",
            "yes",
            *self.options,
            *options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if wait:
            self._await_answer()
        return self

    def _await_answer(self) -> None:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            try:
                with self.client() as client:
                    client.execute_command("PING")
                    return
            except BusyLoadingError:
                return
            except RedisError as error:
                if "NOAUTH" in str(error) or "Authentication" in str(error):
                    return
                time.sleep(0.005)
        raise AssertionError(f"no {self.kind} on port {self.port}")

    def client(self, **options: object) -> Redis:
        """Return a client that tries everything once."""
        told = {"socket_timeout": 5, "protocol": 2, **options}
        return Redis(port=self.port, retry=Retry(NoBackoff(), 0), **told)  # type: ignore[arg-type]

    def say(self, *command: object) -> object:
        """Ask the server something."""
        with self.client() as client:
            return client.execute_command(*command)

    def pause(self) -> None:
        assert self.process
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """End it for good, and give its port back."""
        self.kill()
        self._held.close()

    def empty(self) -> None:
        """Forget all that it has on disk."""
        shutil.rmtree(self.home)
        self.home.mkdir()


@contextmanager
def repeating(act: Callable[[], object], every_s: float) -> Iterator[None]:
    """Do something again and again, whatever comes of it."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_s):
            try:
                act()
            except (RedisError, OSError):
                continue

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# What befalls a server for as long as a block lasts; each yields the URL that the run is given.


@contextmanager
def away(server: Server) -> Iterator[str]:
    """Nobody listens at the port."""
    server.kill()
    yield server.url
    server.start()


@contextmanager
def black_hole(server: Server) -> Iterator[str]:
    """Whoever connects is not answered: a full backlog, whose further callers the kernel ignores."""
    server.kill()
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(server.address)
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(server.address)
        yield server.url
        for each in waiting:
            each.close()
    server.start()


@contextmanager
def stopped(server: Server) -> Iterator[str]:
    """The server is there and does nothing."""
    server.pause()
    yield server.url
    server.resume()


@contextmanager
def full(server: Server) -> Iterator[str]:
    """No memory is left, and nothing may be dropped."""
    server.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.say("CONFIG", "SET", "maxmemory", "100kb")
    yield server.url
    server.say("CONFIG", "SET", "maxmemory", "0")


@contextmanager
def evicting(server: Server) -> Iterator[str]:
    """Memory is limited, and what was not used lately is dropped for new data."""
    server.say("CONFIG", "SET", "maxmemory", "200mb")
    server.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    yield server.url


@contextmanager
def read_only(server: Server) -> Iterator[str]:
    """A replica of a primary that is not there."""
    server.say("REPLICAOF", "127.0.0.1", "1")
    yield server.url
    server.say("REPLICAOF", "NO", "ONE")


@contextmanager
def stale(server: Server) -> Iterator[str]:
    """A replica without its primary that does not even answer reads."""
    server.say("CONFIG", "SET", "replica-serve-stale-data", "no")
    with read_only(server) as url:
        yield url


@contextmanager
def loading(server: Server) -> Iterator[str]:
    """The server reads a snapshot in, and answers nothing else meanwhile."""
    server.say("DEBUG", "POPULATE", "20000", "filler", "100")
    server.say("SAVE")
    server.kill()
    # 2 ms a key: 40 s, unless it is told to hurry.
    server.start("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    assert is_loading(server)
    yield server.url
    server.say("CONFIG", "SET", "key-load-delay", "0")
    while is_loading(server):
        time.sleep(0.01)


def is_loading(server: Server) -> bool:
    """Tell whether a server still reads its data in."""
    try:
        server.say("GET", "filler:1")
    except BusyLoadingError:
        return True
    return False


@contextmanager
def failing_to_save(server: Server) -> Iterator[str]:
    """A snapshot could not be written, so nothing is taken any more."""
    gone = server.home / "gone"
    gone.mkdir()
    server.say("CONFIG", "SET", "dir", str(gone))
    server.say("CONFIG", "SET", "save", "3600 1")
    gone.rmdir()
    server.say("SET", "filler", "1")
    server.say("BGSAVE")
    await_refusal(server, "MISCONF")
    yield server.url
    server.say("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")


def await_refusal(server: Server, word: str) -> None:
    """Return when the server refuses to write with this word."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            server.say("SET", "filler", "1")
        except RedisError as error:
            if word in str(error):
                return
        time.sleep(0.01)
    raise AssertionError(f"never {word}")


@contextmanager
def forgetting_scripts(server: Server) -> Iterator[str]:
    """Scripts are flushed 20 times a second."""
    with repeating(lambda: server.say("SCRIPT", "FLUSH"), 0.05):
        yield server.url


@contextmanager
def busy(server: Server) -> Iterator[str]:
    """A script runs for ever; who asks for anything else is told so."""
    server.say("CONFIG", "SET", "lua-time-limit", "50")
    endless = server.client(socket_timeout=None)

    def run() -> None:
        try:
            endless.eval("while true do end", 0)
        except RedisError:
            pass

    thread = threading.Thread(target=run)
    thread.start()
    await_refusal(server, "BUSY")
    yield server.url
    server.say("SCRIPT", "KILL")
    thread.join()
    endless.close()


@contextmanager
def web_server(server: Server) -> Iterator[str]:
    """Something else listens at the port."""
    server.kill()
    http.server.ThreadingHTTPServer.allow_reuse_address = True

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(server.address, Quiet) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.05,))
        thread.start()
        yield server.url
        other.shutdown()
        thread.join()
    server.start()


@contextmanager
def without_tls(server: Server) -> Iterator[str]:
    """The URL asks for TLS, which the server does not speak."""
    yield server.url.replace("redis://", "rediss://")


@contextmanager
def other_tls(server: Server) -> Iterator[str]:
    """Something that speaks TLS listens at the port, with a certificate that nobody knows."""
    server.kill()
    certificate, key = self_signed(server.home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                with context.wrap_socket(listening.accept()[0], server_side=True) as connection:
                    connection.recv(1)
            except OSError:
                continue

    with socket.create_server(server.address) as listening:
        listening.settimeout(0.1)
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.url
        over.set()
        thread.join()
    server.start()


@contextmanager
def unknown_certificate(server: Server) -> Iterator[str]:
    """The same, and the URL asks for TLS."""
    with other_tls(server) as url:
        yield url.replace("redis://", "rediss://")


def self_signed(home: Path) -> tuple[Path, Path]:
    """Make a certificate that signs itself; return it and its key."""
    certificate, key = home / "certificate.pem", home / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


PASSWORD = "s3cr3t-Pa55w0rd"


@contextmanager
def asking_for_a_password(server: Server) -> Iterator[str]:
    """The URL names none."""
    server.say("CONFIG", "SET", "requirepass", PASSWORD)
    yield server.url
    with server.client(password=PASSWORD) as client:
        client.config_set("requirepass", "")


@contextmanager
def wrong_password(server: Server) -> Iterator[str]:
    """The URL names another password than the server has."""
    server.say("ACL", "SETUSER", "ci", "on", ">another", "~*", "+@all")
    yield server.url.replace("://", f"://ci:{PASSWORD}@")


@contextmanager
def no_permission(server: Server) -> Iterator[str]:
    """The URL's user may read and no more."""
    server.say("ACL", "SETUSER", "ci", "on", f">{PASSWORD}", "~*", "+@read", "+@connection", "+info")
    yield server.url.replace("://", f"://ci:{PASSWORD}@")


# What befalls it once, while tests run


def killed_and_emptied(server: Server) -> None:
    """The server dies and comes back with nothing."""
    server.kill()
    server.empty()
    server.start()


def killed_and_restored(server: Server) -> None:
    """The server dies and comes back with what its append-only file has."""
    server.kill()
    server.start()


def stopped_for_a_second(server: Server) -> None:
    """The server does nothing for a second."""
    server.pause()
    time.sleep(1.0)
    server.resume()


@contextmanager
def older_data(server: Server) -> Iterator[Callable[[], None]]:
    """Keep what the server has on disk now; yield what brings it back to that."""
    kept = server.home.with_name("kept")
    shutil.copytree(server.home, kept)

    def restore() -> None:
        server.kill()
        shutil.rmtree(server.home)
        shutil.copytree(kept, server.home)
        server.start()

    yield restore
    shutil.rmtree(kept)


#: A module that redis-py tries to import: found last, where PYTHONPATH says, it makes look-ups of names hang.
HANGING_RESOLVER = """
import os, socket, time
real = socket.getaddrinfo
def getaddrinfo(host, *arguments, **options):
    while os.path.exists({flag!r}):
        time.sleep(0.02)
    return real("127.0.0.1", *arguments, **options)
socket.getaddrinfo = getaddrinfo
raise ImportError
"""


@contextmanager
def hanging_resolver(home: Path) -> Iterator[str]:
    """Yield the PYTHONPATH with which the shipper's look-ups of names hang."""
    home.mkdir()
    flag = home / "hangs"
    flag.touch()
    (home / "hiredis.py").write_text(HANGING_RESOLVER.format(flag=str(flag)))
    yield str(home)
    flag.unlink()
