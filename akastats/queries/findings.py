"""Read the findings of a run: what costs time, and what a change would save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from akastats.analysis.findings.rules import RULES, Rule, find_all, find_first, guard
from akastats.errors import NotFoundError
from akastats.model.findings import Finding, Since
from akastats.queries.ledger import read_recorded_run
from akastats.queries.run_details import read_profile
from akastats.queries.runs import Run
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
    lacks: what the run did not record, and rules of extensions that failed
    accuracy: document with the accuracy of the predictions
    """

    run: str
    wall: float
    findings: list[Finding]
    explained: float
    lacks: list[str]
    accuracy: str = ACCURACY


def read_findings(
    namespace: str, run_id: str, is_complete: bool = False, further: Mapping[str, Rule] | None = None
) -> Operation[RunFindings]:
    """Read the findings of a run, with `is_complete` also those that save little.

    Raises `NotFoundError` for an unknown run, and without a profile.

    further: rules of extensions by name; their errors are part of `lacks`
    """
    run, recorded = yield from read_recorded_run(namespace, run_id)
    errors: list[str] = []
    rules = [*RULES, *(guard(name, rule, errors) for name, rule in (further or {}).items())]
    since = Since(run.id, run.commit, first_recorded=True)
    items = [replace(each, since=since) for each in find_all(recorded, rules, is_complete)]
    ledger = recorded.ledger
    return RunFindings(
        run.id, round(recorded.wall, 3), items, round(ledger.explained, 4), [*ledger.lacks, *errors]
    )


def read_first_findings(namespace: str, run: Run) -> Operation[tuple[Finding, ...]]:
    """Read the findings for a report; none without a profile."""
    try:
        content = yield from read_profile(namespace, run.id)
    except NotFoundError:
        return ()
    return find_first(content, run.workers or 0, run.dist or "load", run.cpu_count or 1)
