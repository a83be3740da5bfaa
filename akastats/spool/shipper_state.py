"""State of a delivery, for the test process: a small file beside the spool.

This module imports only small modules, because the test process loads it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from akastats import trust
from akastats.spool import directories
from akastats.spool.shipper_answer import Answer, decode, encode

# Phases of a delivery. The plugin waits for the first three.
#: The shipper starts.
STARTING = "starting"
#: The embedded server starts.
RAISING = "raising"
#: The server answers, and records are delivered.
DELIVERING = "delivering"
#: The server does not answer.
SILENT = "silent"
#: No server can be reached, or the server refuses requests for now.
ABSENT = "absent"
#: Everything is delivered, and the run is analysed. The value is part of the file format.
ANALYSING = "judging"
FAILED, DONE = "failed", "done"
#: Phases in which everything is delivered and `answer` is set.
APPLIED = (ANALYSING, DONE)


@dataclass(frozen=True)
class State:
    """State of the delivery of one run.

    phase: one of the phases above
    applied: number of tests that are delivered
    answers: counter that increases while the server answers
    server: URL of the server, without credentials
    message: what the delivery waits for, or why it failed
    notice: further message for the user
    answer: figures and verdicts of the run; `None` before everything is delivered
    """

    phase: str = STARTING
    applied: int = 0
    answers: int = 0
    server: str = ""
    message: str = ""
    notice: str = ""
    answer: Answer | None = None


def path_for(spool: Path) -> Path:
    """Return the path of the state file of a spool."""
    return spool.with_suffix(".state")


def write(spool: Path, state: State) -> None:
    """Write the state atomically beside its spool, or beside a continuation of the spool."""
    content, targets = json.dumps(_encode(state)), homes(path_for(spool))
    if not any(put(target, content) for target in targets):
        # On a full disk, the previous state may occupy the space that is needed. Without a state file the plugin
        # soon stops waiting.
        for target in targets:
            _remove(target)
        any(put(target, content) for target in targets)


def put(target: Path, content: str) -> bool:
    """Write a file atomically; return whether that succeeded."""
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


def _encode(state: State) -> dict[str, Any]:
    answer = encode(state.answer) if state.answer is not None else {}
    return {**vars(state), "answer": answer}


def _decode(content: dict[str, Any]) -> State:
    values = {name: content[name] for name in _FIELDS if name in content}
    return State(**values, answer=decode(content["answer"]) if content.get("answer") else None)


_FIELDS = [each.name for each in fields(State) if each.name != "answer"]


def read(spool: Path) -> State | None:
    """Return the newest state of a spool's delivery; `None` if there is no readable state."""
    for path in newest_first(path_for(spool)):
        try:
            return _decode(json.loads(trust.read_trusted(path)))
        except (OSError, ValueError, TypeError, AttributeError):
            continue
    return None


def homes(path: Path) -> list[Path]:
    """Return the possible paths of a file beside a spool, because its writer may move to another directory.

    Directories that other users can write to are omitted.
    """
    candidates = [path.parent, *directories.list_alternatives(path.parent, os.environ)]
    return [candidate / path.name for candidate in candidates if not directories.check_spool_directory(candidate)]


def newest_first(path: Path) -> list[Path]:
    """Return the existing copies of a file beside a spool, newest first."""
    copies = [(_modification_time(copy), copy) for copy in homes(path)]
    return [copy for modified, copy in sorted(copies, reverse=True) if modified]


def _modification_time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        pass
