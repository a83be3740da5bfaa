"""Connections of `akastats serve`: a client with many idle connections does not block others."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from akastats.cli.connections import (
    MAX_CONNECTIONS,
    MAX_IDLE_PER_CLIENT,
    MAX_PER_CLIENT,
    Admission,
    OpenConnection,
    admit,
)

# A second is long enough for a request on a busy machine, and short for a test.
SERVE = """
import socket, sys, uvicorn
from akastats.cli.connections import BoundedProtocol
BoundedProtocol.silent_s, BoundedProtocol.header_s, BoundedProtocol.unread_s = map(float, sys.argv[2:5])
listening = socket.socket(fileno=int(sys.argv[1]))
settings = uvicorn.Config("akastats.app:app", log_level="critical", http=BoundedProtocol, ws="none")
uvicorn.Server(settings).run([listening])
"""
SILENT = b""
SLOW_HEADER = b"GET /api/v1/scopes HTTP/1.1\r\nHost: localhost\r\n"
SLOW_BODY = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\ntoken="

idle = OpenConnection("10.0.0.1", 5.0)
answering = OpenConnection("10.0.0.1", None)
other = OpenConnection("10.0.0.2", 1.0)
BUSY = [OpenConnection(f"10.0.1.{number % 50}", None) for number in range(MAX_CONNECTIONS)]


@pytest.mark.parametrize(
    ("held", "close", "is_refused"),
    [
        ([], None, False),
        ([idle] * (MAX_IDLE_PER_CLIENT - 1), None, False),
        ([idle] * (MAX_IDLE_PER_CLIENT - 1) + [OpenConnection("10.0.0.1", 2.0)], MAX_IDLE_PER_CLIENT - 1, False),
        ([other] * MAX_IDLE_PER_CLIENT, None, False),
        ([answering] * (MAX_PER_CLIENT - 1), None, False),
        ([answering] * MAX_PER_CLIENT, None, True),
        ([*[answering] * (MAX_PER_CLIENT - 1), idle], MAX_PER_CLIENT - 1, False),
        (BUSY, None, True),
        ([*BUSY[1:], other], MAX_CONNECTIONS - 1, False),
        ([other, *[OpenConnection("10.0.0.3", 9.0)] * 50, *BUSY[51:]], 1, False),
    ],
    ids=[
        "alone",
        "below-its-idle",
        "longest-idle-of-its-own",
        "idle-of-another",
        "below-its-share",
        "its-share-is-answered",
        "its-share-with-an-idle-one",
        "all-answered",
        "all-with-an-idle-one",
        "of-who-holds-most",
    ],
)
def test_which_connection_makes_room(held, close, is_refused):
    """The longest idle connection of the same client, else of the client with the most; 503 if none is idle."""
    assert admit("10.0.0.1", held) == Admission(close, is_refused)


@pytest.fixture
def serve(server_url: str) -> Iterator[object]:
    """Serve the complete application on every loopback address; return its port. `times` are in seconds."""
    with ExitStack() as stack:

        def start(silent_s: float = 60.0, header_s: float = 60.0, unread_s: float = 60.0) -> int:
            listening = stack.enter_context(socket.create_server(("0.0.0.0", 0), backlog=512))
            service = subprocess.Popen(
                [sys.executable, "-c", SERVE, *map(str, (listening.fileno(), silent_s, header_s, unread_s))],
                pass_fds=[listening.fileno()],
                env={**os.environ, "AKA_STATS_REDIS_URL": server_url},
            )
            stack.callback(service.wait, 10)
            stack.callback(service.terminate)
            return int(listening.getsockname()[1])

        yield start


def ask(address: str, port: int) -> int:
    """Send a request from and to a loopback address; return the status."""
    with closing(http.client.HTTPConnection(address, port, timeout=20, source_address=(address, 0))) as connection:
        connection.request("GET", "/api/v1/scopes", headers={"Host": "localhost"})
        return connection.getresponse().status


@pytest.mark.parametrize("sent", [SILENT, SLOW_HEADER, SLOW_BODY], ids=["silent", "slow-header", "slow-body"])
def test_260_connections_without_a_request_do_not_block_others(serve, sent):
    """Other clients are served, also from the same address, as behind a proxy."""
    port = serve()
    with ExitStack() as stack:
        for _ in range(260):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            held.sendall(sent)

        statuses = [ask(address, port) for address in ("127.0.0.2", "127.0.0.1", "127.0.0.1")]

    assert statuses == [200, 200, 200]


@pytest.mark.parametrize(
    ("times", "sent"),
    [
        ({"silent_s": 0.2}, SILENT),
        ({"silent_s": 0.2, "header_s": 0.4}, SLOW_HEADER),
    ],
    ids=["silent", "slow-header"],
)
def test_a_connection_without_a_request_is_closed(serve, times, sent):
    """The client reads the end of its connection."""
    with socket.create_connection(("127.0.0.1", serve(**times)), timeout=20) as held:
        held.sendall(sent)

        assert held.recv(1) == b""


def test_a_header_in_two_parts_has_more_time_than_silence(serve):
    """On a slow network the second part may arrive after the limit for silent connections."""
    port = serve(silent_s=0.2, header_s=60)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as held:
        held.sendall(SLOW_HEADER)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as silent:
            assert silent.recv(1) == b""
        held.sendall(b"Connection: close\r\n\r\n")

        assert held.recv(12) == b"HTTP/1.1 200"


def test_a_response_that_is_not_read_is_dropped(serve):
    """A client that requests megabytes and does not read is disconnected after `unread_s`."""
    port = serve(unread_s=0.2)
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held.settimeout(20)
        held.connect(("127.0.0.1", port))
        with pytest.raises(ConnectionError):
            # More than all buffers on the way contain: the response blocks until the service gives up.
            held.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500_000)
