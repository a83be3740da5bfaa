"""The few words spoken to the server here: PING, INFO, SHUTDOWN, over its Unix socket, without redis-py.

redis-py takes 121 ms to import, and its `shutdown()` takes 4 s of retries where the raw word takes 4 ms.
"""

from __future__ import annotations

import select
import socket
from pathlib import Path


def connect(path: Path, timeout_s: float) -> socket.socket | None:
    """Return a connection to the server at the socket `path`, None when nobody listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def ask(connection: socket.socket, *words: str) -> str:
    """Send one command and return its reply: a status, an error with its leading "-", or the text of a bulk.

    Raises OSError (a TimeoutError too) when the server is gone or silent.
    """
    connection.sendall(" ".join(words).encode() + b"\r\n")
    with connection.makefile("rb") as replies:
        head = replies.readline()
        if head.startswith(b"$"):
            return replies.read(int(head[1:]) + 2)[:-2].decode("utf-8", "replace")
    if not head.endswith(b"\r\n"):
        raise ConnectionResetError(f"The server closed the connection in its answer to {words[0]}.")
    return head.decode("utf-8", "replace").lstrip("+").strip()


def ping(path: Path, timeout_s: float) -> str:
    """Return the answer to PING at the socket `path`, "" when there is none."""
    connection = connect(path, timeout_s)
    if connection is None:
        return ""
    with connection:
        try:
            return ask(connection, "PING")
        except OSError:
            return ""


def process_id(connection: socket.socket) -> int:
    """Return the process number of the server behind `connection`, 0 when it does not say."""
    number = _info(connection).get("process_id", "")
    return int(number) if number.isdigit() else 0


def server_name(path: Path, timeout_s: float = 1.0) -> str:
    """Return kind and version of the server at the socket `path`, as in "valkey 9.1.2"; empty if unknown."""
    connection = connect(path, timeout_s)
    if connection is None:
        return ""
    with connection:
        told = _info(connection)
    if "valkey_version" in told:
        return f"valkey {told['valkey_version']}"
    return f"redis {told['redis_version']}" if "redis_version" in told else ""


def _info(connection: socket.socket) -> dict[str, str]:
    try:
        lines = ask(connection, "INFO", "server").splitlines()
    except OSError:
        return {}
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


def shut_down(connection: socket.socket, timeout_s: float) -> bool:
    """Ask the server to flush its file and end; tell whether it closed the connection within `timeout_s`."""
    try:
        connection.sendall(b"SHUTDOWN\r\n")
    except OSError:
        return True
    return is_closed(connection, timeout_s)


def is_closed(connection: socket.socket, wait_s: float) -> bool:
    """Tell whether the server closes `connection` within `wait_s`; what it says meanwhile is dropped."""
    readable, _, _ = select.select([connection], [], [], wait_s)
    if not readable:
        return False
    try:
        return not connection.recv(4096)
    except OSError:
        return True
