"""Which runs are no evidence about any one test, since far more failed in them than usual. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import NamedTuple

#: Runs to either side from which the suite's usual is learnt: its level may shift, a fortnight later or a year.
NEIGHBOURS = 20
#: Beyond the usual by so many standard deviations of it ...
DEVIATIONS = 5.0
# ... and by this share of the suite: between clusters of tests that fail together, whose mean size is 13.5
# (arXiv 2504.16777), and outages of 6 % of a suite, which unguarded make one healthy test in twenty look flaky.
LEAST_SHARE = 0.03
# ... and by so many tests: in a suite of ten each failing test is a tenth of it.
LEAST_TESTS = 3

# A normal distribution's standard deviation, in median absolute deviations.
_NORMAL = 1.4826


class RunTotals(NamedTuple):
    """How many tests ran in a run, and in how many some attempt failed."""

    run: str
    tests: int
    failing: int


def outages(totals: Sequence[RunTotals]) -> frozenset[str]:
    """Return the ids of the runs in which far more failed than in the runs around them, given in time order.

    "Far more" is relative to the suite's own usual there (median and its deviation): an outage of 6 % is seen in a
    suite of which 1 % fails, and none in one of which half fails now and then. With fewer than 5 runs nothing is
    usual: none.
    """
    run_totals = [each for each in totals if each.tests > 0]
    if len(run_totals) < 5:
        return frozenset()
    shares = [each.failing / each.tests for each in run_totals]
    return frozenset(
        each.run
        for at, each in enumerate(run_totals)
        if _is_outage(each, shares[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1])
    )


def _is_outage(run: RunTotals, around: Sequence[float]) -> bool:
    usual = median(around)
    scatter = _NORMAL * median(abs(share - usual) for share in around)
    # What chance alone does to the share, where the neighbours happen to agree.
    chance = sqrt(usual * (1 - usual) / run.tests)
    excess = run.failing / run.tests - usual
    return excess > max(LEAST_SHARE, DEVIATIONS * max(scatter, chance)) and excess * run.tests >= LEAST_TESTS
