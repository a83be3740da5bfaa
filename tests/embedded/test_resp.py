"""Send commands to a server that returns errors, ends or does not reply."""

from __future__ import annotations

import socket

import pytest

from akastats.embedded import resp


@pytest.fixture
def pair():
    """Both ends of a connection: ours and the server's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(1.0)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    ("reply", "text"),
    [(b"+PONG\r\n", "PONG"), (b"-LOADING x\r\n", "-LOADING x"), (b"$4\r\na\r\nb\r\n", "a\r\nb")],
)
def test_replies_are_read(pair, reply, text):
    """A status, an error and a bulk come back as text, an error with its minus sign."""
    ours, theirs = pair
    theirs.sendall(reply)

    assert resp.send_command(ours, "WORD") == text
    assert theirs.recv(100) == b"WORD\r\n"


def test_reply_that_breaks_off_is_an_error(pair):
    """A server that dies in the middle of an answer has not answered."""
    ours, theirs = pair
    theirs.sendall(b"+PO")
    theirs.shutdown(socket.SHUT_WR)

    with pytest.raises(ConnectionResetError, match="replied to PING"):
        resp.send_command(ours, "PING")


def test_nobody_listening_is_no_answer(project):
    """A missing socket, or one of an ended server, returns no reply."""
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(project / "left"))
    left_over.close()

    assert resp.ping(project / "missing", 0.1) == ""
    assert resp.ping(project / "left", 0.1) == ""


def test_silent_server_is_no_answer(project):
    """A server that accepts and does not reply costs the timeout and no more."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(project / "silent"))
        listener.listen()

        assert resp.ping(project / "silent", 0.05) == ""


def test_process_id_is_read_from_info(pair):
    """The process number is one line of INFO; a server that does not say it has number 0."""
    ours, theirs = pair
    text = b"# Server\r\nprocess_id:123\r\nrun_id:9\r\n"
    theirs.sendall(b"$%d\r\n%b\r\n" % (len(text), text))
    assert resp.read_process_id(ours) == 123

    theirs.sendall(b"-ERR unknown command\r\n")
    assert resp.read_process_id(ours) == 0


def test_refused_shutdown_is_no_end(pair):
    """An error instead of the end of the connection means that the server is still running."""
    ours, theirs = pair
    theirs.sendall(b"-ERR Errors trying to SHUTDOWN.\r\n")

    assert not resp.shut_down(ours, 0.1)
    theirs.close()
    assert resp.shut_down(ours, 0.1)
