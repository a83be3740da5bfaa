"""Read branch and commit of a checkout from the files of git, without starting a process."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEADS = "refs/heads/"
_DEFAULT = "refs/remotes/origin/HEAD"
# Maximum number of bytes read from the file of a reference, and from `packed-refs` (7 MB for 100,000 references).
_MOST_BYTES, _MOST_PACKED = 4096, 64 * 1024 * 1024
# Maximum number of symbolic references to follow; git has the same limit.
_MOST_STEPS = 5


@dataclass(frozen=True)
class Repository:
    """Paths of a repository.

    root: the top directory of the working tree.
    folder: its `.git` directory; for a linked worktree or a submodule it is in another repository.
    common: the directory with the branches, which all worktrees share.
    """

    root: Path
    folder: Path
    common: Path


@dataclass(frozen=True)
class Head:
    """The checked-out branch and commit; unknown fields are empty.

    branch: name of the branch; empty for a detached head.
    commit: the full hexadecimal id.
    default_branch: branch of `origin/HEAD`.
    """

    branch: str = ""
    commit: str = ""
    default_branch: str = ""


def find_repository(directory: Path) -> Repository | None:
    """Return the repository that contains `directory`; `None` if there is none, or if another user owns it.

    A parent directory may be open to everyone, so a `.git` there that another user owns is ignored.
    """
    owners = {0, os.stat(directory).st_uid, os.getuid() if hasattr(os, "getuid") else 0}
    for parent in (directory, *directory.parents):
        marker = parent / ".git"
        if os.path.lexists(marker):
            folder = _folder(marker)
            is_ours = folder is not None and all(os.stat(each).st_uid in owners for each in (marker, folder))
            return _repository(parent, folder) if folder is not None and is_ours else None
    return None


def _folder(marker: Path) -> Path | None:
    if marker.is_dir():
        return marker
    # In a linked worktree and in a submodule, `.git` is a file that names the directory.
    text = _read(marker)
    folder = (marker.parent / text.removeprefix("gitdir: ")).resolve() if text.startswith("gitdir: ") else None
    return folder if folder is not None and folder.is_dir() else None


def _repository(root: Path, folder: Path) -> Repository:
    common = _read(folder / "commondir")
    return Repository(root, folder, (folder / common).resolve() if common else folder)


def read_head(directory: Path) -> Head:
    """Return the head of the checkout in `directory`; an empty `Head` if git's files do not contain it.

    A repository with `extensions.refStorage` keeps references in tables, and its `HEAD` is only a stub.
    """
    try:
        repository = find_repository(directory)
        return Head() if repository is None or _has_tables(repository) else _head(repository)
    except (OSError, ValueError):
        return Head()


def _has_tables(repository: Repository) -> bool:
    return (repository.common / "reftable").is_dir()


def _head(repository: Repository) -> Head:
    reference, commit = _resolve(repository, "HEAD")
    default, _ = _resolve(repository, _DEFAULT)
    return Head(
        branch=reference.removeprefix(_HEADS) if reference.startswith(_HEADS) else "",
        commit=commit,
        default_branch=default.removeprefix("refs/remotes/origin/") if default != _DEFAULT else "",
    )


def _resolve(repository: Repository, name: str) -> tuple[str, str]:
    """Follow symbolic references; return the last name and its commit.

    The commit is empty for a new branch. Both are empty for an invalid reference or too many references.
    """
    for _ in range(_MOST_STEPS):
        text = _read_loose(repository, name)
        if not text.startswith("ref: "):
            commit = text or _read_packed(repository.common / "packed-refs", name)
            return name, commit if COMMIT.fullmatch(commit) else ""
        name = text.removeprefix("ref: ").strip()
        if not name.startswith("refs/") or ".." in name:
            break
    return "", ""


def _read_loose(repository: Repository, name: str) -> str:
    """Return the content of a reference's file; empty if it is missing. The worktree's file has priority."""
    for directory in dict.fromkeys((repository.folder, repository.common)):
        path = directory / name
        if name == "HEAD" and path.is_symlink():
            # HEAD is a link in versions of git before 2005, and in later versions with core.preferSymlinkRefs.
            return f"ref: {os.readlink(path)}"
        text = _read(path)
        if text:
            return text
    return ""


def _read_packed(path: Path, name: str) -> str:
    """Return the commit of a reference in `packed-refs`; empty if the file does not contain it."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_PACKED)
    except FileNotFoundError:
        return ""
    at = content.find(f" {name}\n".encode(errors="surrogateescape"))
    return content[content.rfind(b"\n", 0, at) + 1 : at].decode("ascii", "replace") if at > 0 else ""


def _read(path: Path) -> str:
    """Return the text of a small file; empty if it is not a regular file, because reading a pipe would block."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return ""
        with open(path, "rb") as file:
            return file.read(_MOST_BYTES).decode(errors="surrogateescape").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
