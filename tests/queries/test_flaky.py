"""Tests that are not healthy, as they are listed, without a server."""

from __future__ import annotations

import pytest

from akastats.queries.flaky import ListQuery, select
from tests.api.judged import judged, verdicts

FOUND = verdicts(
    "run-1",
    tests=(
        judged("a", seconds_lost=5.0, runs_failed=2, rate=0.3, since="run-3"),
        judged("b", seconds_lost=9.0, runs_failed=1, rate=0.2, since="run-1"),
        judged("c", seconds_lost=5.0, runs_failed=4, rate=0.2, since="run-2"),
        judged("d", "broken", rate=0.9, probability=0.0, since=""),
        judged("e", "undecided", rate=0.1, probability=0.4),
    ),
    clusters=(("a", "c"), ("b", "x")),
)


def names(wanted: ListQuery) -> str:
    """The node ids of a list."""
    return "".join(each.test.nodeid for each in select(FOUND, wanted))


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("-seconds_lost", "bca"),
        ("seconds_lost", "acb"),
        ("-runs_failed", "cab"),
        ("-rate", "abc"),
        ("rate", "cba"),
        ("-since", "acb"),
        ("nodeid", "abc"),
        ("-nodeid", "cba"),
    ],
)
def test_sorting(sort, expected):
    """By any figure, either way; what is equal by what it cost, and then by node id."""
    assert expected == names(ListQuery(sort=sort))


@pytest.mark.parametrize(
    ("state", "expected"), [("flaky", "abc"), ("broken", "d"), ("undecided", "e"), (None, "abcde")]
)
def test_states(state, expected):
    """One of them, or any."""
    assert expected == names(ListQuery(state, "nodeid"))


def test_flaky_ones_that_cost_most_come_first_unless_told_otherwise():
    """That is what a list is asked for."""
    assert "bca" == names(ListQuery())


def test_tests_that_fail_together_have_one_number():
    """Their place among the clusters; others have none."""
    found = {each.test.nodeid: each.cluster for each in select(FOUND, ListQuery(None))}

    assert {"a": 0, "b": 1, "c": 0, "d": None, "e": None} == found


def test_a_test_is_of_the_suite_that_was_judged():
    """Its node id alone would lead nowhere."""
    assert {"unit"} == {each.suite for each in select(FOUND, ListQuery())}
