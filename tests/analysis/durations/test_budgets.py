"""Tests that exceed the budget of their marker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from akastats.analysis.durations.budgets import (
    budgets_of,
    cost_budgets_of,
    costs_over_budget,
    over_budget,
    passed_seconds,
    relative_speed,
)
from akastats.analysis.run_records import RunRecord
from akastats.errors import CorruptDataError
from akastats.model.profile import from_json, to_json
from akastats.model.results import Budget
from akastats.model.verdicts import OverBudget
from tests.analysis.records import run
from tests.profiles import profile_with

TEST = "a.py::test_a"


def over(seconds: float, budget: Budget, earlier: tuple[float, ...] = (), speed: float | None = None) -> list[Any]:
    """Return the rules that one test exceeds, each with its limit in seconds."""
    excesses = over_budget({TEST: seconds}, {TEST: budget}, {TEST: earlier}, speed)
    return [(each.rule, each.allowed) for each in excesses]


@pytest.mark.parametrize(("seconds", "expected"), [(1.5, []), (1.500001, [("max_seconds", 1.5)])])
def test_a_duration_equal_to_the_limit_is_allowed(seconds: float, expected: list[Any]) -> None:
    """Only a longer one exceeds the budget."""
    assert expected == over(seconds, Budget(max_seconds=1.5))


@pytest.mark.parametrize(("seconds", "expected"), [(0.2, []), (0.200001, [("max_slowdown", 0.2)])])
def test_a_slowdown_is_relative_to_the_median_of_earlier_runs(seconds: float, expected: list[Any]) -> None:
    """One outlier does not change the typical duration."""
    assert expected == over(seconds, Budget(max_slowdown=2.0), (0.1, 0.1, 9.0, 0.1, 0.1))


def test_a_slowdown_needs_five_earlier_runs() -> None:
    """Four earlier runs are not enough for a typical duration."""
    budget = Budget(max_slowdown=2.0)

    assert [] == over(9.0, budget, (0.1,) * 4)
    assert [("max_slowdown", 0.2)] == over(9.0, budget, (0.1,) * 5)


@pytest.mark.parametrize(("seconds", "expected"), [(0.021, []), (0.022, [("max_slowdown", 0.004)])])
def test_a_slowdown_is_at_least_20_ms(seconds: float, expected: list[Any]) -> None:
    """Durations of a few milliseconds double without a cause."""
    assert expected == over(seconds, Budget(max_slowdown=2.0), (0.002,) * 5)


def test_the_typical_duration_comes_from_the_newest_runs() -> None:
    """26 of the newest 50 runs at the new level are enough."""
    budget = Budget(max_slowdown=2.0)

    assert [("max_slowdown", 0.2)] == over(1.0, budget, (0.1,) * 200 + (1.0,) * 24)
    assert [] == over(1.0, budget, (0.1,) * 200 + (1.0,) * 26)


@pytest.mark.parametrize(("speed", "allowed"), [(None, 0.2), (0.5, 0.2), (1.0, 0.2), (1.5, 0.3)])
def test_the_limit_depends_on_the_speed_of_the_machine(speed: float | None, allowed: float) -> None:
    """On a slow machine a test may take longer; a fast machine makes no test slow."""
    assert [("max_slowdown", allowed)] == over(0.9, Budget(max_slowdown=2.0), (0.1,) * 5, speed)


def test_max_seconds_does_not_depend_on_the_machine() -> None:
    """It is an absolute limit."""
    assert [("max_seconds", 1.0)] == over(1.5, Budget(max_seconds=1.0), speed=2.0)


def test_both_rules_can_be_exceeded_at_once() -> None:
    """Each is reported with its limit."""
    budget = Budget(max_seconds=1.0, max_slowdown=2.0)

    assert [("max_slowdown", 0.2), ("max_seconds", 1.0)] == over(3.0, budget, (0.1,) * 5)


def test_only_passed_tests_have_a_budget() -> None:
    """A test that failed or did not run is not over its budget."""
    assert () == over_budget({}, {TEST: Budget(max_seconds=0.001)}, {})


def test_tests_are_ordered_by_limit_then_by_excess() -> None:
    """`max_seconds` first, then the largest excess."""
    budget = Budget(max_seconds=1.0)
    names = ("little", "much", "none")

    excesses = over_budget({"little": 1.5, "much": 3.0, "none": 1.0}, dict.fromkeys(names, budget), {})

    assert (
        OverBudget("much", 3.0, 1.0, "max_seconds"),
        OverBudget("little", 1.5, 1.0, "max_seconds"),
    ) == excesses


def test_a_profile_has_the_budgets_of_marked_tests() -> None:
    """A profile without the column has no marked test, or comes from an older release."""
    tests = {"nodeid": ["a", "b"], "budget": [None, {"max_seconds": 1.5}]}

    assert {"b": Budget(max_seconds=1.5)} == budgets_of(profile_with(tests))
    assert {} == budgets_of(profile_with({"nodeid": ["a", "b"]}))


def test_earlier_durations_are_those_of_passed_last_attempts() -> None:
    """The last attempt of a repeated test counts, and only tests with a budget are read."""
    runs = [run(number, [("a", "passed", number), ("b", "passed", 1.0)]) for number in range(60)]
    runs += [
        run(60, [("a", "rerun", 9.0), ("a", "passed", 60)]),
        run(61, [("a", "passed", 9.0), ("a", "failed", 9.0)]),
    ]

    assert {"a": list(range(12, 61)), "gone": []} == passed_seconds(runs, ["a", "gone"])


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ([("r1", 1.0), ("r2", 1.0), ("r3", 3.0)], 3.0),
        ([("r1", 2.0), ("r2", 2.0), ("r3", 3.0)], 1.5),
        ([("r1", 1.0), ("r2", 1.0)], None),
        ([("r3", 3.0)], None),
        ([], None),
    ],
)
def test_machine_speed_is_relative_to_earlier_runs(
    factors: list[tuple[str, float]], expected: float | None
) -> None:
    """A suite that has been slow for a long time is typical; an unknown speed stays unknown."""
    assert expected == relative_speed(factors, "r3")


def test_machine_speed_uses_the_runs_of_the_typical_duration() -> None:
    """Both use the same number of runs."""
    factors = [(f"a{number}", 1.0) for number in range(100)] + [(f"b{number}", 2.0) for number in range(50)]

    assert 1.5 == relative_speed([*factors, ("r", 3.0)], "r")


def make_costly(number: int, numpy: float) -> RunRecord:
    """Return a run with costs of each kind."""
    return replace(
        run(number, [("a.py::test_a", "passed", 0.1)]),
        fixtures={"tests::db": 2.0, "::db": 4.0},
        files={"a.py": 1.5},
        imports={"numpy": numpy},
        spans={"collect": 3.0},
    )


def test_fixtures_files_imports_and_spans_have_budgets() -> None:
    """A fixture by its name or its label; the largest excess is first."""
    budgets = {
        "fixture::db": Budget(max_seconds=1.0),
        "fixture::::db": Budget(max_seconds=3.5),
        "collect::a.py": Budget(max_seconds=1.5),
        "import::numpy": Budget(max_slowdown=2.0),
        "span::collect": Budget(max_seconds=2.75),
    }

    exceeded = costs_over_budget(make_costly(9, 0.5), [make_costly(at, 0.125) for at in range(5)], budgets)

    assert exceeded == (
        OverBudget("fixture::tests::db", 2.0, 1.0, "max_seconds"),
        OverBudget("fixture::::db", 4.0, 3.5, "max_seconds"),
        OverBudget("import::numpy", 0.5, 0.25, "max_slowdown"),
        OverBudget("span::collect", 3.0, 2.75, "max_seconds"),
    )


def test_costs_without_a_budget_are_not_compared() -> None:
    """Also if no cost has the name of a budget."""
    assert () == costs_over_budget(make_costly(9, 0.5), [], {"import::pandas": Budget(max_seconds=0.1)})
    assert () == costs_over_budget(make_costly(9, 0.5), [], {})


def test_the_budgets_of_a_profile_are_stored() -> None:
    """By label, with invalid ones refused."""
    content = to_json(replace(profile_with(), budgets={"import::numpy": {"max_seconds": 0.5}}))

    assert {"import::numpy": Budget(max_seconds=0.5)} == cost_budgets_of(from_json(content))
    assert "budgets" not in to_json(profile_with())
    with pytest.raises(CorruptDataError):
        from_json({**content, "budgets": {"import::numpy": 3}})
