"""The spool directories of a project: its own, and alternatives if that is not writable."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from akastats import trust

_PROJECT = re.compile(r"[0-9a-f]{16}")


def list_candidates(directory: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories to try for spools of the project whose `.akastats` directory is `directory`."""
    yield directory / "spool"
    yield from _apart(_project(directory), environ)


def list_alternatives(directory: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the project's other spool directories, in which a writer may have continued a spool."""
    home = directory.parent
    project = home.name if _is_apart(home) else _project(home)
    return [path for path in _apart(project, environ) if path != directory]


def _is_apart(home: Path) -> bool:
    """Return whether `home` is the directory that akastats uses for a project outside the project itself."""
    return home.parent.name in ("akastats", f"akastats-{_user()}") and bool(_PROJECT.fullmatch(home.name))


def _project(directory: Path) -> str:
    return sha256(str(directory).encode(errors="surrogateescape")).hexdigest()[:16]


def _apart(project: str, environ: Mapping[str, str]) -> Iterator[Path]:
    state = environ.get("XDG_STATE_HOME") or (environ.get("HOME") and f"{environ['HOME']}/.local/state")
    if state and os.path.isabs(state):
        yield Path(state) / "akastats" / project / "spool"
    try:
        shared = Path(tempfile.gettempdir())
    except FileNotFoundError:
        # No writable directory for temporary files exists, so none can hold spools.
        return
    yield shared / f"akastats-{_user()}" / project / "spool"


def _user() -> int | str:
    return os.getuid() if hasattr(os, "getuid") else "user"


def check_spool_directory(directory: Path) -> str:
    """Return why a spool directory must not be read or written; empty if it may be.

    The directory and the akastats directories above it must belong to this user or root. They must not be links or
    writable by others, because another user can create them first in a shared directory.
    """
    above = [directory, directory.parent]
    if _is_apart(directory.parent):
        above.append(directory.parent.parent)
    for path in above:
        problem = trust.check_directory(path)
        if problem:
            return f"{path}: {problem}"
    return ""


def restrict_spool_directory(directory: Path) -> None:
    """Remove other users' permissions on a project's spool directory and on the `.akastats` above it.

    Files that other users created earlier still belong to them, and akastats does not read these files. Modes of
    shared directories and of directories behind links stay unchanged.
    """
    if not _is_apart(directory.parent):
        trust.restrict_to_owner(directory.parent, 0o755)
        if not trust.check_directory(directory.parent):
            trust.restrict_to_owner(directory)
