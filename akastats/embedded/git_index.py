"""Detect whether git tracks a directory, by reading the repository's index.

Git itself is not started, because it executes commands in the configuration of an untrusted repository.
"""

from __future__ import annotations

import os
from pathlib import Path

# Maximum number of bytes to read from an index; the index of 10,000 files has a few MB.
MAX_BYTES = 512 * 1024 * 1024

_HEADER_BYTES = 12
# Times, device, inode, mode, owner and size precede the flags of an entry: ten numbers of four bytes.
_STAT_BYTES = 40


def is_tracked(directory: Path) -> bool:
    """Return whether the repository around `directory` tracks files in it; false without a repository."""
    root = next((parent for parent in directory.parents if os.path.lexists(parent / ".git")), None)
    if root is None:
        return False
    git = _git_directory(root)
    prefix = os.fsencode(directory.relative_to(root).as_posix()) + b"/"
    try:
        indexes = [git / "index", *sorted(git.glob("sharedindex.*"))]
        hash_bytes = 32 if b"sha256" in _read(_common(git) / "config") else 20
        return any(contains_prefix(_read(index), prefix, hash_bytes) for index in indexes)
    except OSError:
        return False


def _git_directory(root: Path) -> Path:
    """Return the directory of a repository; in worktrees and submodules `.git` is a file that names it."""
    path = root / ".git"
    if path.is_dir():
        return path
    return root / os.fsdecode(_read(path).removeprefix(b"gitdir:").strip())


def _common(git: Path) -> Path:
    """Return the directory that all worktrees of a repository share."""
    common = _read(git / "commondir").strip()
    return git / os.fsdecode(common) if common else git


def _read(file: Path) -> bytes:
    """Return the content of a file; empty if there is none."""
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES)
    except OSError:
        return b""


def contains_prefix(index: bytes, prefix: bytes, hash_bytes: int = 20) -> bool:
    """Return whether an index (version 2, 3 or 4) has an entry whose path begins with `prefix`."""
    if index[:4] != b"DIRC":
        return False
    if index[4:8] == b"\0\0\0\4":
        return _compressed_names_prefix(index, prefix, hash_bytes)
    at = index.find(prefix)
    while at >= 0:
        end = index.find(b"\0", at)
        length = int.from_bytes(index[at - 2 : at], "big") & 0xFFF
        # A name follows its length; with extended flags two more bytes precede it.
        extended = int.from_bytes(index[at - 4 : at - 2], "big") & 0xFFF
        if min(end - at, 0xFFF) in (length, extended):
            return True
        at = index.find(prefix, at + 1)
    return False


def _compressed_names_prefix(index: bytes, prefix: bytes, hash_bytes: int) -> bool:
    """Check version 4, in which each name is stored as a change of the previous one."""
    count, at, name = int.from_bytes(index[8:12], "big"), _HEADER_BYTES, b""
    for _ in range(count):
        at += _STAT_BYTES + hash_bytes
        is_extended = index[at : at + 1] and index[at] & 0x40
        at += 4 if is_extended else 2
        cut, at = _number(index, at)
        end = index.find(b"\0", at)
        if end < 0:
            return False
        name = name[: len(name) - cut] + index[at:end]
        if name.startswith(prefix):
            return True
        at = end + 1
    return False


def _number(index: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, as in the offsets of pack files, and the offset after it."""
    byte = index[at] if at < len(index) else 0
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = index[at] if at < len(index) else 0
        value = ((value + 1) << 7) | (byte & 0x7F)
    return value, at + 1
