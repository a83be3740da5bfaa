"""Broken and hostile clients over a real socket: each gets a 4xx, and the service continues."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Callable, Iterator

import pytest

from akastats.api import limits
from akastats.app import create_app
from tests.api.conftest import serving

SERVE = """
import socket, sys, uvicorn
from akastats.cli.connections import BoundedProtocol
BoundedProtocol.silent_s = BoundedProtocol.header_s = float(sys.argv[2])
listening = socket.socket(fileno=int(sys.argv[1]))
settings = uvicorn.Config("akastats.app:app", log_level="critical", http=BoundedProtocol, ws="none")
uvicorn.Server(settings).run([listening])
"""
GET = "GET /api/v1/available-stats{} HTTP/1.1"
POST = "POST /api/v1/stats HTTP/1.1"
JSON = "Content-Type: application/json"
HOST = "Host: localhost"


@pytest.fixture(scope="module")
def address(server_url: str) -> Iterator[tuple[str, int]]:
    """Address of a service that runs for all tests of this file."""
    with serving(server_url, "30", script=SERVE) as port:
        yield "127.0.0.1", port


Send = Callable[..., tuple[int, bytes]]


@pytest.fixture
def send(server, address) -> Iterator[Send]:
    """Return a function that sends raw lines and a body; afterwards the service must still respond."""

    def send_raw(*lines: str, body: bytes = b"") -> tuple[int, bytes]:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            return read(connection)

    yield send_raw
    assert send_raw(GET.format(""), HOST, "Connection: close")[0] == 200


def read(connection: socket.socket) -> tuple[int, bytes]:
    """Read one response to the end of its connection."""
    answer = b""
    try:
        while part := connection.recv(65_536):
            answer += part
    except ConnectionResetError:
        # A service that does not read the whole body closes the connection while data is still sent.
        pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", [], 422),
        (b"null", [JSON], 422),
        (b'["a", "a"]', [JSON], 200),
        (b'{"a": 1, "a": 2}', [JSON], 422),
        (b"[" * 100_000, [JSON], 422),
        (b"[" + b"9" * 5000 + b"]", [JSON], 422),
        (b"[NaN]", [JSON], 422),
        ('["a"]'.encode("utf-16"), [JSON], 422),
        (b'\xef\xbb\xbf["a"]', [JSON], 422),
        (b'["\\ud800"]', [JSON], 422),
        (json.dumps(["a"] * 1_001).encode(), [JSON], 422),
        (b'["a"]', ["Content-Type: text/plain"], 200),
        (b'["a"]', ["Content-Type: \xff\xfe"], 200),
        (b"--b\r\n\r\n--b--", ["Content-Type: multipart/form-data; boundary=b"], 422),
        (gzip.compress(b" " * 10_000_000), [JSON, "Content-Encoding: gzip"], 415),
        (b'["a"]', [JSON, "Content-Encoding: identity"], 200),
        (b" " * 1_048_577, [JSON], 413),
    ],
    ids=range(17),
)
def test_a_body_is_a_list_or_refused(send, body, headers, status):
    """Anything but a list of labels is an error of the request; the content type does not matter."""
    answer = send(POST, HOST, f"Content-Length: {len(body)}", "Connection: close", *headers, body=body)

    assert status == answer[0]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Content-Length: -1"], b"[]"),
        (["Content-Length: 2", "Content-Length: 3"], b"[]"),
        (["Content-Length: 2x"], b"[]"),
        (["Transfer-Encoding: chunked"], b"zz\r\n[]\r\n0\r\n\r\n"),
        (["Transfer-Encoding: gzip, chunked"], b"2\r\n[]\r\n0\r\n\r\n"),
        (["X: a\x00b"], b""),
        ([": a"], b""),
    ],
    ids=range(7),
)
def test_what_is_no_http_is_400_or_501(send, headers, body):
    """uvicorn refuses the framing before the application is called."""
    status, _ = send(POST, HOST, "Connection: close", *headers, body=body)

    assert status in (400, 422, 501)


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=0", "limit=1e9", "limit=1001", "limit=a", "limit=", "cursor=x"]
)
def test_a_page_s_limits_are_named(send, query):
    """422 names the field."""
    status, body = send(f"GET /api/v1/runs?{query} HTTP/1.1", HOST, "Connection: close")

    assert (422, query.partition("=")[0]) == (status, json.loads(body)["field"])


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("?" + "&".join(f"k{number}=1" for number in range(1_500)), 200),
        ("?" + "&".join(f"k{number}=1" for number in range(10_000)), 431),
        ("?matcher=" + "*" * 10_000, 422),
        ("?matcher=%5B", 200),
        ("?matcher=%5C", 200),
        ("?matcher=%00", 200),
        ("?matcher=%FF", 200),
        ("?matcher=a&matcher=b", 200),
        ("/" + "a" * 20_000, 404),
        ("/" + "a" * 60_000, 431),
    ],
    ids=range(10),
)
def test_any_address_is_answered_or_refused(send, target, status):
    """Long, repeated and unusual queries and paths are not an internal error."""
    assert status == send(GET.format(target), HOST, "Connection: close")[0]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Host: evil.example"], 421),
        (["Host: [::1]:8321"], 200),
        (["Host: localhost", "Host: localhost"], 400),
        ([], 400),
        (["Host: localhost", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example"], 200),
        (["Host: localhost", "X-Forwarded-For: 203.0.113.9"], 401),
        (["Host: localhost", "X-Long: " + "a" * 100_000], 431),
    ],
    ids=range(7),
)
def test_headers_do_not_open_anything(send, headers, status):
    """Foreign, repeated and missing host names are refused, and headers of a proxy make no client local."""
    assert status == send(GET.format(""), "Connection: close", *headers)[0]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FROB"])
def test_other_methods_are_405(send, method):
    """Other methods are not supported."""
    assert 405 == send(f"{method} /api/v1/available-stats HTTP/1.1", HOST, "Connection: close")[0]


def test_an_absolute_address_names_no_other_host(send):
    """A request in the form for a proxy is a request of an unknown path."""
    assert 404 == send("GET http://evil.example/api/v1/runs HTTP/1.1", HOST, "Connection: close")[0]


def test_a_slow_header_is_disconnected(server, server_url):
    """A header that arrives in small parts ends with its connection, in the first request and in later ones."""
    with serving(server_url, "0.3", script=SERVE) as port:
        endings = [slow(port, before) for before in (b"", f"{GET.format('')}\r\n{HOST}\r\n\r\n".encode())]

    assert [b"", b"[]"] == endings


def slow(port: int, before: bytes) -> bytes:
    """Send an endless request, optionally after a complete one; return the body until the disconnection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(before + b"GET / HTTP/1.1\r\nX: ")
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("path", ["/api/v1/stats", "/login"])
def test_a_body_that_never_ends_is_408(server, call, monkeypatch, path):
    """The time for a body is limited as well as its size, also without a token."""
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)

    async def drip():
        yield b"["
        await asyncio.Event().wait()

    answer = call(create_app(), "POST", path, content=drip())

    assert (408, "body") == (answer.status_code, answer.json()["field"])
