"""Read the findings of a run: what costs time, and what a change would save."""

from __future__ import annotations

from dataclasses import dataclass, replace

from akastats.analysis.findings.rules import find_all
from akastats.model.findings import Finding, Since
from akastats.queries.ledger import read_recorded_run
from akastats.store.requests import Operation

#: Document with the accuracy of the predictions.
ACCURACY = "docs/accuracy.md"


@dataclass(frozen=True)
class RunFindings:
    """The findings of a run.

    run: id of the run
    wall: wall time of the run, in seconds
    findings: the findings, the largest saving first
    explained: share of wall time that the ledger explains, from 0 to 1
    lacks: what the run did not record
    accuracy: document with the accuracy of the predictions
    """

    run: str
    wall: float
    findings: list[Finding]
    explained: float
    lacks: list[str]
    accuracy: str = ACCURACY


def read_findings(namespace: str, run_id: str, is_complete: bool = False) -> Operation[RunFindings]:
    """Read the findings of a run, with `is_complete` also those that save little.

    Raises `NotFoundError` for an unknown run, and without a profile.
    """
    run, recorded = yield from read_recorded_run(namespace, run_id)
    since = Since(run.id, run.commit, first_recorded=True)
    items = [replace(each, since=since) for each in find_all(recorded, is_complete=is_complete)]
    ledger = recorded.ledger
    return RunFindings(run.id, round(recorded.wall, 3), items, round(ledger.explained, 4), list(ledger.lacks))
