"""Where spools go, and where they may go when that place cannot be written."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from akastats import trust

_PROJECT = re.compile(r"[0-9a-f]{16}")


def candidates(directory: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories to try for spools of the project whose `.akastats` is `directory`."""
    yield directory / "spool"
    yield from _apart(_project(directory), environ)


def others(directory: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return where spools of this spool directory may have gone on: its project's places apart from it."""
    home = directory.parent
    project = home.name if _is_apart(home) else _project(home)
    return [place for place in _apart(project, environ) if place != directory]


def _is_apart(home: Path) -> bool:
    """Return whether `home` is a project's directory apart from the project itself."""
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
        # No directory for temporary files can be written: then that is no place for us either.
        return
    yield shared / f"akastats-{_user()}" / project / "spool"


def _user() -> int | str:
    return os.getuid() if hasattr(os, "getuid") else "user"


def problem_of(directory: Path) -> str:
    """Return why a spool directory must not be read or written; empty if it may be.

    It and the directories of ours above it must belong to this user or root, be no links, and be closed to others:
    below a shared directory somebody else can have made them before us.
    """
    above = [directory, directory.parent]
    if _is_apart(directory.parent):
        above.append(directory.parent.parent)
    for place in above:
        problem = trust.check_directory(place)
        if problem:
            return f"{place}: {problem}"
    return ""


def close_to_others(directory: Path) -> None:
    """Remove other users' permissions on a project's spool directory and on the `.akastats` above it.

    What they put there before stays theirs, and is not read. In shared places and behind links no mode is changed.
    """
    if not _is_apart(directory.parent):
        trust.restrict_to_owner(directory.parent, 0o755)
        if not trust.check_directory(directory.parent):
            trust.restrict_to_owner(directory)
