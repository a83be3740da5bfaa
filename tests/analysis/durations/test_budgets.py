"""Which tests took longer than their markers allow."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.analysis.durations.budgets import budgets_of, over_budget, passed_seconds, relative_speed
from akastats.model.results import Budget
from akastats.model.verdicts import OverBudget
from tests.analysis.records import run
from tests.profiles import profile_with

TEST = "a.py::test_a"


def over(seconds: float, budget: Budget, earlier: tuple[float, ...] = (), pace: float | None = None) -> list[Any]:
    """Return the rules that one test breaks, each with the seconds that were allowed."""
    found = over_budget({TEST: seconds}, {TEST: budget}, {TEST: earlier}, pace)
    return [(each.rule, each.allowed) for each in found]


@pytest.mark.parametrize(("seconds", "expected"), [(1.5, []), (1.500001, [("max_seconds", 1.5)])])
def test_a_test_may_take_its_seconds_and_not_more(seconds: float, expected: list[Any]) -> None:
    """The bound itself is allowed."""
    assert expected == over(seconds, Budget(max_seconds=1.5))


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, []), (0.200001, [("max_slowdown", 0.2)])])
def test_a_slowdown_is_against_the_median_of_earlier_runs(seconds: float, expected: list[Any]) -> None:
    """One run that was an outlier does not move what is usual."""
    assert expected == over(seconds, Budget(max_slowdown=2.0), (0.1, 0.1, 9.0, 0.1, 0.1))


def test_a_slowdown_is_not_judged_by_few_runs() -> None:
    """From four earlier runs nobody knows what is usual."""
    budget = Budget(max_slowdown=2.0)

    assert [] == over(9.0, budget, (0.1,) * 4)
    assert [("max_slowdown", 0.2)] == over(9.0, budget, (0.1,) * 5)


@pytest.mark.parametrize(("seconds", "expected"), [(0.021, []), (0.022, [("max_slowdown", 0.004)])])
def test_a_slowdown_is_at_least_20_ms(seconds: float, expected: list[Any]) -> None:
    """Tests of milliseconds double by themselves."""
    assert expected == over(seconds, Budget(max_slowdown=2.0), (0.002,) * 5)


def test_what_is_usual_is_of_the_newest_runs() -> None:
    """What lasts becomes usual: 26 of the newest 50 runs are enough, whatever was before."""
    budget = Budget(max_slowdown=2.0)

    assert [("max_slowdown", 0.2)] == over(1.0, budget, (0.1,) * 200 + (1.0,) * 24)
    assert [] == over(1.0, budget, (0.1,) * 200 + (1.0,) * 26)


@pytest.mark.parametrize(("pace", "allowed"), [(None, 0.2), (0.5, 0.2), (1.0, 0.2), (1.5, 0.3)])
def test_a_slow_run_is_allowed_its_pace(pace: float | None, allowed: float) -> None:
    """On a slow machine every test may take that much longer; a fast one makes no test slow."""
    assert [("max_slowdown", allowed)] == over(0.9, Budget(max_slowdown=2.0), (0.1,) * 5, pace)


def test_a_slow_run_has_no_more_seconds() -> None:
    """`max_seconds` is what it says, however slow the machine."""
    assert [("max_seconds", 1.0)] == over(1.5, Budget(max_seconds=1.0), pace=2.0)


def test_both_rules_can_be_broken_at_once() -> None:
    """Each is told with what it allowed."""
    budget = Budget(max_seconds=1.0, max_slowdown=2.0)

    assert [("max_slowdown", 0.2), ("max_seconds", 1.0)] == over(3.0, budget, (0.1,) * 5)


def test_what_did_not_pass_is_not_judged() -> None:
    """A test that failed, or did not run, is in no way over its budget."""
    assert () == over_budget({}, {TEST: Budget(max_seconds=0.001)}, {})


def test_tests_come_by_seconds_over_the_most_first() -> None:
    """What costs most is read first."""
    budget = Budget(max_seconds=1.0)
    names = ("little", "much", "none")

    found = over_budget({"little": 1.5, "much": 3.0, "none": 1.0}, dict.fromkeys(names, budget), {})

    assert (
        OverBudget("much", 3.0, 1.0, "max_seconds"),
        OverBudget("little", 1.5, 1.0, "max_seconds"),
    ) == found


def test_a_profile_tells_budgets_of_marked_tests() -> None:
    """A profile without the column has none: nobody was marked, or an earlier release wrote it."""
    tests = {"nodeid": ["a", "b"], "budget": [None, {"max_seconds": 1.5}]}

    assert {"b": Budget(max_seconds=1.5)} == budgets_of(profile_with(tests))
    assert {} == budgets_of(profile_with({"nodeid": ["a", "b"]}))


def test_the_usual_is_of_the_newest_runs_in_which_a_test_passed() -> None:
    """Of a test that was run again the last attempt counts; others are not asked for."""
    runs = [run(number, [("a", "passed", number), ("b", "passed", 1.0)]) for number in range(60)]
    runs += [
        run(60, [("a", "rerun", 9.0), ("a", "passed", 60)]),
        run(61, [("a", "passed", 9.0), ("a", "failed", 9.0)]),
    ]

    assert {"a": list(range(12, 61)), "gone": []} == passed_seconds(runs, ["a", "gone"])


@pytest.mark.parametrize(
    ("paces", "expected"),
    [
        ([("r1", 1.0), ("r2", 1.0), ("r3", 3.0)], 3.0),
        ([("r1", 2.0), ("r2", 2.0), ("r3", 3.0)], 1.5),
        ([("r1", 1.0), ("r2", 1.0)], None),
        ([("r3", 3.0)], None),
        ([], None),
    ],
)
def test_a_pace_is_against_the_runs_before(paces: list[tuple[str, float]], expected: float | None) -> None:
    """A suite that has been slow for long is as usual; a run whose pace is not known has none."""
    assert expected == relative_speed(paces, "r3")


def test_a_pace_is_against_no_more_runs_than_the_usual() -> None:
    """What is usual and the pace must be of the same runs."""
    paces = [(f"a{number}", 1.0) for number in range(100)] + [(f"b{number}", 2.0) for number in range(50)]

    assert 1.5 == relative_speed([*paces, ("r", 3.0)], "r")
