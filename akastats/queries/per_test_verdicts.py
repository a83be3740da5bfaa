"""Read the newest verdicts about one test."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from akastats.model.results import label
from akastats.model.verdicts import Verdicts
from akastats.queries import flaky, regressions, verdicts
from akastats.queries.flaky import ListedTest
from akastats.queries.regressions import ListedChange
from akastats.store.requests import Operation
from akastats.triage import quarantine
from akastats.triage.quarantine_rules import QuarantinedTest


@dataclass(frozen=True)
class VerdictsOfTest:
    """Newest verdicts about a test.

    run: run of the verdicts; `None` without verdicts
    verdict: verdict of the test; `None` for a healthy or new test
    together: tests that fail together, including this test; empty if there is no other test
    changes: duration changes of the test
    quarantine: quarantine entry; `None` if there is none
    """

    run: str | None
    verdict: ListedTest | None
    together: tuple[str, ...]
    changes: list[ListedChange]
    quarantine: QuarantinedTest | None


#: Maximum number of suites whose verdicts are read for a list.
MAX_SUITES = 20


def read_rates(namespace: str, suites: Iterable[str]) -> Operation[dict[str, float]]:
    """Read the failure rates of unhealthy tests, by label, so that all views of a test show the same rate."""
    by_label: dict[str, float] = {}
    for suite in sorted(suites)[:MAX_SUITES]:
        newest = yield from verdicts.read_newest(namespace, suite, None)
        by_label.update(
            {label("test", test.nodeid, suite): test.rate for test in (newest.tests if newest else ())}
        )
    return by_label


def read_verdicts(namespace: str, days: int, nodeid: str, suite: str) -> Operation[VerdictsOfTest]:
    """Read the newest verdicts about a test, and its quarantine entry."""
    entries = yield from quarantine.read_entries(namespace, suite)
    entry = next((each for each in entries if each.nodeid == nodeid), None)
    newest = yield from verdicts.read_newest(namespace, suite, None)
    if newest is None:
        return VerdictsOfTest(None, None, (), [], entry)
    own = [verdict for verdict in newest.changes if _is_duration_of(verdict.change.label, nodeid)]
    changes = yield from regressions.list_changes(
        namespace, days, newest, regressions.select(own, regressions.ANY)
    )
    test = _unhealthy_test(newest, nodeid, entry)
    together = newest.clusters[test.cluster] if test and test.cluster is not None else ()
    return VerdictsOfTest(newest.run, test, together, changes, entry)


def _is_duration_of(name: str, nodeid: str) -> bool:
    return name.endswith(nodeid) and regressions.subject_of(name) == ("test", nodeid)


def _unhealthy_test(verdicts: Verdicts, nodeid: str, entry: QuarantinedTest | None) -> ListedTest | None:
    test = next((each for each in verdicts.tests if each.nodeid == nodeid), None)
    if test is None:
        return None
    return ListedTest(test, verdicts.suite, flaky.clusters_of(verdicts).get(nodeid), entry)
