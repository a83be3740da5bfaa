"""Read all verdicts of one run for a report."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.queries import flaky, regressions, verdicts
from akastats.queries.flaky import ListedTest
from akastats.queries.regressions import ListedChange
from akastats.queries.verdicts import DatedVerdicts
from akastats.store.requests import Operation


@dataclass(frozen=True)
class RunReport:
    """Verdicts of one run with their context.

    source: the verdicts and the start of their run
    tests: unhealthy tests, the most costly first
    changes: duration changes, newest first
    suite_changes: duration changes of the whole suite, newest first
    """

    source: DatedVerdicts
    tests: list[ListedTest]
    changes: list[ListedChange]
    suite_changes: list[ListedChange]


def read_report(
    namespace: str, days: int, run_id: str, suite: str | None, branch: str | None
) -> Operation[RunReport]:
    """Read the report of a run, or of the newest analysed one; raises `NotFoundError` without verdicts."""
    of_run = yield from verdicts.read_verdicts_or_newest(namespace, run_id, suite, branch)
    source = yield from verdicts.add_start(namespace, of_run)
    changes = regressions.select(of_run.changes, regressions.ANY)
    of_suite = regressions.select(of_run.suite_changes, regressions.ANY)
    listed = yield from regressions.list_changes(namespace, days, of_run, [*changes, *of_suite])
    tests = yield from flaky.with_quarantine(namespace, flaky.select(of_run, flaky.ListQuery(state=None)))
    return RunReport(source, tests, listed[: len(changes)], listed[len(changes) :])
