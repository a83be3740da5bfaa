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
    """The format of a base file.

    kind: `redis` or `valkey`.
    number: version of the format.
    """

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind.capitalize()} data format {self.number}"


@dataclass(frozen=True)
class Origin:
    """Origin of the data in one directory.

    format: format of the newest base file; `None` if it is unknown, or if there is no data.
    kind: `redis` or `valkey`, the server that used the data last; empty if unknown.
    version: major and minor number of that server; zeros if unknown.
    text: kind and complete version as recorded.
    has_parts: whether the append-only file is a directory of parts.
    """

    format: Format | None = None
    kind: str = ""
    version: tuple[int, int] = (0, 0)
    text: str = ""
    has_parts: bool = False

    def __str__(self) -> str:
        return " in ".join(filter(None, (self.text, str(self.format or "")))) or "a newer server"


def inspect(home: Path) -> Origin:
    """Return the origin of the data in `home`, from its record and its newest base file."""
    has_parts = append_only.get_parts_directory(home).is_dir()
    formats = [format_ for file in append_only.list_bases(home) if (format_ := read_format(file)) is not None]
    record = _read_record(home)
    newest = formats[-1] if formats else None
    if record is None:
        return Origin(newest, has_parts=has_parts)
    version = (int(record[2]), int(record[3]))
    return Origin(newest, record[1], version, record[0], has_parts)


def read_format(file: Path) -> Format | None:
    """Return the format in the first bytes of a base file; `None` if they contain none."""
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
    recorded = _read_record(home)
    if recorded is not None and recorded[0] == writer:
        return
    try:
        file.unlink(missing_ok=True)
        trust.create_private_file(file, f"{writer}\n".encode())
    except OSError:
        # For example, a full disk. The base file also contains its format.
        return


def _read_record(home: Path) -> re.Match[str] | None:
    try:
        return _WRITER.fullmatch((home / RECORD).read_text("utf-8", "replace").strip())
    except OSError:
        return None


def can_read(binary: Binary, origin: Origin) -> bool:
    """Return whether a server may be able to read data of this origin; true for an unknown format."""
    if origin.has_parts and binary.version < FIRST_WITH_PARTS:
        return False
    format_ = origin.format
    if format_ is None:
        return True
    if format_.kind == "valkey":
        return binary.kind == "valkey" and binary.version >= _FIRST_VALKEY_FORMAT
    if binary.kind == "valkey":
        return format_.number <= _VALKEY_READS
    readable = [number for version, number in _REDIS_WRITES.items() if version <= binary.version]
    has_fixed_format = binary.version < (8, 0)
    return not has_fixed_format or format_.number <= max(readable, default=0)


def is_downgrade(binary: Binary, origin: Origin) -> bool:
    """Return whether a server is older than the one that used the data last, or is Redis after Valkey.

    Valkey reads the data of Redis if it supports the format. Redis may not read the data of Valkey.
    """
    if not origin.kind:
        return False
    if origin.kind == binary.kind:
        return binary.version < origin.version
    return binary.kind == "redis"


def sort_candidates(binaries: list[Binary], origin: Origin) -> list[Binary]:
    """Return the servers that may read the data, first those of the kind and version that wrote it."""
    usable = [binary for binary in binaries if can_read(binary, origin)]
    return sorted(usable, key=lambda binary: (is_downgrade(binary, origin), binary.kind != origin.kind))
