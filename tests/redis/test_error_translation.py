"""Translate a server's errors, whatever redis-py makes of them, with a server that returns only errors."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from akastats.errors import ServerError
from akastats.redis import connect, run
from akastats.redis.error_translation import MESSAGES, format_address
from akastats.store.requests import Operation, send_read


class Refusing:
    """Greets every client, then gives one answer to everything."""

    def __init__(self) -> None:
        self.answer = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(65536):
                greeting = b"%1\r\n+proto\r\n:3\r\n" if b"HELLO" in request else b""
                greeting += b"+OK\r\n" * request.count(b"\nCLIENT\r")
                connection.sendall(greeting or self.answer)

    def close(self) -> None:
        # shutdown wakes who waits in accept; close alone does not.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    """A server that refuses everything."""
    server = Refusing()
    yield server
    server.close()


def get() -> Operation[object]:
    return (yield from send_read("GET", "key"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("-LOADING Redis is loading the dataset in memory", "busy"),
        ("-OOM command not allowed when used memory > 'maxmemory'.", "busy"),
        ("-READONLY You can't write against a read only replica.", "busy"),
        (
            "-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
            "busy",
        ),
        ("-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "busy"),
        ("-CLUSTERDOWN The cluster is down", "cluster"),
        ("-MOVED 3999 127.0.0.1:6381", "cluster"),
        ("-CROSSSLOT Keys in request don't hash to the same slot", "cluster"),
        ("-TRYAGAIN Multiple keys request during rehashing of slot", "busy"),
        ("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "busy"),
        ("-NOREPLICAS Not enough good replicas to write.", "busy"),
        ("-NOAUTH Authentication required.", "denied"),
        ("-WRONGPASS invalid username-password pair or user is disabled.", "denied"),
        ("-NOPERM User ci has no permissions to run the 'evalsha' command", "denied"),
        ("-ERR operation not permitted", "denied"),
        ("-ERR DB index is out of range", "denied"),
        ("-NOSCRIPT No matching script. Please use EVAL.", "unknown_script"),
        ("-BADTYPE key holds a string where a hash belongs", "refused"),
        ("-WRONGTYPE Operation against a key holding the wrong kind of value", "refused"),
        ("-ERR max number of clients reached", "lost"),
        ("HTTP/1.1 400 Bad Request", "lost"),
    ],
)
def test_what_a_server_says_has_its_kind(refusing: Refusing, answer: str, kind: str) -> None:
    """What may pass is tried again, what the owner must mend is not, and neither is taken for the other."""
    refusing.answer = f"{answer}\r\n".encode()

    with connect(refusing.url) as client, pytest.raises(ServerError) as raised:
        run(get(), client, client)

    assert kind == raised.value.kind
    assert ("is not a Redis server" in str(raised.value)) == answer.startswith("HTTP")


def test_a_denied_request_names_the_missing_permission(refusing: Refusing) -> None:
    """The server's word says more than ours: which user, which command."""
    refusing.answer = b"-NOPERM User ci has no permissions to run the 'evalsha' command\r\n"

    with connect(refusing.url) as client, pytest.raises(ServerError, match=r"ci has no permissions.*AKA_STATS"):
        run(get(), client, client)


def test_every_server_error_has_a_message():
    """Each subclass of `ServerError` has a message, and a kind of its own."""
    kinds = {"absent", "lost", "busy", "denied", "unknown_script", "refused", "cluster"}

    assert set(ServerError.__subclasses__()) == set(MESSAGES)
    assert {each.kind for each in MESSAGES} == kinds


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:hunter2@host", "redis://host:6379"),
        ("rediss://host:6380/1", "rediss://host:6380"),
        ("redis://[::1]:7000", "redis://[::1]:7000"),
        ("unix://:hunter2@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_an_address_is_shown_as_it_is_written(url, shown):
    """Scheme and brackets are there, user and password are not."""
    assert shown == format_address(connect(url))
