"""A run's tests from its profile, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.model.profile import Profile
from akastats.queries.run_tests import ListQuery, RunTest, select_page
from tests.profiles import profile_with

ROWS = [
    ("a.py::Slow", "passed", 0, 5, 900_000, 1, "gw0", []),
    ("b.py::broken", "error", 10, 700_000, 0, 0, "gw1", []),
    ("a.py::flaky[é X]", "rerun", 20, 1, 200_000, 0, "gw0", []),
    ("a.py::flaky[é X]", "failed", 30, 1, 300_000, 0, "gw0", ["rows"]),
    ("b.py::left", "skipped", 40, 2, 0, 0, "gw1", []),
]
ERRORS = {
    "nodeid": ["b.py::broken", "a.py::flaky[é X]", "a.py::flaky[é X]", "c.py"],
    "phase": ["setup", "call", "call", "collect"],
    "error": ["e1", "e2", "e3", "e4"],
}


def content(errors: Any = ERRORS) -> Profile:
    """Return a profile with these rows."""
    names = ("nodeid", "outcome", "start", "setup", "call", "teardown", "worker", "stats")
    tests = {name: [row[at] for row in ROWS] for at, name in enumerate(names)}
    return profile_with(tests, errors or {})


def names(wanted: ListQuery) -> list[str]:
    """Return what a list has, by what follows `::`."""
    return [test.nodeid.partition("::")[2] for test in select_page(content(), wanted, 0, 100).items]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("order", ["Slow", "broken", "flaky[é X]", "flaky[é X]", "left"]),
        ("-order", ["left", "flaky[é X]", "flaky[é X]", "broken", "Slow"]),
        ("nodeid", ["Slow", "flaky[é X]", "flaky[é X]", "broken", "left"]),
        ("-seconds", ["Slow", "broken", "flaky[é X]", "flaky[é X]", "left"]),
        ("seconds", ["left", "flaky[é X]", "flaky[é X]", "broken", "Slow"]),
        ("-setup", ["broken", "Slow", "left", "flaky[é X]", "flaky[é X]"]),
    ],
)
def test_sorting(sort, expected):
    """By any of four columns, either way; what is equal stands as it ran."""
    assert names(ListQuery(sort=sort)) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (ListQuery(outcome="error"), ["broken"]),
        (ListQuery(outcome="xpassed"), []),
        (ListQuery(q="B.PY ::"), ["broken", "left"]),
        (ListQuery(q="É x] flaky"), ["flaky[é X]", "flaky[é X]"]),
        (ListQuery(q="flaky", outcome="failed"), ["flaky[é X]"]),
        (ListQuery(q="  "), ["Slow", "broken", "flaky[é X]", "flaky[é X]", "left"]),
        (ListQuery(q="a.py ::left"), []),
    ],
)
def test_filters(wanted, expected):
    """An outcome, and words that all occur in the node id whatever their case; both together."""
    assert names(wanted) == expected


def test_pages_are_complete():
    """Going on where a page says visits each row once; every page says how many there are."""
    found, start = [], 0
    while start is not None:
        told = select_page(content(), ListQuery(), start, 2)
        found += [test.start for test in told.items]
        assert told.total == len(ROWS)
        start = told.next

    assert found == [0.0, 0.00001, 0.00002, 0.00003, 0.00004]


def test_a_place_behind_the_end_is_an_empty_page():
    """A cursor of a longer profile ends the list."""
    told = select_page(content(), ListQuery(), 99, 10)

    assert (told.items, told.next, told.total) == ([], None, len(ROWS))


def test_a_row_has_seconds_and_its_traceback():
    """Microseconds become seconds; an attempt that was run again has its own traceback."""
    items = select_page(content(), ListQuery(), 0, 100).items

    assert [test.error_id for test in items] == [None, "e1", "e2", "e3", None]
    assert items[3] == RunTest(
        "a.py::flaky[é X]", "failed", 0.00003, 0.3, 0.000001, 0.3, 0.0, "gw0", "e3", ["rows"], None
    )
    assert (items[1].seconds, items[1].call) == (0.7, 0.0)


def test_a_row_has_the_peak_memory_of_its_process():
    """Profiles of earlier releases have no such column."""
    tests = {"nodeid": ["a", "b"], "peak_memory": [None, 1024]}

    items = select_page(profile_with(tests), ListQuery(), 0, 100).items

    assert [None, 1024] == [test.peak_memory for test in items]


@pytest.mark.parametrize("errors", [None, {"nodeid": ["b.py::broken"], "phase": ["setup"], "error": [""]}])
def test_without_a_traceback_there_is_none(errors):
    """A profile that keeps no errors, or one whose text was empty."""
    assert [test.error_id for test in select_page(content(errors), ListQuery(), 0, 100).items] == [None] * 5
