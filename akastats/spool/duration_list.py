"""The expected durations of a run's tests, by which they are ordered: a file beside its spool.

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
class ExpectedDurations:
    """The expected durations of tests.

    seconds: duration without shared fixtures, by node id; empty if no run is recorded
    problem: why the durations could not be read; empty otherwise
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""


def path_for(spool: Path) -> Path:
    """Return the path of the durations of a spool."""
    return spool.with_suffix(".durations")


def write(spool: Path, expected: ExpectedDurations) -> None:
    """Write the durations atomically beside their spool, or beside a continuation of the spool."""
    content = json.dumps(asdict(expected))
    any(shipper_state.put(target, content) for target in shipper_state.homes(path_for(spool)))


def read(spool: Path) -> ExpectedDurations | None:
    """Return the durations of a spool; `None` if there is no readable list yet."""
    for path in shipper_state.newest_first(path_for(spool)):
        try:
            return ExpectedDurations(**json.loads(trust.read_trusted(path)))
        except (OSError, ValueError, TypeError):
            continue
    return None
