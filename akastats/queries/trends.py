"""Read the trend of a suite over its runs, and the branches and suites to filter by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from akastats.queries import runs
from akastats.queries.base_branch import DEFAULT_BRANCHES, is_of_branch
from akastats.queries.runs import Run
from akastats.store import keys
from akastats.store import runs as stored_runs
from akastats.store.requests import Operation, send_read
from akastats.store.runs import Position

#: Maximum number of newest runs whose branches and suites are read.
FACET_RUNS = 1000


@dataclass(frozen=True)
class TrendPoint:
    """One run that has ended.

    run: id of the run
    started: start, epoch seconds
    suite: suite of the run; null if there is none
    branch: branch name
    commit: full commit id
    status: passed, failed, interrupted, crashed or empty
    duration: seconds from start to end
    tests: number of tests
    passed: tests that passed
    failed: tests that failed
    errors: tests with an error in setup or teardown
    skipped: tests that were skipped
    pass_rate: share of the executed tests that did not fail, 0 to 1; null if no test ran
    """

    run: str
    started: float | None
    suite: str | None
    branch: str | None
    commit: str | None
    status: str | None
    duration: float | None
    tests: int | None
    passed: int | None
    failed: int | None
    errors: int | None
    skipped: int | None
    pass_rate: float | None


@dataclass(frozen=True)
class Trend:
    """A page of a trend.

    items: finished runs, newest first
    next: position of the last run that was read; `None` on the last page
    """

    items: list[TrendPoint]
    next: Position | None


@dataclass(frozen=True)
class Facets:
    """Branches and suites of the newest 1,000 runs, and the number of labels.

    branches: branch names, most recently used first
    suites: suite names, most recently used first
    labels_total: number of labels in the namespace
    default_branch: default branch of the repository as the newest run recorded it, else main or master; null if
        no run belongs to one of them
    """

    branches: list[str]
    suites: list[str]
    labels_total: int
    default_branch: str | None


_READ = (
    *("id", "started", "suite", "branch", "commit", "status", "duration"),
    *("tests", "passed", "failed", "errors", "skipped"),
    *("base", "pull_request", "nested", "default_branch"),
)


def read_trend(namespace: str, filters: Mapping[str, str], after: Position | None, size: int) -> Operation[Trend]:
    """Read the newest finished runs that match all `filters`; further pages can follow a short page."""
    page = yield from runs.read_page(namespace, filters, after, size, _READ)
    shown = [run for run in page.items if is_of_branch(run, filters.get("branch", ""))]
    return Trend([point_of(run) for run in shown if run.status != "running"], page.next)


def point_of(run: Run) -> TrendPoint:
    """Return a run as a point of a trend."""
    return TrendPoint(
        run=run.id,
        started=run.started,
        suite=run.suite,
        branch=run.branch,
        commit=run.commit,
        status=run.status,
        duration=run.duration,
        tests=run.tests,
        passed=run.passed,
        failed=run.failed,
        errors=run.errors,
        skipped=run.skipped,
        pass_rate=compute_pass_rate(run),
    )


def compute_pass_rate(run: Run) -> float | None:
    """Return the share of the executed tests that did not fail, 0 to 1; `None` if no test ran."""
    ran = (run.tests or 0) - (run.skipped or 0)
    return (ran - (run.failed or 0) - (run.errors or 0)) / ran if ran > 0 else None


def read_facets(namespace: str) -> Operation[Facets]:
    """Read the branches and suites of the newest 1,000 runs, and the number of labels."""
    ids = yield from send_read("ZREVRANGE", keys.runs(namespace), 0, FACET_RUNS - 1)
    stored = yield from stored_runs.read_fields(
        namespace, [stored_runs.decode_member(member) for member in ids], ("branch", "suite", "default_branch")
    )
    total = yield from send_read("ZCARD", keys.index(namespace))
    branches = _distinct(stored, "branch")
    candidates = [*_distinct(stored, "default_branch"), *(each for each in DEFAULT_BRANCHES if each in branches)]
    return Facets(branches, _distinct(stored, "suite"), int(total), candidates[0] if candidates else None)


def _distinct(stored: Mapping[str, Mapping[str, str]], name: str) -> list[str]:
    return list(dict.fromkeys(fields[name] for fields in stored.values() if name in fields))
