"""List the runs that a project recorded on this machine: a small file per run, which outlives its spool.

Jobs of a CI matrix can have the same build id and job name. These files identify the run of this machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from akastats import trust
from akastats.spool.directories import check_spool_directory
from akastats.spool.records import RunHeader

SUFFIX = ".run"
#: Maximum number of runs per call of `read`, newest first. A spool directory contains the runs of 21 days.
MAX_READ = 1000


@dataclass(frozen=True)
class RecordedRun:
    """One run recorded on this machine; unknown fields are empty.

    id: id of the run.
    suite, build_id, attempt: from the header of its spool.
    server, namespace: destination of the delivery.
    root: pytest's root directory.
    host: name of the machine, because a restored cache may contain files of another one.
    is_nested: whether it ran inside another recorded run.
    """

    id: str
    suite: str = ""
    build_id: str = ""
    attempt: str = ""
    server: str = ""
    namespace: str = ""
    root: str = ""
    host: str = ""
    is_nested: bool = False


def make_recorded_run(header: RunHeader, root: str) -> RecordedRun:
    """Return the run that a spool's header describes."""
    destination = header.destination
    return RecordedRun(
        id=header.id,
        suite=header.suite or "",
        build_id=header.build_id or "",
        attempt=header.attempt or "",
        server=destination.server if destination else "",
        namespace=destination.namespace if destination else "",
        root=root,
        host=header.host or "",
        is_nested=bool(header.nested),
    )


def write(spool: Path, run: RecordedRun) -> None:
    """Write a run's file beside its spool; ignore errors, because the run does not need the file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(spool.with_suffix(SUFFIX), flags, 0o600)
    except OSError:
        return
    try:
        os.write(descriptor, json.dumps(asdict(run)).encode())
    except OSError:
        pass
    finally:
        os.close(descriptor)


def read(directories: Iterable[Path]) -> list[RecordedRun]:
    """Return the runs recorded in some spool directories, newest first; ignore files of other users."""
    paths = [
        path for directory in directories if not check_spool_directory(directory) for path in _files(directory)
    ]
    newest = sorted(paths, key=lambda path: path.name, reverse=True)[:MAX_READ]
    runs = [run for path in newest if (run := _parse(path)) is not None]
    return sorted({run.id: run for run in runs}.values(), key=lambda run: run.id, reverse=True)


def _files(directory: Path) -> list[Path]:
    try:
        with os.scandir(directory) as entries:
            return [Path(entry.path) for entry in entries if entry.name.endswith(SUFFIX)]
    except OSError:
        return []


def _parse(path: Path) -> RecordedRun | None:
    try:
        content = json.loads(trust.read_trusted(path))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    # Annotations are text because of `from __future__ import annotations`.
    types = {field.name: bool if str(field.type) == "bool" else str for field in fields(RecordedRun)}
    values = {name: content[name] for name, type_ in types.items() if isinstance(content.get(name), type_)}
    return RecordedRun(**values) if values.get("id") else None
