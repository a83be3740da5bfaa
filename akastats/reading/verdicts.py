"""Verdicts as they are asked for: of one run, or the newest there are of a branch and suite."""

from __future__ import annotations

from akastats.analysis.verdicts import Verdicts, unpack
from akastats.errors import NotFoundError
from akastats.operations import verdicts as stored_verdicts
from akastats.operations.requests import Operation
from akastats.operations.runs import Position
from akastats.reading import runs
from akastats.reading.runs import Run

#: Among so many of the newest runs the newest verdicts are looked for.
LOOKED_AT = 50


def of_run(namespace: str, run_id: str) -> Operation[Verdicts]:
    """Read what one run means; raises `NotFoundError` where nobody has judged it (yet)."""
    found = yield from stored_verdicts.stored(namespace, [run_id])
    if run_id not in found:
        raise NotFoundError(f"no verdicts of run {run_id[:100]!r}: unknown, expired, or not judged yet")
    return unpack(found[run_id])


def newest(namespace: str, suite: str, branch: str = "", before: Run | None = None) -> Operation[Verdicts | None]:
    """Read the newest verdicts of a suite (empty: of runs without one), of one branch if it is named.

    `before` leaves out that run and later ones. `None` where none of the newest 50 runs has any.
    """
    after = None if before is None else Position(before.started or 0.0, before.id)
    page = yield from runs.page(namespace, {"suite": suite, "branch": branch}, after, LOOKED_AT)
    ids = [run.id for run in page.items if (run.suite or "") == suite]
    found = yield from stored_verdicts.stored(namespace, ids)
    return next((unpack(found[run_id]) for run_id in ids if run_id in found), None)
