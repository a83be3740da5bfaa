"""File locks (flock) for users, server and keeper. The kernel releases them whenever a process ends.

Every descriptor is closed on exec. A forked child shares it and so prolongs its parent's lock. Closing the
descriptor releases the lock; LOCK_UN would release it for every process that inherited it.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

#: Seconds between two attempts.
POLL_S = 0.002


def open_file(path: Path) -> int:
    """Open the lock file `path`; create it for this user only if it is missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def try_exclusive(descriptor: int) -> bool:
    """Acquire the exclusive lock if no other process holds any; return whether it is held."""
    return _try(descriptor, fcntl.LOCK_EX)


def try_shared(descriptor: int) -> bool:
    """Acquire a shared lock unless another process holds the exclusive one; return whether it is held."""
    return _try(descriptor, fcntl.LOCK_SH)


def take_exclusive(path: Path) -> int | None:
    """Return a descriptor with the exclusive lock on `path`; `None` if another process holds a lock."""
    descriptor = open_file(path)
    if try_exclusive(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def wait_shared(path: Path, deadline: float) -> int | None:
    """Return a descriptor with a shared lock on `path`; `None` at the monotonic time `deadline`."""
    while True:
        descriptor = open_file(path)
        # Another process may delete and create the directory between our open and our lock.
        if try_shared(descriptor) and is_still_at(descriptor, path):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_S)


def is_still_at(descriptor: int, path: Path) -> bool:
    """Return whether `path` still refers to the open file; false if the file was replaced or removed."""
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
    """A lock that is held until `close`; a second call does nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
