"""Create and check the files of spools: accessible to one user, never through a link, independent of the umask.

All names that are used during tests are bound at import, because tests may patch `os`.
"""

from __future__ import annotations

import os
from errno import ENOSPC, EPERM
from os import (
    O_APPEND,
    O_CREAT,
    O_EXCL,
    O_RDWR,
    chmod,
    close,
    fstat,
    ftruncate,
    mkdir,
    strerror,
    unlink,
    write,
)
from os import open as open_file
from pathlib import Path

from akastats.spool.directories import check_spool_directory, restrict_spool_directory
from akastats.spool.format import SUFFIX

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
    from os import O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, fchmod, pread
except ImportError:
    # Windows lacks these names. On Windows, this module can be imported but not used.
    pass

# Maximum number of bytes per read while a spool is copied.
COPY_BYTES = 64 * 1024


def _flags() -> int:
    return O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC


def prepare(directory: Path) -> None:
    """Create a spool directory and its project's `.akastats`, for this user only and ignored by git."""
    # Check before creating: if `.akastats` is a link, not even an empty directory may be created behind it.
    _check(directory)
    _make(directory)
    _check(directory)
    ignore = directory.parent / ".gitignore"
    try:
        descriptor = open_file(ignore, _flags() | O_CREAT | O_EXCL, 0o600)
    except OSError:
        # The file exists or cannot be created. Recording works in both cases.
        return
    try:
        write(descriptor, b"*\n")
    finally:
        close(descriptor)


def _check(directory: Path) -> None:
    """Restrict a spool directory to its owner; raise `OSError` if it is still not trusted."""
    restrict_spool_directory(directory)
    problem = check_spool_directory(directory)
    if problem:
        raise OSError(EPERM, problem, str(directory))


def _make(directory: Path) -> None:
    """Create the missing directories of a path with mode 0700, independent of the umask."""
    try:
        mkdir(directory, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make(directory.parent)
        mkdir(directory, 0o700)
    chmod(directory, 0o700)


def reopen(path: Path) -> int:
    """Open an existing spool file for reading and appending; refuse a symbolic link."""
    return open_file(path, _flags())


def create_file(path: Path) -> int:
    """Create a new file for this user only, independent of the umask."""
    descriptor = open_file(path, _flags() | O_CREAT | O_EXCL, 0o600)
    fchmod(descriptor, 0o600)
    return descriptor


# Maximum number of attempts to lock a spool. A process that calls `is_locked` holds the lock for microseconds.
LOCK_TRIES = 20


def lock(descriptor: int) -> bool:
    """Lock an open spool until this process closes the file or ends; return whether that succeeded.

    The lock shows that a run is in progress, even without /proc or from another container.
    """
    for _ in range(LOCK_TRIES):
        try:
            flock(descriptor, LOCK_SH | LOCK_NB)
            return True
        except BlockingIOError:
            continue
        except OSError:
            # The file system does not support locks.
            return False
    return False


def is_locked(path: Path) -> bool:
    """Return whether the writing process has the spool open; false if that is unknown."""
    for mode in (O_RDWR, O_RDONLY):
        try:
            descriptor = open_file(path, mode | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        except OSError:
            continue
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            continue
        finally:
            close(descriptor)
        return False
    return False


def get_file_id(descriptor: int) -> tuple[int, int]:
    """Return device and inode, which identify a file."""
    status = fstat(descriptor)
    return status.st_dev, status.st_ino


def copy_content(source: int, target: int, size: int, head: bytes) -> None:
    """Copy `size` bytes from the start of `source` to `target`; raise `OSError` if some are missing.

    A `source` of -1 means that the old file is lost. Then `target` gets `head`, the first records, and a hole.
    """
    if source < 0:
        write(target, head[:size])
        ftruncate(target, size)
        return
    at = 0
    while at < size:
        piece = pread(source, min(COPY_BYTES, size - at), at)
        if not piece or write(target, piece) != len(piece):
            raise OSError(ENOSPC, strerror(ENOSPC))
        at += len(piece)


def remove_if_possible(path: Path) -> None:
    """Remove a file; ignore errors."""
    try:
        unlink(path)
    except OSError:
        pass


def measure_spools(directory: Path) -> int:
    """Return the total size of all spools in a directory in bytes; 0 if it cannot be read."""
    total = 0
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total
