"""Verdicts for tests: created by hand and stored."""

from __future__ import annotations

from typing import Any

from redis import Redis

from akastats.model.verdicts import ChangeVerdict, DurationChange, UnhealthyTest, Verdicts, pack
from akastats.store import keys
from tests.api.test_runs import put_run

NAMESPACE = "AKA-STATS"
ENVIRONMENT = "unit/n8/github-4/3.13"


def run_id(number: int) -> str:
    """Return the id of the run that `put_run` stores under a number."""
    return f"run-{number:05d}"


def change(label: str, at: int, *, before: float = 1.0, after: float = 2.0, **fields: Any) -> DurationChange:
    """Return a change after the run before `at`, and not after the one following it."""
    defaults = {
        "environment": ENVIRONMENT,
        "low": after / before * 0.9,
        "high": after / before * 1.1,
        "since": run_id(at - 1),
        "run": run_id(at),
        "until": run_id(at + 1),
        "runs_after": 7,
        "p": 1e-9,
        "confidence": 0.99,
    }
    return DurationChange(label=label, before=before, after=after, **{**defaults, **fields})


def changed(label: str, at: int, *, is_new: bool = False, **fields: Any) -> ChangeVerdict:
    """Return the verdict about such a change."""
    return ChangeVerdict(change(label, at, **fields), is_new)


def unhealthy(nodeid: str, state: Any = "flaky", **fields: Any) -> UnhealthyTest:
    """Return a test that is not healthy."""
    defaults = {"rate": 0.1, "low": 0.05, "high": 0.2, "probability": 1.0}
    return UnhealthyTest(nodeid=nodeid, state=state, **{**defaults, **fields})


def verdicts(run: str, **fields: Any) -> Verdicts:
    """Return the verdicts of a run."""
    defaults = {"suite": "unit", "branch": "main", "base": "main", "runs": 20}
    return Verdicts(run=run, **{**defaults, **fields})


def put_verdicts(client: Redis, number: int, **fields: Any) -> Verdicts:
    """Store a run and its verdicts."""
    made = verdicts(run_id(number), **fields)
    put_run(client, number, suite=made.suite, branch=made.branch, commit=f"c{number}")
    client.set(keys.verdicts(NAMESPACE, made.run), pack(made))
    return made
