"""Tests that are not healthy, as they are listed out of verdicts: ranked by what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from akastats.model.verdicts import State, UnhealthyTest, Verdicts
from akastats.queries import verdicts as reading
from akastats.queries.verdicts import DatedVerdicts, PageStart
from akastats.store.requests import Operation
from akastats.triage import quarantine
from akastats.triage.quarantine_rules import QuarantinedTest

#: By what they can be sorted, `-` in front for the greatest first.
SORTS = ("seconds_lost", "runs_failed", "rate", "probability", "since", "nodeid")


@dataclass(frozen=True)
class ListedTest:
    """A test with its verdict; `cluster` is the place of those it fails together with, `None` without any."""

    test: UnhealthyTest
    suite: str
    cluster: int | None
    quarantine: QuarantinedTest | None = None


@dataclass(frozen=True)
class ListQuery:
    """What a list is asked for; without a state it is of all that are not healthy."""

    state: State | None = "flaky"
    sort: str = "-seconds_lost"


@dataclass(frozen=True)
class Page:
    """Tests out of verdicts (`None`: there are none yet), and how many there are on all pages."""

    source: DatedVerdicts | None
    items: list[ListedTest]
    total: int


def page(
    namespace: str, wanted: ListQuery, place: PageStart | None, size: int, suite: str | None, branch: str | None
) -> Operation[Page]:
    """Read tests that are not healthy, by the newest verdicts of a suite and branch."""
    told = yield from reading.of_page(namespace, place, suite, branch)
    found = listed(told.verdicts, wanted) if told else []
    start = place.at if place else 0
    items = yield from with_quarantine(namespace, found[start : start + size])
    return Page(told, items, len(found))


def with_quarantine(namespace: str, tests: Sequence[ListedTest]) -> Operation[list[ListedTest]]:
    """Read which of some tests of one suite are in quarantine."""
    if not tests:
        return []
    entries = yield from quarantine.read_entries(namespace, tests[0].suite)
    held = {entry.nodeid: entry for entry in entries}
    return [replace(each, quarantine=held.get(each.test.nodeid)) for each in tests]


def listed(verdicts: Verdicts, wanted: ListQuery) -> list[ListedTest]:
    """Return the tests of some verdicts that are wanted, in the order wanted, those of one rank by node id."""
    clusters = clusters_of(verdicts)
    tests = (test for test in verdicts.tests if wanted.state in (None, test.state))
    found = sorted(tests, key=lambda test: test.nodeid)
    field = wanted.sort.removeprefix("-")
    found.sort(key=lambda test: _rank(test, field), reverse=wanted.sort.startswith("-"))
    return [ListedTest(test, verdicts.suite, clusters.get(test.nodeid)) for test in found]


def _rank(test: UnhealthyTest, field: str) -> tuple[float | str, float]:
    """Return by what a test is sorted: one figure, and where that is the same, what it cost."""
    value: float | str = getattr(test, field)
    return value, test.runs_failed if field == "seconds_lost" else test.seconds_lost


def clusters_of(verdicts: Verdicts) -> Mapping[str, int]:
    """Return for each test that fails together with others which cluster that is."""
    return dict(_places(verdicts))


def _places(verdicts: Verdicts) -> Iterator[tuple[str, int]]:
    for place, cluster in enumerate(verdicts.clusters):
        for nodeid in cluster:
            yield nodeid, place
