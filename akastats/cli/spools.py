"""Spools as commands see them: where they lie, whose run each holds, and where it is to go."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akastats.cli.target import FOLDER, Target
from akastats.config import remove_credentials
from akastats.delivery.draining import is_dead, waiting
from akastats.errors import ConfigError, SpoolError
from akastats.spool import directories as places
from akastats.spool.format import get_producer
from akastats.spool.reader import Reader

EMBEDDED = "embedded:"

# A header is some 1 KiB and stands first; so much is read in one go until it is found.
LOOK_BYTES = 4096


@dataclass(frozen=True)
class Destination:
    """Where a run belongs: a URL without credentials or `embedded:` and a directory; empty where not said."""

    server: str
    namespace: str


@dataclass(frozen=True)
class Spool:
    """One spool; `run_id` is empty if no run can be read from it. `producer` identifies it.

    `problem` says why the file could not be read, which says nothing of what is in it.
    """

    path: Path
    run_id: str
    destination: Destination
    is_running: bool
    producer: str = ""
    problem: str = ""


def directories(akastats: Path) -> list[Path]:
    """Return the readable spool directories of the project whose `.akastats` this is."""
    return [place for place in places.list_candidates(akastats, os.environ) if _is_directory(place)]


def _is_directory(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:
        # The directory above it is closed to this user: `obstacles` reports that.
        return False


def obstacles(akastats: Path) -> list[str]:
    """Return a line for each spool directory of a project that exists but is not read: why, and what to do."""
    return [line for place in places.list_candidates(akastats, os.environ) if (line := _obstacle(place))]


def _obstacle(place: Path) -> str:
    places.restrict_spool_directory(place)
    problem = places.check_spool_directory(place)
    if problem:
        return f"{problem}: spools in it are not read; {_way_out(place)}"
    try:
        os.scandir(place).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{place} cannot be read ({error.strerror}): {_way_out(place)}"
    return ""


def _way_out(place: Path) -> str:
    """Return what to do about a directory that cannot be read or is not trusted."""
    home = place.parent
    try:
        owner = (home if home.is_dir() else place).lstat().st_uid
    except OSError:
        return "change the permissions of the directories above it"
    if owner == os.geteuid():
        return f"if they are yours, deliver them with `akastats drain {place}`"
    return (
        f"{home} belongs to user {owner}: give it to yourself with `sudo chown -R {os.geteuid()} {home}`, "
        f"or have that user run `akastats drain`"
    )


def directories_of(given: Path) -> list[Path]:
    """Return the spool directories that `given` means: itself, or those of the `.akastats` it is or holds.

    Raises `ConfigError` if it means none.
    """
    if _is_directory(given) and waiting(given, old=True, is_named=True):
        return [given]
    # A project's own directory may be gone: then its spools went on in its other places.
    found = [place for home in (given, given / FOLDER) if _is_directory(given) for place in directories(home)]
    if not found:
        raise ConfigError(f"there are no spools in {given}, nor in a spool directory or {FOLDER} of it")
    return found


def look(path: Path, is_named: bool = False) -> Spool:
    """Return what a spool's first record says; `OSError`s come through."""
    header = _header(path, is_named)
    told = header.get("destination")
    named = told if isinstance(told, dict) else {}
    destination = Destination(_whole(str(named.get("server", ""))), str(named.get("namespace", "")))
    is_running = bool(header) and not is_dead(header, path)
    return Spool(path, str(header.get("id", "")), destination, is_running, get_producer(path.name, header))


def _header(path: Path, is_named: bool) -> dict[str, Any]:
    reader = Reader(path, is_named=is_named)
    try:
        while records := reader.read(LOOK_BYTES):
            for record in records:
                if record.kind == "run" and isinstance(record.content[-1], dict):
                    return record.content[-1]
    finally:
        reader.close()
    return {}


def end_of(path: Path) -> int | None:
    """Return the sequence number of the record that ends a spool's run; `None` without one, or if unreadable."""
    try:
        reader = Reader(path, places.list_alternatives(path.parent, os.environ))
        try:
            while records := reader.read():
                for record in records:
                    if record.kind == "end":
                        return record.seq
            return next((record.seq for record in reader.finish() if record.kind == "end"), None)
        finally:
            reader.close()
    except (OSError, SpoolError):
        return None


def here(directories: list[Path], old: bool = False, is_named: bool = False) -> list[Spool]:
    """Return all spools of some directories, newest first, without those that vanish meanwhile.

    With `old`, those that were put aside for their age too. `is_named`: the user has named the directories.
    """
    found = []
    for path in waiting(*directories, old=old, is_named=is_named):
        try:
            found.append(look(path, is_named))
        except FileNotFoundError:
            continue
        except (OSError, SpoolError) as error:
            # A pipe, a directory, somebody else's file: it is listed, and nothing is known of it.
            found.append(Spool(path, "", Destination("", ""), is_running=False, problem=str(error)))
    return found


def _whole(server: str) -> str:
    """Return a socket's URL with its slashes: until Python 3.12 urlunsplit leaves an empty host out."""
    is_short = server.startswith("unix:/") and not server.startswith("unix://")
    return f"unix://{server.removeprefix('unix:')}" if is_short else server


def destination(server: str, namespace: str) -> Destination:
    """Return a destination that the header of a spool names."""
    return Destination(_whole(server), namespace)


def named(target: Target) -> Destination:
    """Return a target as the header of a spool names it."""
    server = f"{EMBEDDED}{target.directory}" if target.is_embedded else remove_credentials(target.config.redis_url)
    return Destination(_whole(server), target.config.namespace)
