"""File locks (flock): who uses a server, who serves, who keeps. The kernel frees them however a process ends.

Every descriptor closes on exec; a plain fork shares it, so a forked child prolongs its parent's lock.
A lock is given up by closing, never by LOCK_UN: that would unlock for everyone who inherited it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

POLL_S = 0.002


def open_file(path: Path) -> int:
    """Return a descriptor of the lock file `path`, created for its owner only when it is missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def try_exclusive(descriptor: int) -> bool:
    """Take the exclusive lock if nobody else holds any; held already counts as taken."""
    return _try(descriptor, fcntl.LOCK_EX)


def try_shared(descriptor: int) -> bool:
    """Take a shared lock unless somebody holds the exclusive one."""
    return _try(descriptor, fcntl.LOCK_SH)


def take_exclusive(path: Path) -> int | None:
    """Return a descriptor holding the exclusive lock on `path`, None when somebody else has a lock."""
    descriptor = open_file(path)
    if try_exclusive(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def wait_shared(path: Path, deadline: float) -> int | None:
    """Return a descriptor holding a shared lock on `path`, None at the monotonic time `deadline`."""
    while True:
        descriptor = open_file(path)
        # Somebody may delete and recreate the directory between our open and our lock.
        if try_shared(descriptor) and is_still_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_S)


def is_still_at(descriptor: int, path: Path) -> bool:
    """Tell whether `path` still names the file that was opened, and not a later one or none."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Claim:
    """A lock held until `close`, which may be called twice."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
