"""Detect which server wrote the data of a directory, and which servers can read it.

Every base file begins with the name and the number of its format: `REDIS0010`, `VALKEY080`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from akastats import trust
from akastats.embedded import append_only
from akastats.embedded.binary import FIRST_WITH_PARTS, Binary

RECORD = "written-by"

# The format that each version of Redis writes (`RDB_VERSION` in rdb.h).
_REDIS_WRITES = {(6, 2): 9, (7, 0): 10, (7, 2): 11, (7, 4): 12}
# Valkey reads the formats of Redis up to 7.2, from which it was forked; since 9.0 it writes its own.
_VALKEY_READS = 11
_FIRST_VALKEY_FORMAT = (9, 0)

_MAGIC = re.compile(rb"(REDIS|VALKEY)(\d{3,4})")
_WRITER = re.compile(r"(redis|valkey) (\d+)\.(\d+)[.\d]*")


@dataclass(frozen=True)
class Format:
    """The format of a base file: `kind` is `redis` or `valkey`, `number` its version."""

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind.capitalize()} data format {self.number}"


@dataclass(frozen=True)
class Written:
    """Origin of the data in one directory.

    format: format of its newest base file; `None` if it is unknown, or without data.
    kind, version: the server that used it last; empty and zeros if unknown.
    text: both as recorded.
    has_parts: whether the append-only file is a directory of parts.
    """

    format: Format | None = None
    kind: str = ""
    version: tuple[int, int] = (0, 0)
    text: str = ""
    has_parts: bool = False

    def __str__(self) -> str:
        return " in ".join(filter(None, (self.text, str(self.format or "")))) or "a newer server"


def inspect(home: Path) -> Written:
    """Return the origin of the data in `home`, from its record and its newest base file."""
    has_parts = append_only.get_parts_directory(home).is_dir()
    formats = [format_ for file in append_only.list_bases(home) if (format_ := read_format(file)) is not None]
    record = _recorded(home)
    newest = formats[-1] if formats else None
    if record is None:
        return Written(newest, has_parts=has_parts)
    version = (int(record[2]), int(record[3]))
    return Written(newest, record[1], version, record[0], has_parts)


def read_format(file: Path) -> Format | None:
    """Return the format that the first bytes of a base file name; `None` if they name none."""
    try:
        with file.open("rb") as opened:
            magic = _MAGIC.match(opened.read(10))
    except OSError:
        return None
    return Format(magic[1].decode().lower(), int(magic[2])) if magic else None


def record(home: Path, writer: str) -> None:
    """Record that the server `writer`, such as "valkey 9.1.2", uses the data in `home`."""
    if not _WRITER.fullmatch(writer):
        return
    file = home / RECORD
    recorded = _recorded(home)
    if recorded is not None and recorded[0] == writer:
        return
    try:
        file.unlink(missing_ok=True)
        trust.create_private_file(file, f"{writer}\n".encode())
    except OSError:
        # A full disk; the base file still contains its format.
        return


def _recorded(home: Path) -> re.Match[str] | None:
    try:
        return _WRITER.fullmatch((home / RECORD).read_text("utf-8", "replace").strip())
    except OSError:
        return None


def can_read(binary: Binary, written: Written) -> bool:
    """Return whether a server may be able to read the data; true for an unknown format."""
    if written.has_parts and binary.version < FIRST_WITH_PARTS:
        return False
    format_ = written.format
    if format_ is None:
        return True
    if format_.kind == "valkey":
        return binary.kind == "valkey" and binary.version >= _FIRST_VALKEY_FORMAT
    if binary.kind == "valkey":
        return format_.number <= _VALKEY_READS
    readable = [number for version, number in _REDIS_WRITES.items() if version <= binary.version]
    is_listed = binary.version < (8, 0)
    return not is_listed or format_.number <= max(readable, default=0)


def is_downgrade(binary: Binary, written: Written) -> bool:
    """Return whether a server is older than the one that used the data last, or of the other kind.

    Valkey reads the data of Redis if it supports the format; the reverse is not guaranteed.
    """
    if not written.kind:
        return False
    if written.kind == binary.kind:
        return binary.version < written.version
    return binary.kind == "redis"


def sort_candidates(binaries: list[Binary], written: Written) -> list[Binary]:
    """Return the servers that may read the data; first those of the kind and version that wrote it."""
    usable = [binary for binary in binaries if can_read(binary, written)]
    return sorted(usable, key=lambda binary: (is_downgrade(binary, written), binary.kind != written.kind))
