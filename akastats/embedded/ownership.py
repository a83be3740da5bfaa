"""Check that data may be served: that it belongs to this user, is not a link, and is not part of a repository.

A clone or an archive may contain a `.akastats` directory. A server executes the commands in its append-only file,
so foreign data is checked first (module `contents`). A seal records that this user has checked it.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from akastats import trust
from akastats.embedded import append_only, contents, git_index
from akastats.errors import EmbeddedError

SEAL = "seal"
_KEY_BYTES = 32


class UntrustedError(EmbeddedError):
    """Data must not be served; the message names the directory, the reason and the remedy."""


def restrict_to_owner(directory: Path) -> None:
    """Remove other users' permissions on `directory` and its data; data that they could change is checked again.

    A copied directory has the modes of the user who copied it: with a umask of 002 the group may write to it.
    Permissions of files behind links do not change.
    """
    home = directory / "server"
    for folder, mode in ((directory, 0o755), (home, 0o700), (append_only.get_parts_directory(home), 0o700)):
        if folder.is_symlink() or not folder.is_dir():
            return
        status = folder.lstat()
        if folder != directory and status.st_mode & trust.WRITABLE_BY_OTHERS and status.st_uid == os.geteuid():
            (home / SEAL).unlink(missing_ok=True)
        trust.restrict_to_owner(folder, mode)


def check_links(directory: Path) -> None:
    """Raise `UntrustedError` if `directory`, its server directory or a file there is a link or another user's."""
    home = directory / "server"
    for folder in (directory, home, append_only.get_parts_directory(home)):
        reason = trust.check_directory(folder)
        # The server itself reports a file instead of a directory.
        if reason and folder.is_dir():
            raise UntrustedError(f"{folder} is not used: {reason}. {_advice(reason)}")
    for folder in (home, append_only.get_parts_directory(home)):
        for entry in _entries(folder):
            status = entry.stat(follow_symlinks=False)
            if entry.is_symlink() or not trust.is_owner(status.st_uid):
                reason = trust.explain_distrust(status)
                raise UntrustedError(f"{entry.path} is not used: {reason}. Remove it.")


def _advice(reason: str) -> str:
    if "link" in reason:
        return "Set akastats_dir or --dir to the directory itself."
    if "belongs" in reason:
        return "Change its owner (chown -R), or set akastats_dir or --dir to another directory."
    return "Remove the write permission of others with chmod go-w."


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def check_repository(directory: Path) -> None:
    """Raise `UntrustedError` if a git repository tracks files of `directory`."""
    if git_index.is_tracked(directory):
        raise UntrustedError(
            f"{directory} is part of the git repository, so its data is not used: "
            f"anyone who can commit could make the server execute commands. "
            f"Run `git rm -r --cached {directory.name}` and commit the result."
        )


def check_data(home: Path, environ: Mapping[str, str]) -> None:
    """Raise `UntrustedError` unless the data in `home` was written or checked by this user, or is harmless.

    Seals harmless data. No server may be running there. Raises `contents.DamageError` for data that must be
    repaired before it can be checked.
    """
    key = _key(environ)
    if key and _is_sealed(home, key):
        return
    reason = contents.find_foreign_content(append_only.list_files(home))
    if reason:
        raise UntrustedError(
            f"The data in {home} was not written on this machine and is not used: {reason}. "
            f"Remove {home} if you do not trust its origin."
        )
    if key:
        _seal(home, key)


def _seal_of(home: Path, key: bytes) -> str:
    return hmac.new(key, os.fsencode(home), sha256).hexdigest()


def _is_sealed(home: Path, key: bytes) -> bool:
    try:
        seal = trust.read_trusted(home / SEAL)
    except OSError:
        return False
    return hmac.compare_digest(seal.decode("ascii", "replace").strip().encode(), _seal_of(home, key).encode())


def _seal(home: Path, key: bytes) -> None:
    try:
        (home / SEAL).unlink(missing_ok=True)
        trust.create_private_file(home / SEAL, _seal_of(home, key).encode())
    except OSError:
        # The next start checks the data again.
        return


def _key(environ: Mapping[str, str]) -> bytes:
    """Return this user's key, created at its first use; empty if it cannot be stored."""
    base = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    file = Path(base) / "akastats" / "key"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if trust.check_directory(file.parent):
            return b""
        try:
            trust.create_private_file(file, secrets.token_bytes(_KEY_BYTES))
        except FileExistsError:
            pass
        key = trust.read_trusted(file)
    except OSError:
        return b""
    return key if len(key) == _KEY_BYTES else b""
