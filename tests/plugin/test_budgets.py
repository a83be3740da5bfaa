"""The marker `akastats`: what tests may take, from the marker to the profile."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from akastats.model import profile
from akastats.queries import verdicts
from akastats.redis import sync_redis
from pytest_akastats.budgets import read_budget, read_marker
from tests.plugin.conftest import NAMESPACE, Record, Recorded

SUITE = """
import unittest
import pytest

pytestmark = pytest.mark.akastats(max_seconds=9)

def test_of_module(): pass

@pytest.mark.akastats(max_seconds=1.5)
def test_own(): pass

@pytest.mark.akastats(max_slowdown=2)
def test_both(): pass

@pytest.mark.akastats(max_seconds=None)
def test_lifted(): pass

@pytest.mark.akastats(max_seconds=3)
@pytest.mark.parametrize("size", ["s", pytest.param("l", marks=pytest.mark.akastats(max_seconds=5))])
def test_sized(size): pass

@pytest.mark.akastats(max_seconds=4, max_slowdown=1.5)
class TestGrouped:
    def test_of_class(self): pass

    @pytest.mark.akastats(max_slowdown=3)
    def test_nearer(self): pass

@pytest.mark.akastats(max_slowdown=4)
class Case(unittest.TestCase):
    def test_case(self): pass
"""

EXPECTED = {
    "test_of_module": {"max_seconds": 9},
    "test_own": {"max_seconds": 1.5},
    "test_both": {"max_seconds": 9, "max_slowdown": 2},
    "test_lifted": None,
    "test_sized[s]": {"max_seconds": 3},
    "test_sized[l]": {"max_seconds": 5},
    "TestGrouped::test_of_class": {"max_seconds": 4, "max_slowdown": 1.5},
    "TestGrouped::test_nearer": {"max_seconds": 4, "max_slowdown": 3},
    "Case::test_case": {"max_seconds": 9, "max_slowdown": 4},
}


marker = pytest.mark.akastats


def budgets(recorded: Recorded) -> dict[str, Any]:
    """Return the budget of each test in a run's profile, by the last part of its node id."""
    rows = profile.rows(recorded.profile["tests"])
    return {row["nodeid"].split("::", 1)[1]: row.get("budget", "no column") for row in rows}


