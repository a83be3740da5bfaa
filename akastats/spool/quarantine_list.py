"""The quarantined tests of a run, whose failures do not count: a file beside its spool.

This module imports only small modules, because the test process loads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from akastats import trust
from akastats.spool import shipper_state


@dataclass(frozen=True)
class Listed:
    """The quarantined tests of a run.

    tests: end and reason of the quarantine, by node id
    problem: why the list could not be read; empty otherwise
    """

    tests: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def path_for(spool: Path) -> Path:
    """Return the path of the quarantine list of a spool."""
    return spool.with_suffix(".quarantine")


def write(spool: Path, listed: Listed) -> None:
    """Write the list atomically beside its spool, or beside a continuation of the spool."""
    content = json.dumps(asdict(listed))
    any(shipper_state.put(target, content) for target in shipper_state.homes(path_for(spool)))


def read(spool: Path) -> Listed | None:
    """Return the quarantine list of a spool; `None` if there is no readable list yet."""
    for path in shipper_state.newest_first(path_for(spool)):
        try:
            return Listed(**json.loads(trust.read_trusted(path)))
        except (OSError, ValueError, TypeError):
            continue
    return None
