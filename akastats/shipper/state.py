"""What the shipper tells the process of the tests: one small file, renamed into place. Imports nothing heavy."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: The shipper prepares, or is at it: worth waiting for. The server does not answer: not worth much. None can be
#: reached, or it refuses for now: worth nearly nothing. It is over, ill or well.
STARTING, DELIVERING, SILENT, ABSENT, FAILED, DONE = "starting", "delivering", "silent", "absent", "failed", "done"


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
    """Write the state beside its spool, whole or not at all; a full disk is no reason to stop."""
    target = path_for(spool)
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(state)))
        draft.replace(target)
    except OSError:
        pass


def read(spool: Path) -> State | None:
    """Return the state of a spool's delivery, `None` while there is none."""
    try:
        return State(**json.loads(path_for(spool).read_text()))
    except (OSError, ValueError, TypeError):
        return None
