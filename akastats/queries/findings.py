"""Read the findings of a run: its costs in time, and the savings of changes that avoid them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from akastats.analysis.findings.fixed import measure_errors
from akastats.analysis.findings.rules import MAX_FIRST, RULES, Rule, find_all, find_first, guard
from akastats.errors import NotFoundError
from akastats.model.findings import Finding, FixedFinding, Place, Since
from akastats.model.results import label
from akastats.queries.ledger import read_recorded_run
from akastats.queries.run_details import read_profile
from akastats.queries.runs import Run, read_commits
from akastats.queries.verdicts import read_newest, read_verdicts_if_any
from akastats.store.requests import Operation
from akastats.triage.finding_marks import add_marks, read_marks, without_dismissed

#: Document with the accuracy of the predictions.
ACCURACY = "docs/accuracy.md"


@dataclass(frozen=True)
class RunFindings:
    """The findings of a run.

    run: id of the run
    wall: wall time of the run, in seconds
    findings: the findings, the largest saving first
    explained: share of wall time that the ledger explains, from 0 to 1
    lacks: data that the run did not record, and rules of extensions that failed
    accuracy: document with the accuracy of the predictions
    fixed: findings of the run before that this run no longer has
    """

    run: str
    wall: float
    findings: list[Finding]
    explained: float
    lacks: list[str]
    accuracy: str = ACCURACY
    fixed: list[FixedFinding] = field(default_factory=list)


@dataclass(frozen=True)
class Predictions:
    """Fixed findings of a suite, and how well their savings were predicted.

    items: fixed findings, newest first
    error: median relative error of the predictions; null if nothing is fixed
    """

    items: list[FixedFinding]
    error: float | None


def read_predictions(namespace: str, suite: str | None, branch: str | None) -> Operation[Predictions]:
    """Read the fixed findings of a suite and branch from its newest verdicts.

    suite: name of the suite; empty for runs without a suite, `None` for all
    branch: name of the branch; empty for any, `None` for the default branch
    """
    newest = yield from read_newest(namespace, suite, branch)
    costs = newest.costs if newest else None
    fixed = list(costs.fixed) if costs else []
    error = measure_errors(fixed)
    return Predictions(fixed, None if error is None else round(error, 4))


def read_findings(
    namespace: str, run_id: str, is_complete: bool = False, further: Mapping[str, Rule] | None = None
) -> Operation[RunFindings]:
    """Read the findings of a run; raise `NotFoundError` if the run or its profile is missing.

    is_complete: whether to include findings that save little
    further: rules of extensions by name; their errors are part of `lacks`
    """
    run, recorded = yield from read_recorded_run(namespace, run_id)
    errors: list[str] = []
    rules = [*RULES, *(guard(name, rule, errors) for name, rule in (further or {}).items())]
    matches = yield from _add_since(namespace, run, find_all(recorded, rules, is_complete))
    items = add_marks(matches, run.suite or "", (yield from read_marks(namespace)))
    ledger = recorded.ledger
    of_run = yield from read_verdicts_if_any(namespace, run.id)
    fixed = of_run.costs.fixed if of_run and of_run.costs else ()
    return RunFindings(
        run.id,
        round(recorded.wall, 3),
        items,
        round(ledger.explained, 4),
        [*ledger.lacks, *errors],
        fixed=[each for each in fixed if each.run == run.id],
    )


def _add_since(namespace: str, run: Run, items: Sequence[Finding]) -> Operation[list[Finding]]:
    """Return findings with the run in which their largest part became slower, if the verdicts name one."""
    of_run = yield from read_verdicts_if_any(namespace, run.id)
    slower = [verdict.change for verdict in of_run.changes if verdict.change.is_slower] if of_run else []
    # The newest change of a label comes first, and must overwrite older ones.
    run_of = {change.label: change.run for change in reversed(slower)}
    runs = [run_of.get(_label_of(each, run.suite or ""), "") for each in items]
    commits = yield from read_commits(namespace, list(dict.fromkeys(filter(None, runs))))
    unchanged = Since(run.id, run.commit, first_recorded=True)
    return [
        replace(each, since=Since(changed, commits.get(changed), first_recorded=False) if changed else unchanged)
        for each, changed in zip(items, runs, strict=True)
    ]


def _label_of(finding: Finding, suite: str) -> str:
    """Return the label of the durations at a finding's first location; empty if the location has no durations."""
    place = finding.where[0] if finding.where else Place()
    names = {"fixture": place.fixture, "test": place.nodeid, "collect": place.file}
    return next((label(kind, name, suite) for kind, name in names.items() if name), "")


def read_first_findings(namespace: str, run: Run) -> Operation[tuple[Finding, ...]]:
    """Read the findings for a report; empty if the run has no profile."""
    try:
        content = yield from read_profile(namespace, run.id)
    except NotFoundError:
        return ()
    matches = find_first(content, run.workers or 0, run.dist or "load", run.cpu_count or 1, run.machine_memory)
    return without_dismissed(matches, run.suite or "", (yield from read_marks(namespace)))[:MAX_FIRST]
