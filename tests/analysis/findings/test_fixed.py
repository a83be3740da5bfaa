"""Findings that a run fixed: predicted and measured saving."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.analysis.findings.fixed import measure_errors, record_costs
from akastats.model.findings import Finding, FixedFinding, Place, RecordedFinding, RunCosts, Saving

SCOPE = RecordedFinding("fixture-scope", "::catalogue", "Fixture catalogue is set up 36 times", 4.0, 3.5, 4.5)
SLOW = RecordedFinding("slow-tests", "a.py::b", "1 of 21 tests", 1.0, 0.5, 1.5)
BEFORE = RunCosts(0, "no", 40, (10.0, 12.0, 11.0), (SCOPE, SLOW))
NOW = RunCosts(0, "no", 40, (6.0,))


def finding(seconds: float) -> Finding:
    """Return the finding about the scope, which saves these seconds."""
    saving = Saving(seconds, seconds, seconds, 0.5, seconds)
    place = Place(fixture="::catalogue")
    return Finding("fixture-scope", "title", saving, (place,), 36, None, {}, "advice")


def test_a_finding_that_is_gone_is_fixed() -> None:
    """The measured saving is the difference to the median before."""
    before = replace(BEFORE, findings=(SCOPE,))

    costs = record_costs("r2", NOW, [], [], before, "r1")

    assert (FixedFinding(SCOPE, 5.0, "r1", "r2"),) == costs.fixed
    assert (6.0,) == costs.walls


def test_the_saving_of_several_fixed_findings_is_divided() -> None:
    """In proportion to the predictions."""
    costs = record_costs("r2", NOW, [], [], BEFORE, "r1")

    assert [4.0, 1.0] == [each.measured for each in costs.fixed]


@pytest.mark.parametrize(("seconds", "fixed"), [(1.3, 1), (1.4, 0), (4.0, 0)])
def test_a_finding_with_a_smaller_saving_is_not_fixed(seconds: float, fixed: int) -> None:
    """Up to a third of the prediction counts as gone."""
    before = replace(BEFORE, findings=(SCOPE,))

    assert fixed == len(record_costs("r2", NOW, [finding(seconds)], [], before, "r1").fixed)


def test_a_run_of_few_tests_fixes_nothing() -> None:
    """With `-k` most costs are missing."""
    costs = record_costs("r2", replace(NOW, tests=5), [], [], BEFORE, "r1")

    assert () == costs.fixed


def test_other_workers_fix_only_findings_about_them() -> None:
    """Costs of tests cannot be compared then."""
    workers = RecordedFinding("workers", "-n 2", "-n 2 would be faster", 3.0, 2.0, 4.0)
    before = replace(BEFORE, findings=(workers, SCOPE))

    costs = record_costs("r2", replace(NOW, workers=2, dist="load"), [], [], before, "r1")

    assert [workers] == [each.finding for each in costs.fixed]


def test_wall_times_add_up_until_something_is_fixed() -> None:
    """At most five; a fixed finding is remembered by later runs."""
    fixed = FixedFinding(SCOPE, 5.0, "r0", "r1")
    before = RunCosts(0, "no", 40, (1.0, 2.0, 3.0, 4.0, 5.0), (), (fixed,))

    costs = record_costs("r2", NOW, [finding(1.0)], [finding(1.0)], before, "r1")

    assert (2.0, 3.0, 4.0, 5.0, 6.0) == costs.walls
    assert (fixed,) == costs.fixed
    assert ["::catalogue"] == [each.place for each in costs.findings]


def test_the_error_is_relative_to_the_measured_saving() -> None:
    """The median of all; none without a saving."""
    fixed = [FixedFinding(SCOPE, measured, "r1", "r2") for measured in (5.0, 4.0, 8.0, -1.0)]

    assert pytest.approx(0.2) == measure_errors(fixed)
    assert measure_errors(fixed[-1:]) is None
