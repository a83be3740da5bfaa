"""Predict the wall time of a run with other numbers of workers and other distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from akastats.analysis.findings.recorded_run import RecordedRun
from akastats.analysis.findings.rules import RULES, Rule, find_all
from akastats.analysis.schedule.costs import order_longest_first
from akastats.analysis.schedule.replay import compute_floor, replay
from akastats.analysis.schedule.schedulers import SCHEDULERS
from akastats.errors import NotFoundError
from akastats.queries.ledger import read_recorded_run
from akastats.store.requests import Operation

#: Distributions that are compared by default.
DISTRIBUTIONS = ("load", "worksteal", "loadscope", "loadfile")
#: All distributions that can be replayed.
ALL_DISTRIBUTIONS = tuple(SCHEDULERS)
#: Relative error of most predictions for another choice; docs/accuracy.md describes the measurement.
# The value is provisional, because it was not yet measured on a machine without other programs.
MEASURED_ERROR = 0.15
#: Maximum number of workers of a choice.
MAX_WORKERS = 256


@dataclass(frozen=True)
class PlanChoice:
    """A way to run the suite.

    workers: number of pytest-xdist workers; 0 without workers
    dist: value of `--dist` of pytest-xdist; `no` without workers
    wall: predicted wall time, in seconds
    low, high: interval of the prediction, in seconds
    floor: minimum wall time with this `dist` and any number of workers, in seconds
    """

    workers: int
    dist: str
    wall: float
    low: float
    high: float
    floor: float


@dataclass(frozen=True)
class RunPlan:
    """Predicted wall times of a suite, from the costs of one run.

    run: id of the run
    workers: number of workers of the run
    dist: value of `--dist` of the run
    wall: measured wall time of the run, in seconds
    predicted: predicted wall time with the workers and `dist` of the run, in seconds
    floor: the lowest floor of the choices, in seconds
    choices: the choices in the requested order
    best: the choice with the shortest wall time
    """

    run: str
    workers: int
    dist: str
    wall: float
    predicted: float
    floor: float
    choices: list[PlanChoice]
    best: PlanChoice


def read_plan(
    namespace: str,
    run_id: str,
    workers: Sequence[int] = (),
    distributions: Sequence[str] = DISTRIBUTIONS,
    without: Sequence[str] = (),
    is_longest_first: bool = False,
    fixes: Sequence[str] = (),
) -> Operation[RunPlan]:
    """Read the predicted wall times of a run's suite.

    Raises `NotFoundError` if the run, its profile, a fixture or a kind of finding is missing.

    workers: numbers of workers; by default 0, powers of two, and the number of CPUs
    without: names of fixtures whose time is omitted
    is_longest_first: whether the longest tests start first
    fixes: kinds of findings whose advice is followed
    """
    run, recorded = yield from read_recorded_run(namespace, run_id)
    rules = [rule for kind in fixes for rule in _find_rules(recorded, kind)]
    changed = _change(recorded, without)
    numbers = list(workers) or _default_numbers(recorded.costs.cpus)
    choices = [
        _predict(_order(changed, number, dist) if is_longest_first else changed, number, dist, rules, fixes)
        for number in numbers
        for dist in _list_dists(number, distributions)
    ]
    return RunPlan(
        run=run.id,
        workers=recorded.costs.workers,
        dist=recorded.costs.dist,
        wall=round(recorded.wall, 3),
        predicted=round(recorded.baseline.wall, 3),
        floor=min(choice.floor for choice in choices),
        choices=choices,
        best=min(choices, key=lambda choice: choice.wall),
    )


def _default_numbers(cpus: int) -> list[int]:
    powers = [2**exponent for exponent in range(1, 9) if 2**exponent < cpus]
    return [0, *powers, *([cpus] if cpus > 1 else [])]


def _list_dists(workers: int, distributions: Sequence[str]) -> Sequence[str]:
    return distributions if workers else ("no",)


def _find_rules(recorded: RecordedRun, kind: str) -> list[Rule]:
    """Return the rules that have findings of a kind in a run; raise `NotFoundError` if there are none."""
    rules = [rule for rule in RULES if any(cost.kind == kind for cost in rule(recorded))]
    if not rules:
        raise NotFoundError(f"no finding of kind {kind!r} in this run: `akastats why --all` lists its findings")
    return rules


def _predict(
    recorded: RecordedRun, workers: int, dist: str, rules: Sequence[Rule], fixes: Sequence[str]
) -> PlanChoice:
    wall = replay(recorded.costs, workers, dist).wall - _sum_fixes(recorded, workers, dist, rules, fixes)
    floor = min(wall, compute_floor(recorded.costs, dist))
    margin = wall * min(1.0, _estimate_error(recorded, workers, dist))
    numbers = (round(each, 3) for each in (wall, wall - margin, wall + margin, floor))
    return PlanChoice(workers, dist, *numbers)


def _estimate_error(recorded: RecordedRun, workers: int, dist: str) -> float:
    """Return the relative error of a prediction.

    It is at least the error of the prediction for the recorded run, and the variation between workers. For another
    choice, it is also at least the error that was measured with other suites.
    """
    costs = recorded.costs
    error = max(recorded.replay_error, costs.spread)
    return error if (workers, dist) == (costs.workers, costs.dist) else max(error, MEASURED_ERROR)


def _sum_fixes(
    recorded: RecordedRun, workers: int, dist: str, rules: Sequence[Rule], fixes: Sequence[str]
) -> float:
    """Return the seconds that the findings of these kinds would save with other workers."""
    if not rules:
        return 0.0
    changed = replace(recorded, costs=replace(recorded.costs, workers=workers, dist=dist))
    findings = find_all(changed, rules, is_complete=True)
    return sum(finding.saving.seconds for finding in findings if finding.kind in fixes)


def _change(recorded: RecordedRun, without: Sequence[str]) -> RecordedRun:
    for name in without:
        recorded = _without_fixture(recorded, name)
    return recorded


def _order(recorded: RecordedRun, workers: int, dist: str) -> RecordedRun:
    return replace(recorded, costs=order_longest_first(recorded.costs, workers, dist))


def _without_fixture(recorded: RecordedRun, name: str) -> RecordedRun:
    rows = [each for each in recorded.content.fixtures.rows() if each.name == name]
    if not rows:
        raise NotFoundError(f"no fixture {name!r} in this run: `akastats slowest --fixtures` lists its fixtures")
    costs = recorded.costs
    for each in rows:
        if each.scope == "function" and each.count:
            mean = (each.setup + each.teardown) / each.count
            users = recorded.tests_of[f"{each.baseid}::{each.name}"]
            costs = replace(recorded, costs=costs).without({test.nodeid: mean for test in users})
    fixtures = tuple(
        replace(each, setup=0.0, teardown=0.0) if each.name == name else each for each in costs.fixtures
    )
    return replace(recorded, costs=replace(costs, fixtures=fixtures))
