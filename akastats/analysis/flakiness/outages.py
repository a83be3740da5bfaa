"""Find outages: runs in which far more tests failed than is typical, so that they are not evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import NamedTuple

from akastats.analysis.flakiness.agreement import phi

#: Number of runs on either side that determine the typical share of failures, which may shift over time.
NEIGHBOURS = 20
#: Minimum number of runs for a typical share.
MIN_RUNS = 5
#: Minimum excess over the typical share, in standard deviations. With 3, chance excludes one run in 1,000; with 5,
#: an outage of 6 % is missed in a suite of 400 in which every sixth test fails in every fifth run.
DEVIATIONS = 3.0
# Minimum excess as a share of the suite. Groups of tests that fail together must not reach it (mean size 13.5,
# arXiv 2504.16777); outages of 6 % must, because they make one healthy test in 20 look flaky.
MIN_SHARE = 0.03
# Minimum excess in tests: in a suite of ten, each failing test is a tenth of it.
MIN_TESTS = 3
#: An outage affects different tests each time. Tests that fail together this often are a flaky group.
MIN_RECURRENCES = 3
#: Largest flaky group as a share of the suite: an outage of one service may affect the same third each time.
MAX_GROUP = 0.2
#: Minimum phi coefficient of the failures of two runs with the same flaky group.
MIN_SAMENESS = 0.5

#: A test that fails in this share of the runs is not evidence of an outage.
REGULAR = 0.1

# A normal distribution's standard deviation, in median absolute deviations.
_NORMAL = 1.4826


class RunFailures(NamedTuple):
    """Failures of a run.

    run: id of the run
    tests: number of tests that ran
    failing: tests with a failed attempt
    """

    run: str
    tests: int
    failing: frozenset[str]

    @property
    def share(self) -> float:
        """Return the share of the tests that failed, 0 to 1."""
        return len(self.failing) / self.tests


@dataclass(frozen=True)
class Outages:
    """The outages of a suite.

    counted: run id of each outage, with the tests for which the run is still evidence
    """

    counted: Mapping[str, frozenset[str]]

    def about(self, test: str) -> frozenset[str]:
        """Return the runs that are not evidence about one test."""
        return frozenset(run for run, tests in self.counted.items() if test not in tests)


def outages(runs: Sequence[RunFailures]) -> Outages:
    """Return the runs in which far more tests failed than in the runs around them. `runs` are in time order.

    The threshold depends on the typical share of failures and its deviation. An outage of 6 % is detected if 1 %
    of the suite fails in most runs, but not if half of it fails in some runs. Runs in which the same
    group of tests fails repeatedly stay evidence for that group.
    """
    runs = [run for run in runs if run.tests > 0]
    if len(runs) < MIN_RUNS:
        return Outages({})
    at_first = _find_suspected(runs)
    suspected = at_first | _find_suspected(_without_regulars(runs, at_first))
    unusual = {at: runs[at].failing - _find_typically_failing(runs, at, suspected) for at in sorted(suspected)}
    return Outages({runs[at].run: _find_recurring(unusual, at, runs[at].tests) for at in unusual})


def _find_suspected(runs: Sequence[RunFailures]) -> set[int]:
    return {at for at in range(len(runs)) if _is_far_more(runs[at], _around(runs, at))}


def _without_regulars(runs: Sequence[RunFailures], suspected: set[int]) -> list[RunFailures]:
    """Return all runs without the frequently failing tests, which would hide an outage of 6 % of the suite."""
    calm = [run for at, run in enumerate(runs) if at not in suspected]
    counted = Counter(test for run in calm for test in run.failing)
    least = max(MIN_RECURRENCES, REGULAR * len(calm))
    regulars = {test for test, count in counted.items() if count >= least}
    return [run._replace(failing=run.failing - regulars) for run in runs]


def _around(runs: Sequence[RunFailures], at: int) -> Sequence[RunFailures]:
    return runs[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]


def _is_far_more(run: RunFailures, around: Sequence[RunFailures]) -> bool:
    shares = [each.share for each in around]
    typical = median(shares)
    scatter = _NORMAL * median(abs(share - typical) for share in shares)
    # Binomial deviation of the share, in case the neighbours agree by chance.
    chance = sqrt(typical * (1 - typical) / run.tests)
    excess = run.share - typical
    return excess > max(MIN_SHARE, DEVIATIONS * max(scatter, chance)) and excess * run.tests >= MIN_TESTS


def _find_recurring(unusual: Mapping[int, frozenset[str]], at: int, tests: int) -> frozenset[str]:
    """Return the tests that failed in a suspected run and recur in similar ones; empty if it has too many."""
    failing = unusual[at]
    if len(failing) > MAX_GROUP * tests:
        return frozenset()
    alike = [other for other in unusual.values() if _are_alike(failing, other, tests)]
    counted = Counter(test for other in alike for test in failing & other)
    least = max(MIN_RECURRENCES, len(alike) / 2)
    return frozenset(test for test, count in counted.items() if count >= least)


def _are_alike(one: frozenset[str], other: frozenset[str], tests: int) -> bool:
    return phi(len(one), len(other), len(one & other), tests) >= MIN_SAMENESS


def _find_typically_failing(runs: Sequence[RunFailures], at: int, suspected: set[int]) -> set[str]:
    """Return the tests that fail in most runs around one, without suspected runs."""
    neighbours = range(max(0, at - NEIGHBOURS), min(len(runs), at + NEIGHBOURS + 1))
    calm = [runs[each] for each in neighbours if each not in suspected]
    counted = Counter(test for run in calm for test in run.failing)
    return {test for test, count in counted.items() if 2 * count > len(calm)}
