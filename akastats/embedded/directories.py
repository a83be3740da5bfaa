"""Choose the directory, files and socket of an embedded server, and a fallback if they cannot be used."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from akastats import trust
from akastats.embedded import locks, ownership
from akastats.embedded.ownership import UntrustedError
from akastats.errors import EmbeddedError

# Maximum length of a socket's path in bytes: sun_path holds 108 on Linux, 104 on macOS, including the final zero.
LONGEST_SOCKET = 107 if sys.platform.startswith("linux") else 103

# ENOSPC is not in the list: a second directory on another disk would hide a full disk and split the data.
_UNUSABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    # Errors of flock on file systems without locks.
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
}


@dataclass(frozen=True)
class Location:
    """A usable `.akastats` directory, and the socket of its embedded server.

    directory: the directory.
    socket: path of the server's Unix socket.
    notice: one line for the user; `None` if there is none.
    """

    directory: Path
    socket: Path
    notice: str | None = None

    @property
    def home(self) -> Path:
        return self.directory / "server"

    @property
    def users_lock(self) -> Path:
        """Lock that every user holds shared, and the keeper holds exclusively while it ends the server."""
        return self.home / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Lock that the process that starts the server acquires, and that the server inherits as a descriptor."""
        return self.home / "server.lock"

    @property
    def keeper_lock(self) -> Path:
        """Lock that the keeper holds through an inherited descriptor."""
        return self.home / "keeper.lock"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def pid(self) -> Path:
        return self.home / "server.pid"


def prepare(directory: Path, environ: Mapping[str, str]) -> Location:
    """Return the location in `directory`, which is created if it is missing, else this user's own location.

    Raises `EmbeddedError` if neither can be used.
    """
    # The directory itself must not be a link, because an untrusted repository may contain it.
    requested = Path(os.path.realpath(directory.parent), directory.name)
    try:
        return _make(requested, environ, None)
    except UntrustedError as error:
        return prepare_fallback(requested, environ, str(error))
    except OSError as error:
        if error.errno not in _UNUSABLE:
            raise EmbeddedError(
                f"Cannot store statistics in {requested} ({error.strerror}). Choose a writable directory."
            ) from error
        return prepare_fallback(requested, environ, f"{requested} cannot be used ({error.strerror}).")


def prepare_fallback(directory: Path, environ: Mapping[str, str], reason: str) -> Location:
    """Return this user's own location instead of `directory`, which cannot be used because of `reason`.

    Raises `EmbeddedError` if it cannot be used either, or is the same directory.
    """
    fallback = _state_directory(directory, environ)
    if directory.parent == fallback.parent:
        raise EmbeddedError(reason)
    try:
        return _make(fallback, environ, f"Statistics are stored in {fallback}: {reason}")
    except (OSError, UntrustedError) as error:
        raise EmbeddedError(
            f"Cannot store statistics in {directory} ({reason}) nor in {fallback} ({error}). "
            f"Make one of them writable, or set AKA_STATS_REDIS_URL to a server of your own."
        ) from error


def _make(directory: Path, environ: Mapping[str, str], notice: str | None) -> Location:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = directory / "server"
    ownership.restrict_to_owner(directory)
    ownership.check_links(directory)
    home.mkdir(mode=0o700, exist_ok=True)
    _check_owner(home)
    _write_once(directory / ".gitignore", "*\n")
    _try_lock(home / "users.lock")
    return Location(directory, _socket_of(home, environ), notice)


def _check_owner(home: Path) -> None:
    """Raise `PermissionError` unless this user owns `home`, because a server needs access to all files."""
    status = home.lstat()
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, f"it belongs to user {status.st_uid}, not {os.geteuid()}", str(home))


def _try_lock(path: Path) -> None:
    """Raise `OSError` if the file system is read-only or has no locks; a lock in use is accepted."""
    descriptor = locks.open_file(path)
    try:
        locks.try_shared(descriptor)
    finally:
        os.close(descriptor)


def _state_directory(directory: Path, environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "akastats" / _digest(directory)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def _socket_of(home: Path, environ: Mapping[str, str]) -> Path:
    """Return the socket in `home`, or a short path elsewhere, which a file in `home` records for all its users."""
    socket = home / "server.sock"
    if _fits(socket):
        return socket
    record = home / "socket.path"
    # XDG_RUNTIME_DIR and TMPDIR may differ between a login, a cron job and an editor.
    for _ in range(2):
        recorded = _read(record)
        if recorded is not None and _is_private(recorded.parent):
            return recorded
        if recorded is not None:
            # A reboot or a logout removed the runtime directory with the socket.
            record.unlink(missing_ok=True)
        _write_once(record, str(_runtime_directory(environ) / f"{_digest(home)}.sock"))
    raise EmbeddedError(f"{record} does not name a usable socket. Delete the file.")


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= LONGEST_SOCKET


def _runtime_directory(environ: Mapping[str, str]) -> Path:
    """Return a private directory with a short name, created if missing; raise `EmbeddedError` if impossible."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # After `su` the variable may still contain the directory of another user.
    if os.path.isabs(runtime) and _is_private(Path(runtime)) and _fits(Path(runtime, "akastats", "0" * 21)):
        folder = Path(runtime, "akastats")
    else:
        folder = _temporary(environ) / f"akastats-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"Cannot create {folder} for the server's socket ({error.strerror}). "
            "Set XDG_RUNTIME_DIR to your own directory with mode 0700."
        ) from error
    if not _is_private(folder):
        raise EmbeddedError(
            f"{folder} is not a directory that only you (user {os.geteuid()}) can use, "
            f"so the server's socket cannot be in it. Remove it, "
            f"or set XDG_RUNTIME_DIR to your own directory with mode 0700."
        )
    return folder


def _temporary(environ: Mapping[str, str]) -> Path:
    configured = environ.get("TMPDIR", "")
    if os.path.isabs(configured) and _fits(Path(configured, f"akastats-{os.geteuid()}", "0" * 21)):
        return Path(configured)
    return Path("/tmp")


def _is_private(folder: Path) -> bool:
    """Return whether `folder` is a real directory of this user that others cannot open."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    is_ours = status.st_uid == os.geteuid()
    return stat.S_ISDIR(status.st_mode) and is_ours and not stat.S_IMODE(status.st_mode) & 0o077


def _read(record: Path) -> Path | None:
    try:
        return Path(os.fsdecode(record.read_bytes()))
    except FileNotFoundError:
        return None


def _write_once(path: Path, text: str) -> None:
    """Write `path` unless it exists; it appears with its complete content."""
    if path.exists():
        return
    try:
        trust.create_private_file(path, os.fsencode(text))
    except FileExistsError:
        pass
