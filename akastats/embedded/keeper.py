"""The keeper, a process of its own: it ends the server of one place when the last user is gone.

It lives as long as a server does. All it needs is opened at the start: when the directory is deleted
and made anew, it still holds its own server and leaves the new one alone.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from akastats import detached
from akastats.embedded import clock_jumps, locks, resp

# A second user within this time finds the server warm; the promise is that none is left after 10 s.
_LOOK_EVERY_S = 1.0
# Flushing takes milliseconds; a server that needs longer hangs, and the kernel has all that it acknowledged.
_SHUTDOWN_S = 5.0
# A server that ran for weeks must not look unused for weeks when it is killed.
_RECORD_EVERY_S = 3600.0


@dataclass(frozen=True)
class _Held:
    """The descriptors of the three lock files, opened while the directory was surely ours."""

    users: int
    server: int
    keeper: int


def keep(home: Path, server_socket: Path, keeper_lock: int) -> None:
    """Stay while a server of `home` lives or is being started, and end it once nobody uses it."""
    held = _Held(locks.open_file(home / "users.lock"), locks.open_file(home / "server.lock"), keeper_lock)
    while not locks.try_exclusive(held.server):
        connection = resp.connect(server_socket, timeout_s=_SHUTDOWN_S)
        if connection is None:
            time.sleep(0.02)
            continue
        with connection:
            _watch(connection, held, home)
    # First this one: who waits to start a server must find it free, or that server would have no keeper.
    os.close(held.keeper)
    os.close(held.server)
    os.close(held.users)


def _watch(connection: socket.socket, held: _Held, home: Path) -> None:
    """Return when the server behind `connection` has ended, by us or otherwise."""
    pid = resp.process_id(connection)
    started = detached.read_start_time(pid)
    recorded = time.monotonic()
    while not resp.is_closed(connection, _LOOK_EVERY_S):
        is_unused = locks.try_exclusive(held.users)
        if is_unused or time.monotonic() - recorded > _RECORD_EVERY_S:
            recorded = time.monotonic()
            _record_clock(held, home)
        if not is_unused:
            continue
        # A server whose directory was replaced must not shut down: it would unlink the new server's socket.
        is_ours = locks.is_still_at(held.users, home / "users.lock")
        ended = is_ours and resp.shut_down(connection, _SHUTDOWN_S)
        if not ended and pid and detached.is_running(pid, started):
            os.kill(pid, signal.SIGKILL)


def _record_clock(held: _Held, home: Path) -> None:
    if locks.is_still_at(held.users, home / "users.lock"):
        clock_jumps.record(home, clock_jumps.system_clock())


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
