"""Repair data that a server cannot read, so that most of it can be served. Nothing is deleted.

A truncated last record is not damage: the server removes it itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from akastats.embedded.append_only import SINGLE, get_parts_directory
from akastats.embedded.contents import COMMANDS

# Only warnings ("#") count, because the log mentions these files at a successful start as well.
_DAMAGE = re.compile(r" # .*(append.only file|AOF|RDB|rdb file|Unexpected end of file)")
_UNKNOWN_COMMAND = re.compile(r"Unknown command '(\w+)'")
_CIRCUMSTANCE = re.compile(r"Permission denied|No space left|Read-only file system|Cannot allocate|Too many open")
# Names of the checkers of Valkey and Redis. The program is the same as the server and acts according to its name.
_CHECKERS = ("valkey-check-aof", "redis-check-aof")


def is_too_new(log: str) -> bool:
    """Return whether the server ended because a newer or different one wrote the data, which is not damage."""
    unknown = _UNKNOWN_COMMAND.search(log)
    is_newer_command = unknown is not None and unknown[1].upper().encode() in COMMANDS
    return is_newer_command or "Can't handle RDB format version" in log


def is_damage(log: str) -> bool:
    """Return whether the server ended because it cannot read its data."""
    return bool(_DAMAGE.search(log)) and not _CIRCUMSTANCE.search(log)


def truncate(home: Path, server: Path) -> str:
    """Copy the data, then truncate each append-only file at its first damaged byte; return a notice for users."""
    aside = _make_aside_directory(home)
    for data in _data(home):
        if data.is_dir():
            shutil.copytree(data, aside / data.name)
        else:
            shutil.copy2(data, aside / data.name)
    removed_bytes = sum(_truncate_file(file, server) for file in _files(home))
    return f"The statistics data was damaged: the last {removed_bytes} bytes were removed. A copy is in {aside}."


def move_aside(home: Path, server: Path) -> str:
    """Move all data aside, so that the server starts empty; return a notice for users."""
    aside = _make_aside_directory(home)
    for data in _data(home):
        data.rename(aside / data.name)
    return f"The statistics data is damaged and {server} cannot repair it. Starting empty; the data is in {aside}."


def _data(home: Path) -> Iterator[Path]:
    # Redis 6.2 has only the single file.
    return (path for path in (get_parts_directory(home), home / SINGLE) if path.exists())


def _files(home: Path) -> list[Path]:
    return sorted([*get_parts_directory(home).glob("*.aof"), *home.glob(SINGLE)])


def _make_aside_directory(home: Path) -> Path:
    """Create and return a directory named after the time (UTC), with a number if that name exists."""
    stamp = time.strftime("damaged-%Y%m%dT%H%M%SZ", time.gmtime())
    number = 0
    while True:
        aside = home / (f"{stamp}-{number}" if number else stamp)
        try:
            aside.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return aside


def _truncate_file(file: Path, server: Path) -> int:
    """Let the server's checker truncate `file` before its first damage; return the number of removed bytes."""
    before = file.stat().st_size
    for command, program in _checks(server):
        try:
            # The checker asks for confirmation.
            check = subprocess.run(
                [command, "--fix", str(file)],
                executable=program,
                input=b"y\n",
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if check.returncode == 0:
            break
    return before - file.stat().st_size


def _checks(server: Path) -> Iterator[tuple[str, Path]]:
    """Yield each possible checker: its name as `argv[0]`, and the program."""
    for name in _CHECKERS:
        checker = server.with_name(name)
        if checker.exists():
            yield name, checker
    for name in _CHECKERS:
        yield name, server
