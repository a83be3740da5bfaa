"""Lists of unhealthy tests, without a server."""

from __future__ import annotations

import pytest

from akastats.queries.flaky import ListQuery, select
from tests.api.verdict_values import unhealthy, verdicts

VERDICTS = verdicts(
    "run-1",
    tests=(
        unhealthy("a", seconds_lost=5.0, runs_failed=2, rate=0.3, since="run-3"),
        unhealthy("b", seconds_lost=9.0, runs_failed=1, rate=0.2, since="run-1"),
        unhealthy("c", seconds_lost=5.0, runs_failed=4, rate=0.2, since="run-2"),
        unhealthy("d", "broken", rate=0.9, probability=0.0, since=""),
        unhealthy("e", "undecided", rate=0.1, probability=0.4),
    ),
    clusters=(("a", "c"), ("b", "x")),
)


def names(query: ListQuery) -> str:
    """Return the node ids of a list."""
    return "".join(each.test.nodeid for each in select(VERDICTS, query))


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
    """Tests with equal values are sorted by cost, then by node id."""
    assert expected == names(ListQuery(sort=sort))


@pytest.mark.parametrize(
    ("state", "expected"), [("flaky", "abc"), ("broken", "d"), ("undecided", "e"), (None, "abcde")]
)
def test_states(state, expected):
    """A list has the tests of one state, or of all."""
    assert expected == names(ListQuery(state, "nodeid"))


def test_most_costly_flaky_test_comes_first_by_default():
    """The default list shows what to repair first."""
    assert "bca" == names(ListQuery())


def test_tests_that_fail_together_have_the_same_index():
    """Tests without a cluster have none."""
    clusters = {each.test.nodeid: each.cluster for each in select(VERDICTS, ListQuery(None))}

    assert {"a": 0, "b": 1, "c": 0, "d": None, "e": None} == clusters


def test_test_has_the_suite_of_the_verdicts():
    """A node id is unique within a suite only."""
    assert {"unit"} == {each.suite for each in select(VERDICTS, ListQuery())}
