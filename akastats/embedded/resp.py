"""Send PING, INFO and SHUTDOWN to the server over its Unix socket, without redis-py.

Importing redis-py takes 121 ms, and its `shutdown()` takes 4 s of retries; the bare command takes 4 ms.
"""

from __future__ import annotations

import select
import socket
from pathlib import Path


def connect(path: Path, timeout_s: float) -> socket.socket | None:
    """Return a connection to the socket `path`; `None` if no server listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def send_command(connection: socket.socket, *words: str) -> str:
    """Send one command and return its reply: a status, an error with its leading "-", or a bulk string.

    Raises `OSError`, for a timeout `TimeoutError`, if the server has ended or does not reply.
    """
    connection.sendall(" ".join(words).encode() + b"\r\n")
    with connection.makefile("rb") as replies:
        head = replies.readline()
        if head.startswith(b"$"):
            return replies.read(int(head[1:]) + 2)[:-2].decode("utf-8", "replace")
    if not head.endswith(b"\r\n"):
        raise ConnectionResetError(f"The server closed the connection while it replied to {words[0]}.")
    return head.decode("utf-8", "replace").lstrip("+").strip()


def ping(path: Path, timeout_s: float) -> str:
    """Return the reply to PING at the socket `path`; "" if there is none."""
    connection = connect(path, timeout_s)
    if connection is None:
        return ""
    with connection:
        try:
            return send_command(connection, "PING")
        except OSError:
            return ""


def read_process_id(connection: socket.socket) -> int:
    """Return the process id of the server behind `connection`; 0 if it does not report it."""
    number = _info(connection).get("process_id", "")
    return int(number) if number.isdigit() else 0


def read_server_name(path: Path, timeout_s: float = 1.0) -> str:
    """Return kind and version of the server at the socket `path`, such as "valkey 9.1.2"; empty if unknown."""
    connection = connect(path, timeout_s)
    if connection is None:
        return ""
    with connection:
        info = _info(connection)
    if "valkey_version" in info:
        return f"valkey {info['valkey_version']}"
    return f"redis {info['redis_version']}" if "redis_version" in info else ""


def _info(connection: socket.socket) -> dict[str, str]:
    try:
        lines = send_command(connection, "INFO", "server").splitlines()
    except OSError:
        return {}
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


def shut_down(connection: socket.socket, timeout_s: float) -> bool:
    """Make the server flush its file and end; return whether it closed the connection within `timeout_s`."""
    try:
        connection.sendall(b"SHUTDOWN\r\n")
    except OSError:
        return True
    return is_closed(connection, timeout_s)


def is_closed(connection: socket.socket, wait_s: float) -> bool:
    """Return whether the server closes `connection` within `wait_s`; discard its output until then."""
    readable, _, _ = select.select([connection], [], [], wait_s)
    if not readable:
        return False
    try:
        return not connection.recv(4096)
    except OSError:
        return True
