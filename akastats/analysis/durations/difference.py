"""Explain why the duration of a run differs from the typical one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from akastats.analysis.run_records import RunRecord
from akastats.model.verdicts import CauseKind, DurationCause

#: Number of earlier runs whose median is the typical cost of a cause.
TYPICAL_RUNS = 20
#: Maximum number of causes, the largest first.
MAX_CAUSES = 20
#: Minimum seconds of a cause.
MIN_CAUSE_S = 0.01
# Maximum difference of a normal machine speed factor from 1.
NORMAL_SPEED = 0.05
# Spans before the start of the session, from which the duration of a run counts. Workers begin after it.
_BEFORE_SESSION = ("startup", "conftest")

_Costs = Mapping[tuple[CauseKind, str], float]


def explain_difference(
    earlier: Sequence[RunRecord], run: RunRecord, speed_factor: float | None
) -> tuple[DurationCause, ...]:
    """Return why a run took longer or shorter than comparable earlier runs, the largest cause first.

    Causes are in seconds of wall time. Workers share the tests, so with two workers a second of a test counts as
    half a second. Costs are compared at the typical machine speed. The effect of another speed is a cause of its
    own, `machine`.

    speed_factor: duration of the run's tests divided by the typical one; `None` if unknown
    """
    now = _measure_costs(run)
    before = [_measure_costs(each) for each in earlier[-TYPICAL_RUNS:]]
    factor = 1.0 if speed_factor is None or abs(speed_factor - 1.0) <= NORMAL_SPEED else speed_factor
    causes = [DurationCause("machine", "", round(sum(now.values()) * (1.0 - 1.0 / factor), 6))]
    for (kind, name), typical in _find_typical(now, before).items():
        seconds = now.get((kind, name), 0.0) / factor - typical
        causes.append(DurationCause(kind, name, round(seconds, 6)))
    largest = sorted(causes, key=lambda cause: -abs(cause.seconds))[:MAX_CAUSES]
    return tuple(cause for cause in largest if abs(cause.seconds) >= MIN_CAUSE_S)


def _measure_costs(record: RunRecord) -> _Costs:
    """Return the wall time of each test, fixture, import and span, in seconds.

    The sum is about the duration of the run.
    """
    processes = max(1, len(set(record.workers)))
    costs: dict[tuple[CauseKind, str], float] = defaultdict(float)
    for nodeid, seconds in zip(record.nodeids, record.seconds, strict=True):
        costs["test", nodeid] += seconds / processes
    for name, seconds in record.fixtures.items():
        costs["fixture", name] += seconds / processes
    for package, seconds in record.imports.items():
        costs["import", package] += seconds
    for span, seconds in record.spans.items():
        if record.workers or span not in _BEFORE_SESSION:
            costs["span", span] += seconds
    return costs


def _find_typical(now: _Costs, before: Sequence[_Costs]) -> _Costs:
    """Return the median cost of each cause in earlier runs. A run without the cause counts as 0 seconds."""
    names = dict.fromkeys([*now, *(name for costs in before for name in costs)])
    return {name: median([costs.get(name, 0.0) for costs in before]) for name in names}
