"""Verdicts as they are answered, wherever they stand: values into shapes."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, TypeVar

from fastapi import Depends

from akastats.api.limits import LabelCursor
from akastats.api.models import (
    ChangeMark,
    ChangeVerdict,
    FailureVerdict,
    InQuarantine,
    OverBudget,
    RanBefore,
    RunPace,
    RunVerdicts,
    UnhealthyTest,
    VerdictsInShort,
    WorkerFailures,
)
from akastats.api.problems import Problem
from akastats.errors import NotFoundError
from akastats.model import verdicts as analysis
from akastats.queries import cursors
from akastats.queries.flaky import ListedTest
from akastats.queries.regressions import ListedChange
from akastats.queries.verdicts import Place, Told
from akastats.redis import async_redis
from akastats.store.requests import Operation
from akastats.triage.quarantine_rules import Quarantined

T = TypeVar("T")

# No verdict has as many tests or changes.
_MOST = 1_000_000


def _place(cursor: LabelCursor = "") -> Place | None:
    if not cursor:
        return None
    try:
        run, at = cursors.decode(cursor, str, int)
    except ValueError as error:
        raise _no_cursor(str(error)) from error
    if not (run and 0 <= at < _MOST):
        raise _no_cursor("not a cursor of this list")
    return Place(run, at)


def _no_cursor(reason: str) -> Problem:
    return Problem(422, f"cursor: {reason}; it is `next` of the page before", "cursor")


#: Where a page of verdicts begins, `None` for the first one.
After = Annotated[Place | None, Depends(_place)]


async def page_of(asked: Operation[T]) -> T:
    """Return a page of verdicts; raises a problem where those have expired that the pages before are out of."""
    try:
        return await async_redis.run(asked)
    except NotFoundError as error:
        raise Problem(422, f"cursor: {error}; begin with the first page", "cursor") from error


def in_short(told: Told | None) -> VerdictsInShort | None:
    """Return which verdicts something is out of."""
    return VerdictsInShort(**short_fields(told.verdicts, told.started)) if told else None


def short_fields(verdicts: analysis.Verdicts, started: float | None) -> dict[str, Any]:
    """Return the fields that all answers about verdicts share."""
    return {
        "run": verdicts.run,
        "started": started,
        "suite": verdicts.suite or None,
        "branch": verdicts.branch or None,
        "base": verdicts.base or None,
        "runs": verdicts.runs,
        "counts": verdicts.counts or {},
        "undecided": verdicts.undecided,
        "pace": verdicts.pace,
        "seconds": verdicts.seconds,
        "usual_seconds": verdicts.usual_seconds,
        "is_outage": verdicts.is_outage,
    }


def run_fields(verdicts: analysis.Verdicts, started: float | None) -> dict[str, Any]:
    """Return the fields that tell what a run means, in short."""
    return {
        **short_fields(verdicts, started),
        "labels": Counter(failure.label for failure in verdicts.failures if failure.label),
        "failures": [FailureVerdict.model_validate(failure) for failure in verdicts.failures],
        "environments": list(verdicts.environments),
        "equal_runs": verdicts.equal_runs,
        "over_budget": [OverBudget.model_validate(each) for each in verdicts.over_budget],
    }


def run_verdicts(verdicts: analysis.Verdicts | None, started: float | None) -> RunVerdicts | None:
    """Return what a run means, in short; `None` of one that was not judged."""
    return RunVerdicts(**run_fields(verdicts, started)) if verdicts else None


def paces(verdicts: analysis.Verdicts) -> list[RunPace]:
    """Return how long all tests took in the runs that were judged by."""
    return [RunPace(run=run, pace=pace) for run, pace in verdicts.paces]


def judged_test(listed: ListedTest) -> UnhealthyTest:
    """Return a test that is not healthy."""
    test = listed.test
    told = {name: getattr(test, name) for name in test.__slots__}
    return UnhealthyTest(
        **{
            **told,
            "suite": listed.suite or None,
            "since": test.since or None,
            "since_commit": test.since_commit or None,
            "evidence": list(test.evidence),
            "workers": [WorkerFailures(worker=each[0], failed=each[1], attempts=each[2]) for each in test.workers],
            "after": [RanBefore(nodeid=nodeid, count=count) for nodeid, count in test.after],
            "cluster": listed.cluster,
            "quarantine": in_quarantine(listed.quarantine),
        }
    )


def in_quarantine(entry: Quarantined | None) -> InQuarantine | None:
    """Return until when and why a test is in quarantine, if it is."""
    return InQuarantine.model_validate(entry) if entry else None


_OF_CHANGE = (
    *("label", "environment", "before", "after", "ratio", "low", "high", "since", "run", "until"),
    *("runs_after", "is_slower", "is_suspected", "p", "confidence"),
)
_OF_LISTED = ("id", "since_commit", "commit", "until_commit", "group")


def judged_change(listed: ListedChange) -> ChangeVerdict:
    """Return a change of a duration."""
    kind, name = listed.named
    return ChangeVerdict(
        **{field: getattr(listed.change, field) for field in _OF_CHANGE},
        **{field: getattr(listed, field) for field in _OF_LISTED},
        kind=kind,
        name=name,
        nodeid=name if kind == "test" else None,
        suite=listed.suite or None,
        is_new=listed.judged.is_new,
        mark=ChangeMark.model_validate(listed.mark) if listed.mark else None,
    )


def following(told: Told | None, place: Place | None, size: int, total: int) -> str | None:
    """Return the cursor of the page behind one of `size`, `None` at the end."""
    at = (place.at if place else 0) + size
    return cursors.encode([told.verdicts.run, at]) if told and at < total else None
