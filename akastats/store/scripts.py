"""The named Lua scripts, loaded from `lua/`, one file an atomic act."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Script:
    """A Lua script: its text and the SHA-1 by which a server knows it."""

    name: str
    source: bytes
    sha: str


def load_script(name: str) -> Script:
    """Load `lua/<name>.lua` from this package."""
    source = (Path(__file__).parent / "lua" / f"{name}.lua").read_bytes()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


PUSH = load_script("push")
STORE_ROWS = load_script("list")
STORE_ERROR = load_script("file_error")
REMOVE_PENDING = load_script("unlist")
QUARANTINE = load_script("quarantine")
