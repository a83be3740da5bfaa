"""Where spools go, and where they may go when that place cannot be written. Pure."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path


def candidates(directory: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories to try for spools of the project whose `.akastats` is `directory`."""
    yield directory / "spool"
    project = sha256(str(directory).encode(errors="surrogateescape")).hexdigest()[:16]
    state = environ.get("XDG_STATE_HOME") or (environ.get("HOME") and f"{environ['HOME']}/.local/state")
    if state:
        yield Path(state) / "akastats" / project / "spool"
    user = os.getuid() if hasattr(os, "getuid") else "user"
    yield Path(tempfile.gettempdir()) / f"akastats-{user}" / project / "spool"
