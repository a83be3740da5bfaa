"""Find the spools of a project and describe them: run, destination, state."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from akastats.cli.targets import FOLDER, Target
from akastats.config import remove_credentials
from akastats.delivery.draining import find_spools, is_dead
from akastats.delivery.spool_delivery import UNSOUND
from akastats.errors import ConfigError, SpoolError
from akastats.spool import directories as spool_directories
from akastats.spool.format import Record
from akastats.spool.reader import Reader
from akastats.spool.records import RunHeader, decode_content, get_producer

EMBEDDED = "embedded:"

# Number of bytes per read. The header is the first record and has about 1 KiB.
CHUNK_BYTES = 4096


@dataclass(frozen=True)
class Destination:
    """Server and namespace of a run.

    server: URL without credentials, or `embedded:` and a directory; empty if unspecified.
    namespace: Redis key prefix; empty if unspecified.
    """

    server: str
    namespace: str


@dataclass(frozen=True)
class Spool:
    """One spool file.

    path: The file.
    run_id: Id of the run; empty if the header cannot be read.
    destination: Server for which the run was recorded.
    is_running: Whether the process that writes it is alive.
    producer: Identity of the spool.
    problem: Reason why the file cannot be read; empty otherwise.
    """

    path: Path
    run_id: str
    destination: Destination
    is_running: bool
    producer: str = ""
    problem: str = ""


def directories(akastats: Path) -> list[Path]:
    """Return the readable spool directories of the project with this `.akastats`."""
    return list(filter(_is_directory, spool_directories.list_candidates(akastats, os.environ)))


def _is_directory(directory: Path) -> bool:
    try:
        return directory.is_dir()
    except OSError:
        # The parent directory is not readable for this user. `obstacles` reports it.
        return False


def obstacles(akastats: Path) -> list[str]:
    """Return a message for each existing spool directory of a project that cannot be used."""
    return list(filter(None, map(_obstacle, spool_directories.list_candidates(akastats, os.environ))))


def _obstacle(directory: Path) -> str:
    spool_directories.restrict_spool_directory(directory)
    problem = spool_directories.check_spool_directory(directory)
    if problem:
        return f"{problem}: its spools are not read; {_remedy(directory)}"
    try:
        os.scandir(directory).close()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{directory} cannot be read ({error.strerror}): {_remedy(directory)}"
    return ""


def _remedy(directory: Path) -> str:
    """Return the remedy for a directory that cannot be read or is not trusted."""
    home = directory.parent
    try:
        owner = (home if home.is_dir() else directory).lstat().st_uid
    except OSError:
        return "change the permissions of the directories above it"
    if owner == os.geteuid():
        return f"if they are yours, deliver them with `akastats drain {directory}`"
    return (
        f"{home} belongs to user {owner}: give it to yourself with `sudo chown -R {os.geteuid()} {home}`, "
        f"or have that user run `akastats drain`"
    )


def directories_of(directory: Path) -> list[Path]:
    """Return the spool directories of a spool directory, an `.akastats` or a project.

    Raises `ConfigError` if there are none.
    """
    if _is_directory(directory) and find_spools(directory, old=True, is_named=True):
        return [directory]
    # If the project's own spool directory was deleted, its spools are in the fallback directories.
    homes = (directory, directory / FOLDER) if _is_directory(directory) else ()
    existing = [each for home in homes for each in directories(home)]
    if not existing:
        raise ConfigError(
            f"no spools in {directory} or its {FOLDER}: give a spool directory, an {FOLDER} or a project"
        )
    return existing


def read_spool(path: Path, is_named: bool = False) -> Spool:
    """Return a spool described by its header; raises `OSError` if it cannot be read."""
    header = _read_header(path, is_named)
    if header is None:
        return Spool(path, "", Destination("", ""), is_running=False, producer=get_producer(path.name))
    server, namespace = header.destination or ("", "")
    destination = Destination(_with_slashes(server), namespace)
    return Spool(path, header.id, destination, not is_dead(header, path), get_producer(path.name, header))


def _read_header(path: Path, is_named: bool) -> RunHeader | None:
    reader = Reader(path, is_named=is_named)
    try:
        while records := reader.read(CHUNK_BYTES):
            for record in records:
                header = _decode_header(record) if record.kind == "run" else None
                if header is not None:
                    return header
    finally:
        reader.close()
    return None


def _decode_header(record: Record) -> RunHeader | None:
    try:
        content = decode_content(record)
    except UNSOUND:
        return None
    return content if isinstance(content, RunHeader) else None


def end_of(path: Path) -> int | None:
    """Return the sequence number of the record that ends a spool's run; `None` if it cannot be read."""
    try:
        reader = Reader(path, spool_directories.list_alternatives(path.parent, os.environ))
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


def list_spools(directories: list[Path], old: bool = False, is_named: bool = False) -> list[Spool]:
    """Return the spools of several directories, newest first; files that are deleted meanwhile are omitted.

    old: whether to include spools that were moved aside because of their age
    is_named: whether the user named the directories; then their owner is not checked
    """
    spools = []
    for path in find_spools(*directories, old=old, is_named=is_named):
        try:
            spools.append(read_spool(path, is_named))
        except FileNotFoundError:
            continue
        except (OSError, SpoolError) as error:
            # The path may be a pipe, a directory, or a file of another user.
            spools.append(Spool(path, "", Destination("", ""), is_running=False, problem=str(error)))
    return spools


def _with_slashes(server: str) -> str:
    """Return the URL of a Unix socket with two slashes: before Python 3.12 urlunsplit omits an empty host."""
    is_short = server.startswith("unix:/") and not server.startswith("unix://")
    return f"unix://{server.removeprefix('unix:')}" if is_short else server


def destination(server: str, namespace: str) -> Destination:
    """Return the destination that a spool's header stores."""
    return Destination(_with_slashes(server), namespace)


def destination_of(target: Target) -> Destination:
    """Return the destination of a target, as a spool's header stores it."""
    server = f"{EMBEDDED}{target.directory}" if target.is_embedded else remove_credentials(target.config.redis_url)
    return Destination(_with_slashes(server), target.config.namespace)
