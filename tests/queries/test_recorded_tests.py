"""Lists of tests, and one test in full, without a server."""

from __future__ import annotations

import pytest

from akastats.model.rows import Attempt, row_of
from akastats.queries.cached_lists import CachedList
from akastats.queries.recorded_tests import (
    ListQuery,
    RecordedTest,
    fixtures_of,
    is_visible,
    phases_of,
    recorded_test,
    select_page,
    with_rates,
)
from tests.profiles import profile_with


def recorded(label: str, time: float, letter: str = "p") -> RecordedTest:
    """Return a test with one attempt."""
    test = recorded_test(label, row_of([Attempt(time, 0.5, letter)], 1, 0.5))
    assert test is not None
    return test


TESTS = [
    recorded("test@unit::a.py::total", 3.0),
    recorded("test@unit::b.py::Total", 1.0, "f"),
    recorded("test::a.py::tax", 2.0),
]
CACHED = CachedList({test.label: test for test in TESTS})


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ListQuery(), ["a.py::total", "a.py::tax", "b.py::Total"]),
        (ListQuery(sort="nodeid"), ["a.py::tax", "a.py::total", "b.py::Total"]),
        (ListQuery(q="TOTAL"), ["a.py::total", "b.py::Total"]),
        (ListQuery(q="a.py t", suite=""), ["a.py::tax"]),
        (ListQuery(outcome="failed"), ["b.py::Total"]),
    ],
)
def test_list_is_filtered_and_sorted(query, expected):
    """Filters combine; a search ignores case."""
    assert expected == [test.nodeid for test in select_page(CACHED, query, None, 10).items]


def test_page_begins_after_a_sort_key():
    """The key of the last item is the start of the next page."""
    first = select_page(CACHED, ListQuery(), None, 2)
    second = select_page(CACHED, ListQuery(), first.next, 2)

    assert (3, ["b.py::Total"], None) == (second.total, [test.nodeid for test in second.items], second.next)


def test_rate_of_a_verdict_replaces_the_rate_of_the_row():
    """Tests without a verdict have the rate of their newest attempts."""
    tests = with_rates(CACHED, {"test@unit::b.py::Total": 0.25, "test::unknown": 0.5}).items

    assert [0.0, 0.25, 0.0] == [tests[test.label].row.failure_rate for test in TESTS]


def test_label_of_another_kind_is_no_test():
    """Fixtures and numbers of users have labels too."""
    assert recorded_test("fixture::::db", row_of([Attempt(1.0, 0.5, "p")], 1, 0.5)) is None


def test_phases_are_those_of_the_last_attempt():
    """A rerun has its own attempt."""
    columns = {
        "nodeid": ["a", "a", "b"],
        "outcome": ["rerun", "passed", "passed"],
        "setup": [1_000_000, 2_000_000, 0],
        "call": [0, 3_000_000, 0],
        "teardown": [0, 4_000_000, 0],
    }
    phases = phases_of(profile_with(columns), "r1", "a")

    assert phases is not None
    assert ("r1", 2.0, 3.0, 4.0) == (phases.run, phases.setup, phases.call, phases.teardown)
    assert phases_of(profile_with(columns), "r1", "c") is None


@pytest.mark.parametrize(
    ("baseid", "expected"),
    [
        ("", True),
        ("tests", True),
        ("tests/test_a.py", True),
        ("tests/test_a.py::TestA", True),
        ("tests/test_a", False),
        ("tests/test_b.py", False),
    ],
)
def test_fixture_is_visible_below_its_location(baseid, expected):
    """A location is a directory, a file or a class."""
    assert expected == is_visible("tests/test_a.py::TestA::test_b", baseid)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([0, 1], [("db", True), ("slow", False)]),
        ([0, None], [("slow", None), ("db", None)]),
        ([0, 7], [("slow", None), ("db", None)]),
    ],
    ids=["recorded", "absent", "unknown combination"],
)
def test_requested_fixtures_come_first(sets, expected):
    """The newest attempt counts; without a stored combination it is unknown which fixtures a test requests."""
    fixtures = {
        "name": ["slow", "db"],
        "scope": ["session", "function"],
        "count": [1, 1],
        "setup": [9_000_000, 1_000_000],
    }
    tests = {"nodeid": ["a.py::b", "a.py::b"], "outcome": ["rerun", "passed"], "fixture_set": sets}
    content = profile_with(tests, fixtures=fixtures, fixture_sets=[["slow"], ["db", "tmp"]])

    assert expected == [(fixture.name, fixture.is_requested) for fixture in fixtures_of(content, "a.py::b")]


def test_slowest_visible_fixture_comes_first():
    """Setup and teardown count."""
    fixtures = {
        "name": ["db", "server", "other"],
        "baseid": ["", "tests", "docs"],
        "scope": ["session"] * 3,
        "count": [1, 1, 1],
        "setup": [1_000_000, 0, 9_000_000],
        "teardown": [0, 2_000_000, 0],
    }
    content = profile_with({"nodeid": ["tests/a.py::b"], "outcome": ["passed"]}, fixtures=fixtures)

    assert ["server", "db"] == [fixture.name for fixture in fixtures_of(content, "tests/a.py::b")]
