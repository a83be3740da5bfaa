"""Verdicts made by hand and stored: what tests of what is told of them begin with."""

from __future__ import annotations

from typing import Any

from redis import Redis

from akastats.model.verdicts import ChangeVerdict, DurationChange, UnhealthyTest, Verdicts, pack
from akastats.store import keys
from tests.api.test_runs import put_run

NAMESPACE = "AKA-STATS"
ENVIRONMENT = "unit/n8/github-4/3.13"


def run_id(number: int) -> str:
    """The id of the run that `put_run` stores under a number."""
    return f"run-{number:05d}"


def change(label: str, at: int, *, before: float = 1.0, after: float = 2.0, **fields: Any) -> DurationChange:
    """A change that came after the run before `at` and not after the one behind it."""
    told = {
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
    return DurationChange(label=label, before=before, after=after, **{**told, **fields})


def changed(label: str, at: int, *, is_new: bool = False, **fields: Any) -> ChangeVerdict:
    """The same as it is judged."""
    return ChangeVerdict(change(label, at, **fields), is_new)


def judged(nodeid: str, state: Any = "flaky", **fields: Any) -> UnhealthyTest:
    """A test that is not healthy."""
    told = {"rate": 0.1, "low": 0.05, "high": 0.2, "probability": 1.0}
    return UnhealthyTest(nodeid=nodeid, state=state, **{**told, **fields})


def verdicts(run: str, **fields: Any) -> Verdicts:
    """What a run means."""
    told = {"suite": "unit", "branch": "main", "base": "main", "runs": 20}
    return Verdicts(run=run, **{**told, **fields})


def put_verdicts(client: Redis, number: int, **fields: Any) -> Verdicts:
    """Store a run and what it means."""
    made = verdicts(run_id(number), **fields)
    put_run(client, number, suite=made.suite, branch=made.branch, commit=f"c{number}")
    client.set(keys.verdicts(NAMESPACE, made.run), pack(made))
    return made
