"""What each failure of a run is, by what its base did. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from akastats.analysis.failure_labels import Label, label_failure
from akastats.analysis.flaky import Flakiness, Vote, judge, verdicts_of
from akastats.analysis.outages import Outages
from akastats.analysis.run_records import FAILING, RunRecord, evidence_of
from akastats.analysis.standing import votes_of
from akastats.analysis.verdicts import JudgedFailure

#: So many failures of a run are judged one by one.
MOST_FAILURES = 2000


def judged_failures(
    run: RunRecord, base: Sequence[RunRecord], unusual: Outages, quarantined: Collection[str]
) -> tuple[JudgedFailure, ...]:
    """Return the tests that failed in `run`, in the order they ended, labelled by the runs of its base before it.

    Without any run of a base there is nothing to judge by, and only what is quarantined has a label.
    """
    failed = run.failed()[:MOST_FAILURES]
    votes, evidence = votes_of(base, failed), votes_of(evidence_of(base), failed)
    attempts = _attempts(run, base)
    return tuple(
        _failure(
            nodeid,
            votes[nodeid],
            judge(evidence[nodeid], unusual.about(nodeid)) if evidence[nodeid] else None,
            attempts.get(nodeid, 1),
            nodeid in quarantined,
            bool(base),
        )
        for nodeid in failed
    )


def _attempts(run: RunRecord, base: Sequence[RunRecord]) -> Mapping[str, int]:
    """Count the attempts in a row, up to the last, that failed on this run's commit."""
    commit = run.facts.commit
    found: dict[str, int] = {}
    for record in (*(each for each in base if commit and each.facts.commit == commit), run):
        for nodeid, letter in zip(record.nodeids, record.letters, strict=True):
            found[nodeid] = found.get(nodeid, 0) + 1 if letter in FAILING else 0
    return found


def _failure(
    nodeid: str,
    votes: Sequence[Vote],
    known: Flakiness | None,
    attempts: int,
    is_quarantined: bool,
    has_base: bool,
) -> JudgedFailure:
    fails_on_base = bool(votes) and verdicts_of(votes)[-1].trial.still_failing
    if not (has_base or is_quarantined):
        return JudgedFailure(nodeid, None)
    told: Label = label_failure(
        known, attempts=attempts, fails_on_base=fails_on_base, is_quarantined=is_quarantined
    )
    return JudgedFailure(nodeid, told.kind, None if told.rate is None else round(told.rate, 4))
