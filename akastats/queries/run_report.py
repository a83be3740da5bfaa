"""All that one run means, as it is told at once."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.queries import flaky, regressions, verdicts
from akastats.queries.flaky import ListedTest
from akastats.queries.regressions import ListedChange
from akastats.queries.verdicts import DatedVerdicts
from akastats.store.requests import Operation


@dataclass(frozen=True)
class RunReport:
    """Verdicts with what is told beside them: tests by what they cost, changes newest first."""

    source: DatedVerdicts
    tests: list[ListedTest]
    changes: list[ListedChange]
    suite_changes: list[ListedChange]


def read_report(
    namespace: str, days: int, run_id: str, suite: str | None, branch: str | None
) -> Operation[RunReport]:
    """Read all that a run means, or the newest one judged; raises `NotFoundError` where there is none."""
    found = yield from verdicts.of_run_or_newest(namespace, run_id, suite, branch)
    told = yield from verdicts.with_start(namespace, found)
    changes = regressions.chosen(found.changes, regressions.ANY)
    of_suite = regressions.chosen(found.suite_changes, regressions.ANY)
    both = yield from regressions.listed(namespace, days, found, [*changes, *of_suite])
    tests = yield from flaky.with_quarantine(namespace, flaky.listed(found, flaky.ListQuery(state=None)))
    return RunReport(told, tests, both[: len(changes)], both[len(changes) :])
