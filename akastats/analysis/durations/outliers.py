"""Find the tests of a run whose duration their own history does not explain.

A single difference is not a change of level. It is reported only if chance produces it less than once in 20
runs of the whole suite, and if the test never took as long before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import exp, log, sqrt
from statistics import fmean, stdev

from akastats.analysis.comparison import is_more
from akastats.analysis.durations.changepoints import MIN_AFTER, MIN_BEFORE, upper_tail
from akastats.analysis.durations.changes import Durations
from akastats.model.verdicts import OFFSET, Outlier

#: Minimum number of earlier runs of a test, in its environment and at its present level, for an estimate of
#: spread.
MIN_RUNS = MIN_BEFORE + MIN_AFTER - 1
#: Probability that chance alone produces an outlier among all tests of a run (Bonferroni).
MAX_CHANCE = 0.05
#: Maximum number of stored outliers, the largest difference first: on a machine that stalls, every test is an
#: outlier.
MAX_OUTLIERS = 1000


def outliers(
    series: Mapping[str, Durations],
    factors: Sequence[float | None],
    alike: Sequence[bool],
    levels: Mapping[str, int],
) -> tuple[Outlier, ...]:
    """Return the tests whose duration in the last run exceeds their history, the largest difference first.

    `series` are by node id. `factors` and `alike` have one entry per run: its machine speed factor, and whether it
    ran in the environment of the last run. `levels` has the position of the last change of a test's level.
    """
    last, shared = len(alike) - 1, [log(factor or 1.0) for factor in factors]
    ran = {nodeid: each for nodeid, each in series.items() if each.runs and each.runs[-1] == last}
    outlying = [
        outlier
        for nodeid, each in ran.items()
        for outlier in _outlier(nodeid, each, shared, alike, levels.get(nodeid, 0), MAX_CHANCE / (2 * len(ran)))
    ]
    return tuple(
        sorted(outlying, key=lambda each: (-abs(each.seconds - each.typical), each.nodeid))[:MAX_OUTLIERS]
    )


def _outlier(
    nodeid: str,
    series: Durations,
    shared: Sequence[float],
    alike: Sequence[bool],
    since: int,
    chance: float,
) -> Iterator[Outlier]:
    # Most tests return here: a test whose durations never differed by 20 ms has no outlier.
    if not is_more(max(series.seconds), min(series.seconds)):
        return
    seconds = series.seconds[-1]
    earlier = [
        log(value + OFFSET) - shared[at]
        for at, value in zip(series.runs, series.seconds, strict=True)
        if since <= at < len(alike) - 1 and alike[at]
    ]
    if len(earlier) < MIN_RUNS:
        return
    typical = max(0.0, exp(fmean(earlier) + shared[-1]) - OFFSET)
    differs = is_more(seconds, typical) or is_more(typical, seconds)
    if differs and _is_outlier(log(seconds + OFFSET) - shared[-1], earlier, chance):
        yield Outlier(nodeid, seconds, round(typical, 6))


def _is_outlier(now: float, earlier: Sequence[float], chance: float) -> bool:
    """Return whether a value is outside the range of earlier values, and improbable by their distribution."""
    if min(earlier) <= now <= max(earlier):
        return False
    count, scatter = len(earlier), stdev(earlier)
    if not scatter:
        return True
    deviate = abs(now - fmean(earlier)) / (scatter * sqrt(1 + 1 / count))
    return upper_tail(deviate, count - 1) <= chance
