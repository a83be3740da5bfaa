"""The Lua scripts in `lua/`. Each one is an atomic operation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Script:
    """A Lua script.

    name: name of the file without its suffix.
    source: its text.
    sha: SHA-1 of the text, by which EVALSHA calls it.
    """

    name: str
    source: bytes
    sha: str


def load_script(name: str) -> Script:
    """Load `lua/<name>.lua` from this package."""
    source = (Path(__file__).parent / "lua" / f"{name}.lua").read_bytes()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


PUSH = load_script("push")
STORE_ROWS = load_script("store_rows")
STORE_ERROR = load_script("store_error")
REMOVE_PENDING = load_script("remove_pending")
QUARANTINE = load_script("quarantine")
