"""The files and directories of spools: made for one user alone, never through a link, whatever the umask.

Every name used while tests run is bound here at import, as in `writer`.
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
    # Windows has none of them: there this module can be imported, and no more.
    pass

COPY_BYTES = 64 * 1024


def _flags() -> int:
    return O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC


def prepare(directory: Path) -> None:
    """Make a spool directory and its project's `.akastats` above it, for this user alone and unknown to git."""
    # Before as well: where `.akastats` is a link, even an empty directory must not be made behind it.
    _check(directory)
    _make(directory)
    _check(directory)
    ignore = directory.parent / ".gitignore"
    try:
        descriptor = open_file(ignore, _flags() | O_CREAT | O_EXCL, 0o600)
    except OSError:
        # It is there, or cannot be: no reason not to record.
        return
    try:
        write(descriptor, b"*\n")
    finally:
        close(descriptor)


def _check(directory: Path) -> None:
    """Close a spool directory to others; raise `OSError` if it is not to be trusted even so."""
    restrict_spool_directory(directory)
    problem = check_spool_directory(directory)
    if problem:
        raise OSError(EPERM, problem, str(directory))


def _make(directory: Path) -> None:
    """Make what is missing of a path, each with its mode set whatever the umask is: 0777 would lock us out."""
    try:
        mkdir(directory, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make(directory.parent)
        mkdir(directory, 0o700)
    chmod(directory, 0o700)


def reopened(path: Path) -> int:
    """Open a file of ours again."""
    return open_file(path, _flags())


def created(path: Path) -> int:
    """Create a file of ours that is nobody else's, whatever the umask."""
    descriptor = open_file(path, _flags() | O_CREAT | O_EXCL, 0o600)
    fchmod(descriptor, 0o600)
    return descriptor


# A process that checks whether a file is locked holds its lock for microseconds.
LOCK_TRIES = 20


def lock(descriptor: int) -> bool:
    """Lock an open spool until its process closes it or ends; return whether it is locked.

    A lock shows without /proc, and from another container, that a run is in progress.
    """
    for _ in range(LOCK_TRIES):
        try:
            flock(descriptor, LOCK_SH | LOCK_NB)
            return True
        except BlockingIOError:
            continue
        except OSError:
            # A file system without locks.
            return False
    return False


def is_locked(path: Path) -> bool:
    """Return whether the process that writes the spool has it open; false if that is unknown."""
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


def identity(descriptor: int) -> tuple[int, int]:
    """Return what tells one file from every other: device and inode."""
    found = fstat(descriptor)
    return found.st_dev, found.st_ino


def copy(source: int, target: int, size: int, head: bytes) -> None:
    """Copy `size` bytes; where they are gone, write the head that says whose file it is, then a hole."""
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


def remove(path: Path) -> None:
    """Remove a file, if that can be."""
    try:
        unlink(path)
    except OSError:
        pass


def bytes_of_spools(directory: Path) -> int:
    """Return how much all spools of a directory hold; 0 where that cannot be told."""
    total = 0
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total
