"""List unhealthy tests from verdicts, ranked by cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from akastats.model.verdicts import State, UnhealthyTest, Verdicts
from akastats.queries import verdicts as reading
from akastats.queries.verdicts import DatedVerdicts, PageStart
from akastats.store.requests import Operation
from akastats.triage import quarantine
from akastats.triage.quarantine_rules import QuarantinedTest

#: Sort fields; a leading `-` means descending.
SORTS = ("seconds_lost", "runs_failed", "rate", "probability", "since", "nodeid")


@dataclass(frozen=True)
class ListedTest:
    """An unhealthy test of a list.

    test: verdict of the test
    suite: suite of the test; empty if there is none
    cluster: index of the cluster of tests that fail together; `None` if there is none
    quarantine: quarantine entry; `None` if there is none
    """

    test: UnhealthyTest
    suite: str
    cluster: int | None
    quarantine: QuarantinedTest | None = None


@dataclass(frozen=True)
class ListQuery:
    """Filter and order of a list.

    state: state of the tests; `None` for all unhealthy tests
    sort: sort field
    """

    state: State | None = "flaky"
    sort: str = "-seconds_lost"


@dataclass(frozen=True)
class Page:
    """A page of unhealthy tests.

    source: verdicts of the list; `None` without verdicts
    items: tests of the page
    total: number of tests on all pages
    """

    source: DatedVerdicts | None
    items: list[ListedTest]
    total: int


def read_page(
    namespace: str, query: ListQuery, start: PageStart | None, size: int, suite: str | None, branch: str | None
) -> Operation[Page]:
    """Read a page of unhealthy tests from the newest verdicts of a suite and branch."""
    dated = yield from reading.read_page_verdicts(namespace, start, suite, branch)
    matches = select(dated.verdicts, query) if dated else []
    at = start.at if start else 0
    items = yield from with_quarantine(namespace, matches[at : at + size])
    return Page(dated, items, len(matches))


def with_quarantine(namespace: str, tests: Sequence[ListedTest]) -> Operation[list[ListedTest]]:
    """Read the quarantine entries of tests of one suite; return the tests with these entries."""
    if not tests:
        return []
    entries = yield from quarantine.read_entries(namespace, tests[0].suite)
    by_nodeid = {entry.nodeid: entry for entry in entries}
    return [replace(each, quarantine=by_nodeid.get(each.test.nodeid)) for each in tests]


def select(verdicts: Verdicts, query: ListQuery) -> list[ListedTest]:
    """Return the tests that match a query, in its order; tests with equal values are sorted by node id."""
    clusters = clusters_of(verdicts)
    tests = (test for test in verdicts.tests if query.state in (None, test.state))
    matches = sorted(tests, key=lambda test: test.nodeid)
    field = query.sort.removeprefix("-")
    matches.sort(key=lambda test: _rank(test, field), reverse=query.sort.startswith("-"))
    return [ListedTest(test, verdicts.suite, clusters.get(test.nodeid)) for test in matches]


def _rank(test: UnhealthyTest, field: str) -> tuple[float | str, float]:
    """Return the sort key of a test: the value of the field, then the cost."""
    value: float | str = getattr(test, field)
    return value, test.runs_failed if field == "seconds_lost" else test.seconds_lost


def clusters_of(verdicts: Verdicts) -> Mapping[str, int]:
    """Return the cluster index of each test that fails together with others."""
    return dict(_cluster_indexes(verdicts))


def _cluster_indexes(verdicts: Verdicts) -> Iterator[tuple[str, int]]:
    for index, cluster in enumerate(verdicts.clusters):
        for nodeid in cluster:
            yield nodeid, index
