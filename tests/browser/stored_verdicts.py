"""Runs with stored verdicts, written by hand so that the page shows each of its elements."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from akastats import redis
from akastats.analysis.flakiness.classification import MIN_COMMITS
from akastats.model.verdicts import (
    ChangeVerdict,
    DurationChange,
    FailureVerdict,
    OverBudget,
    UnhealthyTest,
    Verdicts,
    pack,
)
from akastats.store.requests import Operation
from akastats.store.verdicts import store_verdicts
from tests.delivered_runs import deliver, spool

NAMESPACE = "JUDGED"
RUNS = 12
DAY_S = 86_400
HOUR_S = 3600
ENVIRONMENT = "unit/n2/github-4/3.13"

PAY, STOCK, BROKEN, NEW, HELD = (
    "tests/test_pay.py::test_refund",
    "tests/test_stock.py::test_count",
    "tests/test_db.py::test_migrates",
    "tests/test_cart.py::test_empties",
    "tests/test_mail.py::test_sends",
)
UNKNOWN = "tests/test_fresh.py::test_first"
TOTAL, TAX = "tests/test_total.py::test_total", "tests/test_total.py::test_tax"
SEARCH = "tests/test_search.py::test_finds"
SKIPPED = "tests/test_export.py::test_writes_pdf"
FAILING = (PAY, STOCK, BROKEN, NEW, HELD, UNKNOWN)


def run_id(number: int) -> str:
    """Return the id of one of the runs, numbered from 0, oldest first, an hour apart."""
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started(number)))
    return f"{moment}000-{number:06d}"


_NEWEST = time.time() - HOUR_S


def commit(number: int) -> str:
    """Return the commit of a run."""
    return f"{number:02x}" * 20


def started(number: int) -> float:
    """Return the start of a run in epoch seconds."""
    return _NEWEST - (RUNS - 1 - number) * HOUR_S


def execute(url: str, operation: Operation[Any]) -> Any:
    """Execute an operation on the server at `url`."""
    with redis.connect(url) as client:
        return redis.run(operation, client, client)


def store_runs(url: str, directory: Path, namespace: str, numbers: Iterable[int], suite: str = "unit") -> None:
    """Store runs with flaky tests, a broken test, and two tests that become twice as slow."""
    for number in numbers:
        fields = {"suite": suite, "branch": "main", "commit": commit(number), "host": "runner-4"}
        path = spool(directory, tests_of(number), run_id=run_id(number), started=started(number), **fields)
        deliver(path, url, namespace)


def tests_of(number: int) -> list[tuple[Any, ...]]:
    """Return the results of a run's tests."""
    slow = 0.2 if number >= 8 else 0.1
    is_newest = number == RUNS - 1
    return [
        (PAY, "failed" if number % 4 == 3 else "passed", 0.05),
        (STOCK, "failed" if number % 4 == 3 else "passed", 0.05),
        (BROKEN, "failed", 0.01),
        *[(nodeid, "failed" if is_newest else "passed", 0.01) for nodeid in (NEW, HELD)],
        *([(UNKNOWN, "failed", 0.01)] if is_newest else []),
        (TOTAL, "passed", slow),
        (TAX, "passed", slow * 2),
        (SEARCH, "passed", 0.3),
    ]


def change(label: str, at: int, *, before: float = 0.1, after: float = 0.2, **fields: Any) -> ChangeVerdict:
    """Return a change that happened in run number `at`."""
    defaults: dict[str, Any] = {
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
    is_new = fields.pop("is_new", False)
    return ChangeVerdict(DurationChange(label=label, before=before, after=after, **{**defaults, **fields}), is_new)


def complete_verdicts() -> Verdicts:
    """Return verdicts with at least one entry of each kind."""
    failed = tuple(run_id(number) for number in (11, 7, 3))
    flaky = {"rate": 0.25, "low": 0.09, "high": 0.5, "probability": 0.98, "evidence": failed, "since": run_id(0)}
    workers = (("gw0", 3, 6), ("gw1", 0, 6))
    after = ((TOTAL, 3),)
    totals = (f"test@unit::{TOTAL}", f"test@unit::{TAX}")
    return Verdicts(
        run=run_id(RUNS - 1),
        suite="unit",
        branch="main",
        base="main",
        runs=RUNS,
        failures=(
            FailureVerdict(PAY, "known flaky", 0.25),
            FailureVerdict(STOCK, "known flaky", 0.25),
            FailureVerdict(BROKEN, "also failing on base"),
            FailureVerdict(NEW, "new"),
            FailureVerdict(HELD, "quarantined"),
            FailureVerdict(UNKNOWN, None),
        ),
        tests=(
            UnhealthyTest(STOCK, "flaky", is_new=True, runs_failed=3, seconds_lost=12.5, **flaky),
            UnhealthyTest(PAY, "flaky", runs_failed=3, seconds_lost=184.0, workers=workers, after=after, **flaky),
            UnhealthyTest(BROKEN, "broken", 0.9, 0.8, 1.0, 0.0, failed, since=run_id(0)),
        ),
        counts={"healthy": 4, "flaky": 2, "broken": 1, "new": 2},
        clusters=((PAY, STOCK),),
        changes=(
            change(totals[0], 8),
            change(totals[1], 8, before=0.2, after=0.4),
            change(f"test@unit::{SEARCH}", 10, before=0.3, after=0.45, runs_after=2, is_new=True),
            change("fixture@unit::tests::database", 6, before=0.5, after=1.5),
            change("collect@unit::tests/test_pay.py", 5, before=0.4, after=0.6),
            change("rows", 4, before=1.0, after=0.5),
        ),
        suite_changes=(change("", 6, before=10.0, after=13.0),),
        together=(totals,),
        over_budget=(OverBudget(SEARCH, 0.3, 0.25, "max_seconds"),),
        pace=1.31,
        paces=tuple((run_id(number), 1.3 if number >= 6 else 1.0) for number in range(RUNS)),
        seconds=14.2,
        usual_seconds=10.9,
        undecided=1,
        newly_skipped=(SKIPPED,),
    )


def fill(url: str, directory: Path) -> None:
    """Store the runs and the verdicts of the newest."""
    store_runs(url, directory, NAMESPACE, range(RUNS))
    put(url, complete_verdicts())


def put(url: str, verdicts: Verdicts, namespace: str = NAMESPACE) -> None:
    """Store verdicts."""
    execute(url, store_verdicts(namespace, verdicts.run, pack(verdicts), 30 * DAY_S))


def too_few_runs(run: str) -> Verdicts:
    """Return verdicts of a suite with too few runs."""
    return Verdicts(run=run, suite="unit", branch="main", base="main", runs=MIN_COMMITS - 3)
