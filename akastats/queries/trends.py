"""The suite as a whole over its runs, and what runs can be told apart by."""

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

#: Facets are those of so many of the newest runs.
FACET_RUNS = 1000


@dataclass(frozen=True)
class TrendPoint:
    """One run that has ended.

    run: id of the run
    started: start, epoch seconds
    suite: suite of the run; null without one
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
    """Runs that are over, newest first, and where the next page begins: `None` at the end."""

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


def trend(namespace: str, filters: Mapping[str, str], after: Position | None, size: int) -> Operation[Trend]:
    """Read the newest runs that are over and pass all `filters`. A page may be short and not the last."""
    page = yield from runs.page(namespace, filters, after, size, _READ)
    shown = [run for run in page.items if is_of_branch(run, filters.get("branch", ""))]
    return Trend([point(run) for run in shown if run.status != "running"], page.next)


def point(run: Run) -> TrendPoint:
    """Return what a trend shows of a run."""
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
        pass_rate=pass_rate(run),
    )


def pass_rate(run: Run) -> float | None:
    """Return the share of a run's tests that did not fail, of those that ran; `None` where none did."""
    ran = (run.tests or 0) - (run.skipped or 0)
    return (ran - (run.failed or 0) - (run.errors or 0)) / ran if ran > 0 else None


def facets(namespace: str) -> Operation[Facets]:
    """Read by what the newest 1,000 runs can be told apart."""
    ids = yield from send_read("ZREVRANGE", keys.runs(namespace), 0, FACET_RUNS - 1)
    found = yield from stored_runs.read_fields(
        namespace, [stored_runs.decode_member(member) for member in ids], ("branch", "suite", "default_branch")
    )
    total = yield from send_read("ZCARD", keys.index(namespace))
    branches = _each(found, "branch")
    usual = [*_each(found, "default_branch"), *(each for each in DEFAULT_BRANCHES if each in branches)]
    return Facets(branches, _each(found, "suite"), int(total), usual[0] if usual else None)


def _each(found: Mapping[str, Mapping[str, str]], name: str) -> list[str]:
    return list(dict.fromkeys(fields[name] for fields in found.values() if name in fields))
