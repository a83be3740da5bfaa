"""Where spools go, and where they may go when that place cannot be written."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path


def candidates(directory: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories to try for spools of the project whose `.akastats` is `directory`."""
    yield directory / "spool"
    yield from _apart(_project(directory), environ)


def others(directory: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return where spools of this spool directory may have gone on: its project's places apart from it."""
    home = directory.parent
    project = home.name if home.parent.name.startswith("akastats") else _project(home)
    return [place for place in _apart(project, environ) if place != directory]


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


def is_foreign(directory: Path) -> bool:
    """Whether somebody else may put files into a spool directory, of those that lie where everybody may write.

    Below the temporary directory another user can have made ours before us.
    """
    above = directory.parent.parent
    if above.name != f"akastats-{_user()}" or not hasattr(os, "getuid"):
        return False
    return any(_is_anothers(place) for place in (above, directory.parent, directory))


def _is_anothers(place: Path) -> bool:
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        return False
    return not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or bool(found.st_mode & 0o022)
