"""Whose failures are not to count in a run: a small file beside its spool. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from akastats import trust
from akastats.spool import shipper_state


@dataclass(frozen=True)
class Listed:
    """Node ids with until when and why they are in quarantine; a `problem` says why none could be read."""

    tests: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def path_for(spool: Path) -> Path:
    """Return where the quarantine of a spool's run is written."""
    return spool.with_suffix(".quarantine")


def write(spool: Path, listed: Listed) -> None:
    """Write it beside its spool, or where the spool may have gone on: whole, or not at all."""
    content = json.dumps(asdict(listed))
    any(shipper_state.put(target, content) for target in shipper_state.homes(path_for(spool)))


def read(spool: Path) -> Listed | None:
    """Return the quarantine of a spool's run; `None` while there is none."""
    for path in shipper_state.newest_first(path_for(spool)):
        try:
            return Listed(**json.loads(trust.read_trusted(path)))
        except (OSError, ValueError, TypeError):
            continue
    return None
