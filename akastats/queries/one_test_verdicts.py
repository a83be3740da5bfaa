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
class OfTest:
    """Newest verdicts about a test.

    judged_by: run of the verdicts; `None` without verdicts
    verdict: verdict of the test; `None` for a healthy or new test
    together: tests that fail together with it, itself included
    changes: duration changes of the test
    quarantine: quarantine entry; `None` without one
    """

    judged_by: str | None
    verdict: ListedTest | None
    together: tuple[str, ...]
    changes: list[ListedChange]
    quarantine: QuarantinedTest | None


#: Suites whose verdicts one list reads.
MOST_SUITES = 20


def rates(namespace: str, suites: Iterable[str]) -> Operation[dict[str, float]]:
    """Read the failure rates of tests with a verdict, by label, so that all views of a test show one rate."""
    found: dict[str, float] = {}
    for suite in sorted(suites)[:MOST_SUITES]:
        newest = yield from verdicts.newest_of(namespace, suite, None)
        found.update({label("test", test.nodeid, suite): test.rate for test in (newest.tests if newest else ())})
    return found


def of_test(namespace: str, days: int, nodeid: str, suite: str) -> Operation[OfTest]:
    """Read the newest verdicts about a test, and its quarantine entry."""
    entries = yield from quarantine.read_entries(namespace, suite)
    held = next((entry for entry in entries if entry.nodeid == nodeid), None)
    found = yield from verdicts.newest_of(namespace, suite, None)
    if found is None:
        return OfTest(None, None, (), [], held)
    own = [each for each in found.changes if _is_of(each.change.label, nodeid)]
    changes = yield from regressions.listed(namespace, days, found, regressions.chosen(own, regressions.ANY))
    verdict = _verdict(found, nodeid, held)
    together = found.clusters[verdict.cluster] if verdict and verdict.cluster is not None else ()
    return OfTest(found.run, verdict, together, changes, held)


def _is_of(name: str, nodeid: str) -> bool:
    return name.endswith(nodeid) and regressions.named(name) == ("test", nodeid)


def _verdict(found: Verdicts, nodeid: str, held: QuarantinedTest | None) -> ListedTest | None:
    test = next((each for each in found.tests if each.nodeid == nodeid), None)
    if test is None:
        return None
    return ListedTest(test, found.suite, flaky.clusters_of(found).get(nodeid), held)
