"""Which tests took longer than their markers allow. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from akastats.analysis.run_records import RunRecord
from akastats.model.profile import Profile
from akastats.model.results import Budget, budget_of
from akastats.model.verdicts import OverBudget

#: Earlier runs from which on a test has a usual time, and of how many, the newest, it is the median.
LEAST_RUNS, MOST_RUNS = 5, 50
#: Seconds over the usual from which on a slowdown counts: fast tests double by themselves.
LEAST_S = 0.02


def budgets_of(profile: Profile) -> dict[str, Budget]:
    """Return the budgets of a profile's tests; none in one of an earlier release, or where no test is marked."""
    if profile.tests.budget is None:
        return {}
    rows = zip(profile.tests.nodeid, profile.tests.budget, strict=True)
    return {nodeid: budget_of(each) for nodeid, each in rows if each}


def passed_seconds(earlier: Sequence[RunRecord], nodeids: Iterable[str]) -> dict[str, list[float]]:
    """Return what tests took where they passed in the newest of these runs, in their order."""
    found: dict[str, list[float]] = {nodeid: [] for nodeid in nodeids}
    if found:
        for record in earlier[-MOST_RUNS:]:
            for nodeid, seconds in record.passed().items():
                if nodeid in found:
                    found[nodeid].append(seconds)
    return found


def relative_speed(factors: Sequence[tuple[str, float]], run_id: str) -> float | None:
    """Return the pace of the last run against the runs that say what is usual; `None` where it is unknown."""
    if len(factors) < 2 or factors[-1][0] != run_id:
        return None
    *before, (_, now) = factors
    return now / median(factor for _, factor in before[-MOST_RUNS:])


def over_budget(
    tests: Mapping[str, float],
    budgets: Mapping[str, Budget],
    typical: Mapping[str, Sequence[float]],
    factor: float | None = None,
) -> tuple[OverBudget, ...]:
    """Return which tests took more than they may, one for each rule that is broken, by seconds over, most first.

    `tests` are seconds of those whose last attempt passed: what fails early or late says nothing of its time.
    `usual` are seconds in earlier runs of the same environment, oldest first. A run slower than usual as a whole,
    its `pace` above 1, is that much slower for each test; a faster one makes no test slow.
    """
    found = [
        over
        for nodeid, budget in budgets.items()
        if nodeid in tests
        for over in _over(nodeid, tests[nodeid], budget, typical.get(nodeid, ()), max(1.0, factor or 1.0))
    ]
    return tuple(sorted(found, key=lambda over: (over.allowed - over.seconds, over.nodeid)))


def _over(
    nodeid: str, seconds: float, budget: Budget, earlier: Sequence[float], factor: float
) -> Iterator[OverBudget]:
    if budget.max_seconds is not None and seconds > budget.max_seconds:
        yield OverBudget(nodeid, seconds, budget.max_seconds, "max_seconds")
    if budget.max_slowdown is None or len(earlier) < LEAST_RUNS:
        return
    typical = median(earlier[-MOST_RUNS:]) * factor
    allowed = round(typical * budget.max_slowdown, 6)
    # Rounded to what profiles keep: 0.12 - 0.1 falls short of 0.02 by a float's last digit.
    if seconds > allowed and round(seconds - typical, 6) >= LEAST_S:
        yield OverBudget(nodeid, seconds, allowed, "max_slowdown")
