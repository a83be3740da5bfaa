"""Which runs are no evidence about any one test, since far more failed in them than usual. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import NamedTuple

from akastats.analysis.flakiness.agreement import phi

#: Runs to either side from which the suite's usual is learnt: its level may shift with time.
NEIGHBOURS = 20
#: With fewer runs nothing is usual.
LEAST_RUNS = 5
#: Beyond the usual by so many standard deviations of it: one quiet run in a thousand is lost to chance, and with 5
#: an outage of 6 % passes in a suite of 400 whose every sixth test fails in every fifth run.
DEVIATIONS = 3.0
# ... and by this share of the suite: between groups of tests that fail together, whose mean size is 13.5
# (arXiv 2504.16777), and outages of 6 %, which unguarded make one healthy test in twenty look flaky.
LEAST_SHARE = 0.03
# ... and by so many tests: in a suite of ten each failing test is a tenth of it.
LEAST_TESTS = 3
#: An outage takes others each time; what takes the same tests so often is a group of flaky ones, ...
LEAST_RECURRENCES = 3
#: ... of no more of the suite than this: an outage of one service may take the same third of it each time.
MOST_GROUP = 0.2
#: How much the same, as `phi`: an outage that takes more others along than the group has tests hides it.
LEAST_SAMENESS = 0.5

#: A test that fails in so many runs tells nothing about any one of them.
REGULAR = 0.1

# A normal distribution's standard deviation, in median absolute deviations.
_NORMAL = 1.4826


class RunFailures(NamedTuple):
    """How many tests ran in a run, and in which of them some attempt failed."""

    run: str
    tests: int
    failing: frozenset[str]

    @property
    def share(self) -> float:
        """How much of the run failed."""
        return len(self.failing) / self.tests


@dataclass(frozen=True)
class Outages:
    """The runs in which far more failed than usual, each with the tests for which it counts all the same."""

    counted: Mapping[str, frozenset[str]]

    def about(self, test: str) -> frozenset[str]:
        """Return the runs that are no evidence about one test."""
        return frozenset(run for run, tests in self.counted.items() if test not in tests)


def outages(runs: Sequence[RunFailures]) -> Outages:
    """Return the runs in which far more failed than in the runs around them, given in time order.

    "Far more" is relative to the suite's own usual there (median and its deviation): an outage of 6 % is seen in a
    suite of which 1 % fails, and none in one of which half fails now and then. Where the same tests fail together
    time and again, it is they that are flaky: for them these runs count.
    """
    runs = [run for run in runs if run.tests > 0]
    if len(runs) < LEAST_RUNS:
        return Outages({})
    at_first = _suspected(runs)
    suspected = at_first | _suspected(_without_regulars(runs, at_first))
    unusual = {at: runs[at].failing - _typically_failing(runs, at, suspected) for at in sorted(suspected)}
    return Outages({runs[at].run: _recurring(unusual, at, runs[at].tests) for at in unusual})


def _suspected(runs: Sequence[RunFailures]) -> set[int]:
    return {at for at in range(len(runs)) if _is_far_more(runs[at], _around(runs, at))}


def _without_regulars(runs: Sequence[RunFailures], suspected: set[int]) -> list[RunFailures]:
    """Return the runs without the tests that fail often anyway: a quarter of a suite at odds of 1:1 drowns 6 %."""
    calm = [run for at, run in enumerate(runs) if at not in suspected]
    counted = Counter(test for run in calm for test in run.failing)
    least = max(LEAST_RECURRENCES, REGULAR * len(calm))
    regulars = {test for test, count in counted.items() if count >= least}
    return [run._replace(failing=run.failing - regulars) for run in runs]


def _around(runs: Sequence[RunFailures], at: int) -> Sequence[RunFailures]:
    return runs[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]


def _is_far_more(run: RunFailures, around: Sequence[RunFailures]) -> bool:
    shares = [each.share for each in around]
    typical = median(shares)
    scatter = _NORMAL * median(abs(share - typical) for share in shares)
    # What chance alone does to the share, where the neighbours happen to agree.
    chance = sqrt(typical * (1 - typical) / run.tests)
    excess = run.share - typical
    return excess > max(LEAST_SHARE, DEVIATIONS * max(scatter, chance)) and excess * run.tests >= LEAST_TESTS


def _recurring(unusual: Mapping[int, frozenset[str]], at: int, tests: int) -> frozenset[str]:
    """Return the tests that failed in a suspected run and in others like it; none where that is too many."""
    failing = unusual[at]
    if len(failing) > MOST_GROUP * tests:
        return frozenset()
    alike = [other for other in unusual.values() if _are_alike(failing, other, tests)]
    counted = Counter(test for other in alike for test in failing & other)
    least = max(LEAST_RECURRENCES, len(alike) / 2)
    return frozenset(test for test, count in counted.items() if count >= least)


def _are_alike(one: frozenset[str], other: frozenset[str], tests: int) -> bool:
    return phi(len(one), len(other), len(one & other), tests) >= LEAST_SAMENESS


def _typically_failing(runs: Sequence[RunFailures], at: int, suspected: set[int]) -> set[str]:
    """Return the tests that fail in most runs around one, suspected ones aside."""
    near = range(max(0, at - NEIGHBOURS), min(len(runs), at + NEIGHBOURS + 1))
    calm = [runs[each] for each in near if each not in suspected]
    counted = Counter(test for run in calm for test in run.failing)
    return {test for test, count in counted.items() if 2 * count > len(calm)}
