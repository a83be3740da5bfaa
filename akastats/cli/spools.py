"""Spools as commands see them: where they lie, whose run each holds, and where it is to go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akastats import detached
from akastats.cli.target import FOLDER, Target
from akastats.config import without_credentials
from akastats.errors import ConfigError
from akastats.shipper.leftovers import waiting
from akastats.spool import places
from akastats.spool.reader import Reader

EMBEDDED = "embedded:"


@dataclass(frozen=True)
class Destination:
    """Where a run belongs: a URL without credentials or `embedded:` and a directory; empty where not said."""

    server: str
    namespace: str


@dataclass(frozen=True)
class Spool:
    """One spool; `run_id` is empty where nothing of a run is in it that can be read."""

    path: Path
    run_id: str
    destination: Destination
    is_running: bool


def directories(akastats: Path) -> list[Path]:
    """Return where spools of the project whose `.akastats` this is may lie: those that are there."""
    return [place for place in places.candidates(akastats, os.environ) if place.is_dir()]


def directories_of(given: Path) -> list[Path]:
    """Return the spool directories that `given` means: itself, or those of the `.akastats` it is or holds.

    Raises `ConfigError` if it means none.
    """
    if given.is_dir() and waiting(given):
        return [given]
    found = [place for home in (given, given / FOLDER) if home.is_dir() for place in directories(home)]
    if not found:
        raise ConfigError(f"there are no spools in {given}, nor in a spool directory or {FOLDER} of it")
    return found


def look(path: Path) -> Spool:
    """Return what a spool's first record says; `OSError`s come through."""
    header = _header(path)
    told = header.get("destination") or {}
    destination = Destination(_whole(str(told.get("server", ""))), str(told.get("namespace", "")))
    alive = bool(header) and detached.is_running(int(header["pid"]), str(header["pid_mark"]))
    return Spool(path, str(header.get("id", "")), destination, alive)


def _header(path: Path) -> dict[str, Any]:
    for record in Reader(path).read():
        if record.content[0] == "run":
            return dict(record.content[1])
    return {}


def here(directories: list[Path]) -> list[Spool]:
    """Return all spools of some directories, newest first within each; what vanishes meanwhile is left out."""
    found = []
    for path in (path for directory in directories for path in waiting(directory)):
        try:
            found.append(look(path))
        except FileNotFoundError:
            continue
    return found


def _whole(server: str) -> str:
    """Return a socket's URL with its slashes: until Python 3.12 urlunsplit leaves an empty host out."""
    is_short = server.startswith("unix:/") and not server.startswith("unix://")
    return f"unix://{server.removeprefix('unix:')}" if is_short else server


def named(target: Target) -> Destination:
    """Return a target as the header of a spool names it."""
    server = (
        f"{EMBEDDED}{target.directory}" if target.is_embedded else without_credentials(target.config.redis_url)
    )
    return Destination(_whole(server), target.config.namespace)
