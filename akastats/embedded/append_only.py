"""Read the files of an append-only log, and rebuild its manifest from the parts that exist.

A rewrite opens the next `incr` file, writes the next `base` file and then removes the files that both replace. An
archive that is created meanwhile contains all data, but its manifest and its parts may not match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "appendonly.aof.manifest"
# The single file of Redis 6.2, before the directory of parts.
SINGLE = "appendonly.aof"

_PART = re.compile(r"appendonly\.aof\.(\d+)\.(base|incr)\.(?:rdb|aof)")
_LINE = re.compile(r'file "?([^" ]+)"? seq (\d+) type ([bih])\b.*')
# The opcode that ends a snapshot precedes its checksum of eight bytes.
_END_OPCODE, _CHECKSUM_BYTES = 0xFF, 8


@dataclass(frozen=True, order=True)
class Part:
    """One file of the log.

    seq: sequence number in the file name.
    name: file name.
    kind: `b` (base), `i` (increment) or `h` (replaced), as in a manifest.
    """

    seq: int
    name: str
    kind: str


def get_parts_directory(home: Path) -> Path:
    """Return the directory with the parts of the append-only file (Redis 7.0 and newer)."""
    return home / "appendonlydir"


def list_bases(home: Path) -> list[Path]:
    """Return the files that may begin with a snapshot, newest last."""
    bases = [part for part in _on_disk(get_parts_directory(home)) if part.kind == "b"]
    single = home / SINGLE
    return [single] * single.is_file() + [get_parts_directory(home) / part.name for part in sorted(bases)]


def list_files(home: Path) -> list[Path]:
    """Return every file that a server would load from `home`, in the order of loading."""
    folder = get_parts_directory(home)
    listed = read_manifest(folder) or []
    loaded = sorted((part for part in listed if part.kind != "h"), key=lambda part: (part.kind, part.seq))
    single = home / SINGLE
    return [folder / part.name for part in loaded] + [single] * single.exists()


def has_data(home: Path) -> bool:
    """Return whether `home` holds data of an earlier server."""
    return get_parts_directory(home).exists() or (home / SINGLE).exists()


def read_manifest(folder: Path) -> list[Part] | None:
    """Return the parts that the manifest in `folder` names; `None` if it is missing or unreadable."""
    try:
        lines = (folder / MANIFEST).read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    matches = [_LINE.fullmatch(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
    if not all(matches):
        return None
    return [Part(int(match[2]), match[1], match[3]) for match in matches if match]


def _on_disk(folder: Path) -> list[Part]:
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    except OSError:
        return []
    matches = [(name, _PART.fullmatch(name)) for name in names]
    return [Part(int(match[1]), name, match[2][0]) for name, match in matches if match]


def repair_manifest(home: Path) -> str:
    """Write a manifest of the existing parts if the current one does not match them; return a notice.

    The notice is empty if nothing was changed, or if the parts do not form a complete log.
    """
    folder = get_parts_directory(home)
    listed, present = read_manifest(folder), _on_disk(folder)
    if not present:
        return ""
    usable = [part for part in present if part.kind == "i" or is_complete(folder / part.name)]
    log = select_log(listed, usable)
    current = [part for part in listed or [] if part.kind != "h"]
    if not log or sorted(log) == sorted(current):
        return ""
    _replace(folder, log)
    return (
        f"The manifest of the statistics data did not match its files, because they were copied during a rewrite. "
        f"A new manifest lists {len(log)} files; the old one is {MANIFEST}.old."
    )


def is_complete(base: Path) -> bool:
    """Return whether a base file contains the end of a snapshot; a file of commands is always complete."""
    try:
        with base.open("rb") as file:
            if file.read(5) not in (b"REDIS", b"VALKE"):
                return base.suffix == ".aof"
            file.seek(-1 - _CHECKSUM_BYTES, 2)
            return file.read(1)[0] == _END_OPCODE
    except (OSError, IndexError):
        return False


def select_log(listed: list[Part] | None, present: list[Part]) -> list[Part]:
    """Return the newest complete log that the files form; empty if they form none.

    A log is one base and every later increment. A base in the manifest has priority, because another one may come
    from a failed rewrite.

    listed: files in the manifest; `None` without a manifest
    present: existing files without truncated snapshots
    """
    increments = {part.seq: part for part in present if part.kind == "i"}
    bases = sorted((part for part in present if part.kind == "b"), reverse=True)
    current = [part for part in listed or [] if part.kind == "b"]
    for base in sorted(bases, key=lambda part: part not in current):
        chain = _chain(_first_increment(base, listed, increments), increments)
        if chain is not None:
            return [base, *chain]
    return []


def _first_increment(base: Part, listed: list[Part] | None, increments: dict[int, Part]) -> int:
    """Return the number of the first increment that a base does not contain.

    A successful rewrite increases both numbers by one; a failed rewrite increases only that of the increments.
    """
    current = [part.seq for part in listed or [] if part.kind == "b"]
    listed_increments = sorted(part.seq for part in listed or [] if part.kind == "i")
    if not current or not listed_increments:
        return base.seq if base.seq in increments or not increments else min(increments)
    if base.seq == current[0]:
        return listed_increments[0]
    if base.seq > current[0]:
        # If there are several increments, the last one was opened for the rewrite that created the next base.
        return listed_increments[-1] + base.seq - current[0] - (len(listed_increments) > 1)
    # The increments of an older base begin at least as many numbers before those of the current base.
    latest = listed_increments[0] - (current[0] - base.seq)
    return min([seq for seq in increments if seq <= latest], default=latest)


def _chain(first: int, increments: dict[int, Part]) -> list[Part] | None:
    """Return the increments from `first` on; `None` if one of them is missing."""
    last = max(increments, default=first - 1)
    if last < first:
        # The copy may lack an increment that was created later.
        return []
    numbers = range(first, last + 1)
    return [increments[seq] for seq in numbers] if all(seq in increments for seq in numbers) else None


def _replace(folder: Path, log: list[Part]) -> None:
    manifest = folder / MANIFEST
    draft = folder / f"temp-{MANIFEST}"
    draft.unlink(missing_ok=True)
    draft.write_text("".join(f"file {part.name} seq {part.seq} type {part.kind}\n" for part in log))
    if manifest.exists():
        manifest.rename(folder / f"{MANIFEST}.old")
    draft.rename(manifest)