def test_the_closest_marker_wins_per_keyword(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A parameter's marker stands before its function's, that before its class's, that before its module's."""
    pytester.makepyfile(test_marked=SUITE)

    recorded = record(spread)

    assert EXPECTED == budgets(recorded)
    assert 0 == recorded.result.ret


def test_only_marked_tests_have_a_budget(pytester: pytest.Pytester, record: Record) -> None:
    """Neighbours of a marked test have none, though their file, function or parameter is named like the marker."""
    source = """
    import pytest
    @pytest.mark.akastats(max_seconds=1)
    def test_marked(): pass
    @pytest.mark.parametrize("word", ["akastats"])
    def test_akastats(word): pass
    """
    pytester.makepyfile(akastats_test=source)

    assert {"test_marked": {"max_seconds": 1}, "test_akastats[akastats]": None} == budgets(record())


def test_each_file_is_asked_for_its_marker(pytester: pytest.Pytester, record: Record) -> None:
    """What one file has marked says nothing of the next, in either order."""
    pytester.makepyfile(
        test_1="def test_before(): pass",
        test_2="import pytest\npytestmark = pytest.mark.akastats(max_seconds=9)\ndef test_marked(): pass",
        test_3="def test_after(): pass",
    )

    expected = {"test_before": None, "test_marked": {"max_seconds": 9}, "test_after": None}
    assert expected == budgets(record())


def test_without_a_marker_nothing_is_stored_or_attached(pytester: pytest.Pytester, record: Record) -> None:
    """Who does not use the marker has neither a column nor a hook of ours more."""
    pytester.makepyfile(
        test_one="""
        def test_plain(pytestconfig):
            assert not pytestconfig.pluginmanager.has_plugin("akastats-budgets")
        """
    )

    recorded = record()

    assert {"test_plain": "no column"} == budgets(recorded)
    assert 0 == recorded.result.ret


def test_a_marker_that_a_conftest_adds_counts(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """One place may mark all tests of a kind."""
    pytester.makeconftest(
        """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                if "slow" in item.name:
                    item.add_marker(pytest.mark.akastats(max_seconds=60))
        """
    )
    pytester.makepyfile(test_one="def test_slow(): pass\ndef test_quick(): pass\n")

    assert {"test_slow": {"max_seconds": 60}, "test_quick": None} == budgets(record(spread))


def test_each_attempt_has_the_budget_of_its_test(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A test that is run again keeps its budget, and so does one of a group."""
    pytester.makepyfile(
        test_one="""
        import pathlib, pytest
        @pytest.mark.xdist_group("one")
        @pytest.mark.akastats(max_seconds=1)
        def test_second_time_lucky():
            tried = pathlib.Path(__file__).with_name("tried")
            if not tried.exists():
                tried.touch()
                assert 0
        """
    )

    recorded = record(spread, "--dist=loadgroup", "-p", "rerunfailures", "--reruns=1")

    assert [{"max_seconds": 1}] * 2 == recorded.profile["tests"]["budget"]
    assert ["test_one.py::test_second_time_lucky"] * 2 == recorded.profile["tests"]["nodeid"]


@pytest.mark.parametrize(
    ("given", "right", "wrong"),
    [
        (marker(max_seconds=1, max_slowdown=1), {"max_seconds": 1.0, "max_slowdown": 1.0}, ""),
        (marker(max_seconds=None), {"max_seconds": None}, ""),
        (marker(), {}, ""),
        (marker(max_secnds=1), {}, "takes max_seconds and max_slowdown, not max_secnds"),
        (
            marker(max_seconds=1, max_slow=2),
            {"max_seconds": 1.0},
            "takes max_seconds and max_slowdown, not max_slow",
        ),
        (marker(1.5), {}, "takes keywords only: max_seconds, max_slowdown"),
        (marker(max_seconds="2s"), {}, "takes a number of seconds above 0 as max_seconds, not '2s'"),
        (marker(max_seconds=0), {}, "takes a number of seconds above 0 as max_seconds, not 0"),
        (marker(max_seconds=nan), {}, "takes a number of seconds above 0 as max_seconds, not nan"),
        (marker(max_seconds=inf), {}, "takes a number of seconds above 0 as max_seconds, not inf"),
        (marker(max_seconds=True), {}, "takes a number of seconds above 0 as max_seconds, not True"),
        (marker(max_seconds=[1]), {}, "takes a number of seconds above 0 as max_seconds, not a list"),
        (marker(max_seconds=10**40), {}, f"takes a number of seconds above 0 as max_seconds, not 1{'0' * 39}"),
        (marker(max_slowdown=0.9), {}, "takes a number of at least 1 as max_slowdown, not 0.9"),
    ],
)
def test_what_is_wrong_with_a_marker_is_said(
    given: pytest.MarkDecorator, right: dict[str, float | None], wrong: str
) -> None:
    """What is right of it counts all the same."""
    assert (right, wrong) == read_marker(given.mark)


def test_a_wrong_marker_stays_wrong_beside_a_right_one(pytester: pytest.Pytester) -> None:
    """What the closest marker got wrong is said though its class is marked rightly, whose word counts."""
    item = pytester.getitem(
        """
        import pytest
        @pytest.mark.akastats(max_seconds=5)
        class TestGrouped:
            @pytest.mark.akastats(max_seconds=-1)
            def test_func(self): pass
        """,
        "test_func",
    )

    budget, wrong = read_budget(item)

    assert {"max_seconds": 5} == budget
    assert "not -1" in wrong


def test_a_wrong_marker_is_no_failure(pytester: pytest.Pytester, record: Record) -> None:
    """The run goes on, even where warnings are errors, and one line at its end names the test."""
    pytester.makepyfile(
        test_one="""
        import pytest
        @pytest.mark.akastats(max_secnds=1, max_slowdown=2)
        def test_wrong(): pass
        @pytest.mark.akastats(max_seconds=9)
        def test_right(): pass
        """
    )

    recorded = record("-Werror")

    assert 0 == recorded.result.ret
    assert {"test_wrong": {"max_slowdown": 2}, "test_right": {"max_seconds": 9}} == budgets(recorded)
    told = "its marker akastats takes max_seconds and max_slowdown, not max_secnds"
    recorded.result.stdout.fnmatch_lines([f"akastats: test_one.py::test_wrong: {told}"])


def test_a_test_over_its_budget_is_told_and_passes(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """The terminal names it, the run stays green, and the verdicts hold it."""
    pytester.makepyfile(
        test_one="""
        import time, pytest
        @pytest.mark.akastats(max_seconds=0.05)
        def test_sleeps(): time.sleep(0.1)
        @pytest.mark.akastats(max_seconds=0.05)
        def test_fails():
            time.sleep(0.1)
            pytest.xfail()
        """
    )

    recorded = record(spread)

    assert 0 == recorded.result.ret
    recorded.result.stdout.fnmatch_lines(["  over budget: 1", "    * > 50 ms * test_one.py::test_sleeps"])
    stored = sync_redis.run(verdicts.read_verdicts(NAMESPACE, recorded.run["id"]))
    assert [("test_one.py::test_sleeps", 0.05)] == [(each.nodeid, each.allowed) for each in stored.over_budget]


def test_many_wrong_markers_are_one_line(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A class with a wrong marker is told by its first test, and the others are counted."""
    pytester.makepyfile(
        test_one="""
        import pytest
        @pytest.mark.akastats(limit=1)
        class TestMarked:
            @pytest.mark.parametrize("number", range(5))
            def test_one(self, number): pass
        """
    )

    recorded = record(spread)

    (line,) = [line for line in recorded.result.outlines if "its marker akastats" in line]
    assert line.startswith("akastats: test_one.py::TestMarked::test_one[")
    assert line.endswith(
        "]: its marker akastats takes max_seconds and max_slowdown, not limit; 4 more tests have invalid markers"
    )


def test_the_marker_is_known_where_nobody_records(pytester: pytest.Pytester) -> None:
    """With `--strict-markers` a marked suite runs without `--akastats`, and `--markers` explains it."""
    pytester.makepyfile(test_marked=SUITE)

    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=9)

    pytester.runpytest_subprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.akastats(max_seconds=None, *"])
