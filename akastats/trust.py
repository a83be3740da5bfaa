"""Check that files and directories can be trusted: only this user or root can change them.

Code that reads or writes spools, shipper states, quarantine lists and server data uses this module. Every name
is bound at import, because tests may patch `os`.
"""

from __future__ import annotations

import os
import threading
from errno import EPERM
from os import O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY, close, fstat, lstat, read
from os import open as open_file
from pathlib import Path
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG, S_ISVTX

try:
    from os import O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, fchmod, geteuid
except ImportError:
    # Windows lacks these functions, so this module can be imported there but not used.
    pass

ROOT = 0
WRITABLE_BY_OTHERS = 0o022
CHUNK_BYTES = 64 * 1024


def is_owner(uid: int) -> bool:
    """Return whether `uid` is this user or root, whose files are trusted."""
    return uid in (ROOT, geteuid())


def explain_distrust(status: os.stat_result) -> str:
    """Return the reason why a file or directory is not trusted; empty if it is trusted.

    A sticky directory may be writable by others, because they cannot replace files of this user in it.
    """
    if S_ISLNK(status.st_mode):
        return "it is a symbolic link"
    if not is_owner(status.st_uid):
        return f"it belongs to user {status.st_uid}, not to user {geteuid()}"
    is_sticky = S_ISDIR(status.st_mode) and status.st_mode & S_ISVTX
    if status.st_mode & WRITABLE_BY_OTHERS and not is_sticky:
        return f"others may write to it (mode {S_IMODE(status.st_mode):o})"
    return ""


def check_directory(directory: Path) -> str:
    """Return the reason why a directory is not trusted; empty if it is trusted or does not exist."""
    try:
        status = lstat(directory)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or type(error).__name__
    return (
        explain_distrust(status) if S_ISDIR(status.st_mode) or S_ISLNK(status.st_mode) else "it is not a directory"
    )


def restrict_to_owner(directory: Path, mode: int = 0o700) -> None:
    """Remove other users' permissions on a directory of this user; ignore links and directories of others."""
    try:
        descriptor = open_file(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    except OSError:
        return
    try:
        status = fstat(descriptor)
        if status.st_uid == geteuid() and S_IMODE(status.st_mode) & ~mode & 0o777:
            fchmod(descriptor, S_IMODE(status.st_mode) & (mode | 0o7000))
    except OSError:
        # The file system does not support the change. `check_directory` then reports whether others can write.
        pass
    finally:
        close(descriptor)


def open_trusted(path: Path, is_named: bool = False) -> int:
    """Open a regular file for reading, without following a link or waiting for a pipe.

    Raises `PermissionError` if others own the file or can write to it. `is_named` (the user named the file) omits
    this check. Raises `OSError` for anything but a regular file.
    """
    descriptor = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    try:
        status = fstat(descriptor)
        if not S_ISREG(status.st_mode):
            raise OSError(EPERM, "it is not a regular file", str(path))
        reason = "" if is_named else explain_distrust(status)
        if reason:
            raise PermissionError(EPERM, reason, str(path))
    except BaseException:
        close(descriptor)
        raise
    return descriptor


def read_trusted(path: Path) -> bytes:
    """Return the content of a file; raise the errors of `open_trusted`."""
    descriptor = open_trusted(path)
    try:
        pieces = []
        while piece := read(descriptor, CHUNK_BYTES):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        close(descriptor)


def create_private_file(path: Path, content: bytes) -> None:
    """Create a file that only this user can open, and that appears with its complete content.

    Raises `FileExistsError` if it exists, `OSError` if it cannot be created.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    descriptor = open_file(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.link(draft, path)
    finally:
        draft.unlink()
