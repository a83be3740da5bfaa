"""Where an embedded server lives: its directory, its files, its socket, and what stands in for them."""

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

# sun_path holds 108 bytes on Linux and 104 on macOS, the closing zero among them.
LONGEST_SOCKET = 107 if sys.platform.startswith("linux") else 103

# A full disk is not among them: a second place on another disk would hide it and split the data.
_UNUSABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    # What file systems without locks answer to flock.
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
}


@dataclass(frozen=True)
class Place:
    """A usable directory, the socket of its server, and what a user should know about it, if anything."""

    directory: Path
    socket: Path
    notice: str | None = None

    @property
    def home(self) -> Path:
        return self.directory / "server"

    @property
    def users_lock(self) -> Path:
        """Held shared by every user, exclusively by the keeper while it ends the server."""
        return self.home / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server itself, through an inherited descriptor, and by who starts it."""
        return self.home / "server.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper, through an inherited descriptor."""
        return self.home / "keeper.lock"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def pid(self) -> Path:
        return self.home / "server.pid"


def prepare(directory: Path, environ: Mapping[str, str]) -> Place:
    """Return the place of `directory`, made if missing; of a per-user directory when it cannot be written.

    Raises EmbeddedError when neither can be used.
    """
    # The directory itself must not be a link, because it may be part of a repository.
    wanted = Path(os.path.realpath(directory.parent), directory.name)
    try:
        return _make(wanted, environ, None)
    except UntrustedError as error:
        return prepare_instead(wanted, environ, str(error))
    except OSError as error:
        if error.errno not in _UNUSABLE:
            raise EmbeddedError(f"Cannot keep statistics in {wanted}: {error}.") from error
        return prepare_instead(wanted, environ, f"{wanted} cannot be used ({error.strerror}).")


def prepare_instead(directory: Path, environ: Mapping[str, str], reason: str) -> Place:
    """Return this user's directory to use in place of `directory`, which cannot be used because of `reason`.

    Raises EmbeddedError when it cannot be used either, or is the directory itself.
    """
    instead = _state_directory(directory, environ)
    if directory.parent == instead.parent:
        raise EmbeddedError(reason)
    try:
        return _make(instead, environ, f"Statistics are kept in {instead}: {reason}")
    except (OSError, UntrustedError) as error:
        raise EmbeddedError(
            f"Cannot keep statistics in {directory} ({reason}) nor in {instead} ({error}): "
            f"make one of them writable, or set AKA_STATS_REDIS_URL to a server of yours."
        ) from error


def _make(directory: Path, environ: Mapping[str, str], notice: str | None) -> Place:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    home = directory / "server"
    ownership.close_to_others(directory)
    ownership.check_links(directory)
    home.mkdir(mode=0o700, exist_ok=True)
    _claim(home)
    _write_once(directory / ".gitignore", "*\n")
    _try_lock(home / "users.lock")
    return Place(directory, _socket_of(home, environ), notice)


def _claim(home: Path) -> None:
    """Raise `PermissionError` unless this user owns `home`: files of two owners, also root's, lock one out."""
    status = home.lstat()
    if status.st_uid != os.geteuid():
        raise PermissionError(errno.EACCES, f"it belongs to user {status.st_uid}, not {os.geteuid()}", str(home))


def _try_lock(path: Path) -> None:
    """Raise the OSError of a file system that is read-only or has no locks; a lock in use is fine."""
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
    """Return the socket in `home`, or a short path elsewhere that all users of `home` read from one file."""
    socket = home / "server.sock"
    if _fits(socket):
        return socket
    record = home / "socket.path"
    # Recorded, because XDG_RUNTIME_DIR and TMPDIR may differ between a login, a cron job and an editor.
    for _ in range(2):
        recorded = _read(record)
        if recorded is not None and _is_private(recorded.parent):
            return recorded
        if recorded is not None:
            # A reboot or a logout took the runtime directory away, and the socket with it.
            record.unlink(missing_ok=True)
        _write_once(record, str(_runtime_directory(environ) / f"{_digest(home)}.sock"))
    raise EmbeddedError(f"{record} names no usable socket: delete it.")


def _fits(socket: Path) -> bool:
    return len(os.fsencode(socket)) <= LONGEST_SOCKET


def _runtime_directory(environ: Mapping[str, str]) -> Path:
    """Return a private directory of a short name, made if missing; raises EmbeddedError if there is none."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # After `su` the variable may still name another user's directory.
    if os.path.isabs(runtime) and _is_private(Path(runtime)) and _fits(Path(runtime, "akastats", "0" * 21)):
        folder = Path(runtime, "akastats")
    else:
        folder = _temporary(environ) / f"akastats-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"Cannot make {folder} for the server's socket: {error}.") from error
    if not _is_private(folder):
        raise EmbeddedError(
            f"{folder} is not a directory that only you (user {os.geteuid()}) can use, "
            f"so the server's socket cannot lie there: remove it, "
            f"or set XDG_RUNTIME_DIR to a directory of yours with mode 0700."
        )
    return folder


def _temporary(environ: Mapping[str, str]) -> Path:
    named = environ.get("TMPDIR", "")
    if os.path.isabs(named) and _fits(Path(named, f"akastats-{os.geteuid()}", "0" * 21)):
        return Path(named)
    return Path("/tmp")


def _is_private(folder: Path) -> bool:
    """Tell whether `folder` is a real directory, ours, and closed to everyone else."""
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
    """Write `path` unless it exists; others see it whole or not at all."""
    if path.exists():
        return
    try:
        trust.create_private_file(path, os.fsencode(text))
    except FileExistsError:
        pass
