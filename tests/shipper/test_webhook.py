"""The webhook: new findings are posted to a configured address."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from akastats.model.verdicts import ChangeVerdict, DurationChange, UnhealthyTest, Verdicts
from akastats.shipper import webhook
from akastats.shipper.webhook import make_message, post


def change(label="test::a", before=0.1, after=0.5, is_new=True):
    """Return a change of a duration."""
    duration = DurationChange(label, "e", before, after, 4.0, 6.0, "r1", "r2", "r3", 6, 1e-9, 0.99)
    return ChangeVerdict(duration, is_new)


def flaky(nodeid="a", state="flaky", is_new=True):
    """Return a test that is not healthy."""
    return UnhealthyTest(nodeid, state, 0.1, 0.0, 0.2, 0.99, since="r1", is_new=is_new)


def verdicts(**more):
    """Return verdicts of a run."""
    return Verdicts("r9", "unit", "main", "main", 20, **more)


@pytest.mark.parametrize(
    "run_verdicts",
    [
        verdicts(),
        verdicts(tests=(flaky(is_new=False),)),
        verdicts(tests=(flaky(state="broken"),)),
        verdicts(changes=(change(is_new=False),)),
        verdicts(changes=(change(after=0.01),)),
    ],
    ids=["nothing", "known flaky", "broken", "known slower", "faster"],
)
def test_nothing_is_sent_without_new_findings(run_verdicts):
    """A webhook that is called for each run would be disabled."""
    assert make_message(run_verdicts) is None


def test_newly_flaky_and_newly_slower_tests_are_sent():
    """With the values that identify them."""
    message = make_message(
        verdicts(tests=(flaky(),), changes=(change(),), suite_changes=(change("", 10.0, 20.0),))
    )

    assert message is not None
    assert "akastats: 1 newly flaky, 2 newly slower in run r9" == message["text"]
    assert [{"nodeid": "a", "rate": 0.1, "since": "r1"}] == message["flaky"]
    assert ["", "test::a"] == [each["label"] for each in message["slower"]]


def test_the_text_omits_empty_counts():
    """ "0 flaky tests" would be noise in a chat."""
    flaky_alone, slower_alone = (
        make_message(verdicts(tests=(flaky(),))),
        make_message(verdicts(changes=(change(),))),
    )

    assert flaky_alone is not None
    assert "akastats: 1 newly flaky in run r9" == flaky_alone["text"]
    assert slower_alone is not None
    assert "akastats: 1 newly slower in run r9" == slower_alone["text"]


def test_newly_skipped_tests_are_sent():
    """A skipped test fails no run, so the message may be the only sign of it."""
    message = make_message(verdicts(newly_skipped=("a.py::x", "a.py::y")))

    assert message is not None
    assert "akastats: 2 newly skipped in run r9" == message["text"]
    assert (2, ["a.py::x", "a.py::y"]) == (message["newly_skipped_total"], message["newly_skipped"])


def test_many_findings_are_counted():
    """The receiver limits the size of a message."""
    message = make_message(verdicts(tests=tuple(flaky(str(number)) for number in range(500))))

    assert message is not None
    assert (500, 50) == (message["flaky_total"], len(message["flaky"]))


@contextmanager
def listening(
    status: int = 200, location: str = "", headers: list[Message] | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """Serve an address as another service; yield it with the received bodies."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            if headers is not None:
                headers.append(self.headers)
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{served.server_port}/hook?key=secret", bodies
        finally:
            served.shutdown()
            thread.join()


def test_news_are_posted_as_json():
    """They are posted once."""
    with listening() as (url, bodies):
        trouble = post(url, {"text": "news"})

    assert ("", [{"text": "news"}]) == (trouble, list(map(json.loads, bodies)))


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [
        ("", None),
        ("ada:s3cret@", b"ada:s3cret"),
        ("ada:p%40ss%2Fw%C3%B6rd@", "ada:p@ss/wörd".encode()),
        ("ada@", b"ada:"),
        (":token@", b":token"),
    ],
)
def test_credentials_in_the_address_are_sent_as_a_header(userinfo, pair):
    """The `Host` does not contain them."""
    headers: list[Message] = []
    with listening(headers=headers) as (url, bodies):
        trouble = post(url.replace("://", f"://{userinfo}"), {})

    expected = f"Basic {b64encode(pair).decode()}" if pair else None
    assert ("", 1, [expected]) == (trouble, len(bodies), [each["Authorization"] for each in headers])


@pytest.mark.parametrize(
    ("name", "registered"), [("h\u00f6oks.example", "xn--hoks-5qa.example"), ("\u4f8b\u3048", "xn--r8jz45g")]
)
def test_an_international_name_is_sent_in_its_registered_form(monkeypatch, name, registered):
    """A header is ASCII."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest, **more: real("127.0.0.1", *rest, **more))
    headers: list[Message] = []
    with listening(headers=headers) as (url, _):
        trouble = post(url.replace("127.0.0.1", name), {})

    assert ("", [f"{registered}:{urlsplit(url).port}"]) == (trouble, [each["Host"] for each in headers])


@pytest.mark.parametrize("status", [400, 500])
def test_a_service_that_refuses_is_reported_without_its_address(status):
    """The address is a secret."""
    with listening(status) as (url, _):
        trouble = post(url, {})

    assert f"webhook failed ({status}); check AKA_STATS_WEBHOOK" == trouble


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status):
    """Another party chooses its destination."""
    with listening() as (elsewhere, reached), listening(status, elsewhere) as (url, _):
        trouble = post(url, {})

    assert (f"webhook failed ({status}); check AKA_STATS_WEBHOOK", []) == (trouble, reached)


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("http://user:secret@127.0.0.1:many/", "InvalidURL"),
        ("http://127.0.0.1:1/\N{SNOWMAN}", "UnicodeEncodeError"),
    ],
)
def test_an_invalid_address_is_no_error(url, trouble):
    """An exception of Python's client does not affect the run."""
    assert f"webhook failed ({trouble}); check AKA_STATS_WEBHOOK" == post(url, {})


@pytest.mark.parametrize("reply", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000])
def test_another_protocol_is_no_error(reply):
    """The address may belong to another service."""
    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        url = f"http://127.0.0.1:{listening_socket.getsockname()[1]}/"

        def answer() -> None:
            connection, _ = listening_socket.accept()
            with connection:
                connection.recv(100_000)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        trouble = post(url, {})
        thread.join()

    assert trouble.startswith("webhook failed (")


def test_a_slow_response_is_limited_in_total(monkeypatch):
    """The time limit applies to the whole response, not to each byte."""
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.3)
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        url = f"http://127.0.0.1:{listening_socket.getsockname()[1]}/"

        def drip() -> None:
            connection, _ = listening_socket.accept()
            # A client that gave up disconnects, possibly before the event is set.
            with connection, suppress(OSError):
                while not is_over.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        trouble = post(url, {})
        is_over.set()
        thread.join()

    assert "webhook failed (no answer within 0.3 s); check AKA_STATS_WEBHOOK" == trouble


def test_an_unreachable_address_is_no_error():
    """Recording never fails a run."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        trouble = post(f"http://127.0.0.1:{held.getsockname()[1]}/hook?key=secret", {})

    assert "webhook failed (ConnectionRefusedError); check AKA_STATS_WEBHOOK" == trouble
