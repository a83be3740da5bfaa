"""Find tests, fixtures, files, imports and spans that took longer than their budgets allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median

from akastats.analysis.run_records import RunRecord
from akastats.model.profile import Profile
from akastats.model.results import Budget, budget_of
from akastats.model.verdicts import OverBudget

#: Minimum number of earlier runs for a typical duration, and the number of newest runs that its median covers.
MIN_RUNS, MAX_RUNS = 5, 50
#: Minimum slowdown in seconds: the duration of a fast test doubles by chance.
MIN_S = 0.02


def budgets_of(profile: Profile) -> dict[str, Budget]:
    """Return the budgets of a profile's tests; empty for a profile of an earlier release, or without markers."""
    if profile.tests.budget is None:
        return {}
    rows = zip(profile.tests.nodeid, profile.tests.budget, strict=True)
    return {nodeid: budget_of(each) for nodeid, each in rows if each}


def cost_budgets_of(profile: Profile) -> dict[str, Budget]:
    """Return the budgets of fixtures, files, imports and spans by label."""
    return {label: budget_of(limits) for label, limits in profile.budgets.items()}


def select_costs(record: RunRecord, budgets: Mapping[str, Budget]) -> dict[str, tuple[float, Budget]]:
    """Return seconds and budget of each fixture, file, import and span that has one, by label.

    A fixture without `::` in the label of its budget stands for all fixtures of that name.
    """
    tables = {
        "fixture": record.fixtures,
        "collect": record.files,
        "import": record.imports,
        "span": record.spans,
    }
    costs = {}
    for word, table in tables.items():
        for name, seconds in table.items():
            names = (name, name.rpartition("::")[2]) if word == "fixture" else (name,)
            budget = next((budgets[label] for each in names if (label := f"{word}::{each}") in budgets), None)
            if budget is not None:
                costs[f"{word}::{name}"] = (seconds, budget)
    return costs


def costs_over_budget(
    record: RunRecord, earlier: Sequence[RunRecord], budgets: Mapping[str, Budget], factor: float | None = None
) -> tuple[OverBudget, ...]:
    """Return one entry per exceeded budget of a fixture, file, import or span, with its label as the node id.

    `earlier` are complete runs of the same environment, oldest first.
    """
    if not budgets:
        return ()
    now = select_costs(record, budgets)
    before = [select_costs(each, budgets) for each in earlier[-MAX_RUNS:]]
    typical = {label: [costs[label][0] for costs in before if label in costs] for label in now}
    return over_budget(
        {label: seconds for label, (seconds, _) in now.items()},
        {label: budget for label, (_, budget) in now.items()},
        typical,
        factor,
    )


def passed_seconds(earlier: Sequence[RunRecord], nodeids: Iterable[str]) -> dict[str, list[float]]:
    """Return the durations of passed attempts in the newest of these runs, in seconds, by node id."""
    excesses: dict[str, list[float]] = {nodeid: [] for nodeid in nodeids}
    if excesses:
        for record in earlier[-MAX_RUNS:]:
            for nodeid, seconds in record.passed().items():
                if nodeid in excesses:
                    excesses[nodeid].append(seconds)
    return excesses


def relative_speed(factors: Sequence[tuple[str, float]], run_id: str) -> float | None:
    """Return the machine speed factor of the last run, relative to the runs before it; `None` if unknown."""
    if len(factors) < 2 or factors[-1][0] != run_id:
        return None
    *before, (_, now) = factors
    return now / median(factor for _, factor in before[-MAX_RUNS:])


def over_budget(
    tests: Mapping[str, float],
    budgets: Mapping[str, Budget],
    typical: Mapping[str, Sequence[float]],
    factor: float | None = None,
) -> tuple[OverBudget, ...]:
    """Return one entry per exceeded budget, the largest excess first.

    `tests` has the seconds of each test whose last attempt passed. `typical` has the seconds in earlier runs of
    the same environment, oldest first. A machine speed `factor` above 1 raises the limits of `max_slowdown`; one
    below 1 does not lower them.
    """
    excesses = [
        over
        for nodeid, budget in budgets.items()
        if nodeid in tests
        for over in _over(nodeid, tests[nodeid], budget, typical.get(nodeid, ()), max(1.0, factor or 1.0))
    ]
    return tuple(sorted(excesses, key=lambda over: (over.allowed - over.seconds, over.nodeid)))


def _over(
    nodeid: str, seconds: float, budget: Budget, earlier: Sequence[float], factor: float
) -> Iterator[OverBudget]:
    if budget.max_seconds is not None and seconds > budget.max_seconds:
        yield OverBudget(nodeid, seconds, budget.max_seconds, "max_seconds")
    if budget.max_slowdown is None or len(earlier) < MIN_RUNS:
        return
    typical = median(earlier[-MAX_RUNS:]) * factor
    allowed = round(typical * budget.max_slowdown, 6)
    # Round to microseconds, as profiles do: as floats, 0.12 - 0.1 is less than 0.02.
    if seconds > allowed and round(seconds - typical, 6) >= MIN_S:
        yield OverBudget(nodeid, seconds, allowed, "max_slowdown")
