"""The keeper, a separate process that ends the server of one location after its last user.

It runs until the server ends. It opens all files at its start. If the directory is deleted and created again, the
keeper holds the locks of its own server and does not affect the new one.
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

# Seconds between checks for users. A user that starts before the next check uses the same server. The
# documentation promises that the server ends within 10 s.
_CHECK_EVERY_S = 1.0
# Maximum number of seconds to wait for a shutdown. Flushing takes milliseconds, so a slower server hangs. The
# kernel has all acknowledged writes.
_SHUTDOWN_S = 5.0
# Seconds between records of the clock. Without them, a kill after weeks would look like a pause of weeks.
_RECORD_EVERY_S = 3600.0


@dataclass(frozen=True)
class _LockFiles:
    """Descriptors of the lock files, opened before the directory can be replaced.

    users: lock of the users.
    server: lock of the server.
    keeper: lock of the keeper.
    """

    users: int
    server: int
    keeper: int


def keep(home: Path, server_socket: Path, keeper_lock: int) -> None:
    """Shut down the server of `home` after its last user; return when no server runs or is being started."""
    locks_held = _LockFiles(
        locks.open_file(home / "users.lock"), locks.open_file(home / "server.lock"), keeper_lock
    )
    while not locks.try_exclusive(locks_held.server):
        connection = resp.connect(server_socket, timeout_s=_SHUTDOWN_S)
        if connection is None:
            time.sleep(0.02)
            continue
        with connection:
            _watch(connection, locks_held, home)
    # Release the keeper lock before the server lock. A process that waits for the server lock starts a keeper
    # next, and starts none while this process holds the keeper lock.
    os.close(locks_held.keeper)
    os.close(locks_held.server)
    os.close(locks_held.users)


def _watch(connection: socket.socket, locks_held: _LockFiles, home: Path) -> None:
    """Return when the server behind `connection` has ended."""
    pid = resp.read_process_id(connection)
    started = detached.read_start_time(pid)
    recorded = time.monotonic()
    while not resp.is_closed(connection, _CHECK_EVERY_S):
        is_unused = locks.try_exclusive(locks_held.users)
        if is_unused or time.monotonic() - recorded > _RECORD_EVERY_S:
            recorded = time.monotonic()
            _record_clock(locks_held, home)
        if not is_unused:
            continue
        # If the directory was replaced, the server must not shut down: it would unlink the new server's socket.
        is_ours = locks.is_still_at(locks_held.users, home / "users.lock")
        ended = is_ours and resp.shut_down(connection, _SHUTDOWN_S)
        if not ended and pid and detached.is_running(pid, started):
            os.kill(pid, signal.SIGKILL)


def _record_clock(locks_held: _LockFiles, home: Path) -> None:
    if locks.is_still_at(locks_held.users, home / "users.lock"):
        clock_jumps.record(home, clock_jumps.read_system_clock())


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
