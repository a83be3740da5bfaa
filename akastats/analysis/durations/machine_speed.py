"""Estimate the machine speed of each run from the deviation that all its tests share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import sub

from akastats.analysis.durations.changepoints import MIN_BEFORE, median

#: Minimum number of tests with a history that determine a machine speed; with fewer, one test would distort the
#: median.
MIN_TESTS = 10
#: Maximum number of sampled tests: the error of the median is then 1.25 / sqrt(1000), 4 % of the noise of one
#: test.
MAX_TESTS = 1000
#: Number of rounds of the median polish (Tukey, Exploratory Data Analysis, 1977). A third round changed no factor
#: by 0.1 %.
ROUNDS = 2

#: The positions of the runs of one test, ascending, and the natural logarithms of its durations there.
Series = tuple[Sequence[int], Sequence[float]]


def log_factors(tests: Iterable[Series], runs: int) -> list[float | None]:
    """Return the logarithm of the machine speed factor of each run.

    This is the median of log(duration / typical duration) over the tests of the run; `None` for a run with fewer
    than MIN_TESTS tests that have a history.
    """
    usable = [test for test in tests if len(test[0]) >= MIN_BEFORE]
    factors: list[float | None] = [0.0] * runs
    for _ in range(ROUNDS):
        factors = _round(usable, factors)
    return factors


def zeros_if_none(factors: Sequence[float | None]) -> Sequence[float | None]:
    """Return the machine speed factors unchanged; zeros if the suite is too small to have any."""
    return factors if any(factor is not None for factor in factors) else [0.0] * len(factors)


def _round(tests: Sequence[Series], factors: Sequence[float | None]) -> list[float | None]:
    by_run: list[list[float]] = [[] for _ in factors]
    shared = [factor or 0.0 for factor in factors]
    for at, logs in tests:
        typical = median(list(map(sub, logs, map(shared.__getitem__, at))))
        for run, value in zip(at, logs, strict=True):
            by_run[run].append(value - typical)
    return [median(shares) if len(shares) >= MIN_TESTS else None for shares in by_run]


def sample(labels: Sequence[str]) -> Sequence[str]:
    """Return at most MAX_TESTS of the labels, evenly spaced. The same labels give the same sample."""
    return labels[:: -(-len(labels) // MAX_TESTS) or 1]
