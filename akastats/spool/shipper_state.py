"""What the shipper tells the process of the tests: one small file, renamed into place. Imports nothing heavy."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from akastats import trust
from akastats.spool import directories as places

#: The shipper starts, or the embedded server, which is worth waiting for, as is a delivery. The server does not
#: answer: not worth much. None can be reached, or it refuses for now: worth nearly nothing. All is delivered, and
#: what it means is looked for. It is over.
STARTING, RAISING, DELIVERING = "starting", "raising", "delivering"
SILENT, ABSENT = "silent", "absent"
JUDGING = "judging"
FAILED, DONE = "failed", "done"
#: The phases in which all is delivered, and `answer` says what.
APPLIED = (JUDGING, DONE)


@dataclass(frozen=True)
class State:
    """Where the delivery of one run stands; `server` is where it goes, without credentials.

    `answers` grows while the server answers.
    """

    phase: str = STARTING
    applied: int = 0
    answers: int = 0
    server: str = ""
    message: str = ""
    notice: str = ""
    answer: dict[str, Any] = field(default_factory=dict)


def path_for(spool: Path) -> Path:
    """Return where the state of a spool's delivery is written."""
    return spool.with_suffix(".state")


def write(spool: Path, state: State) -> None:
    """Write the state beside its spool, or where the spool may have gone on: whole, or not at all."""
    content, targets = json.dumps(asdict(state)), homes(path_for(spool))
    if not any(put(target, content) for target in targets):
        # On a full disk the state before this one takes the room; without any nobody waits for long.
        for target in targets:
            _remove(target)
        any(put(target, content) for target in targets)


def put(target: Path, content: str) -> bool:
    """Write a file beside a spool, whole or not at all; tell whether it was."""
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        _remove(draft)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        draft.replace(target)
    except OSError:
        _remove(draft)
        return False
    return True


def read(spool: Path) -> State | None:
    """Return the state of a spool's delivery, the newest there is; `None` while there is none."""
    for path in newest_first(path_for(spool)):
        try:
            return State(**json.loads(trust.read_trusted(path)))
        except (OSError, ValueError, TypeError):
            continue
    return None


def homes(path: Path) -> list[Path]:
    """Return the possible paths of a file beside a spool: there, or where the spool may have been continued.

    Directories that others could have put one into are left out.
    """
    directories = [path.parent, *places.list_alternatives(path.parent, os.environ)]
    return [place / path.name for place in directories if not places.check_spool_directory(place)]


def newest_first(path: Path) -> list[Path]:
    """Return the copies of a file beside a spool that there are, the newest first."""
    found = [(_written(copy), copy) for copy in homes(path)]
    return [copy for written, copy in sorted(found, reverse=True) if written]


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass
