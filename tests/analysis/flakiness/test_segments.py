"""Segments of a history, in which the failure rate is constant."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akastats.analysis.flakiness.segments import (
    CHANGE_PRIOR,
    FAILED_PRIOR,
    STILL_FAILING_PRIOR,
    Trial,
    divide,
    log_likelihood,
)

PASSED, FAILED = Trial(False), Trial(True)
TRIALS = (PASSED, FAILED, Trial(True, True, True), Trial(True, True, False))


def score(trials, cuts):
    """Return the score of a division, calculated directly."""
    bounds = [0, *cuts, len(trials)]
    total = len(cuts) * log(CHANGE_PRIOR)
    for start, stop in pairwise(bounds):
        part = trials[start:stop]
        repeated = [trial for trial in part if trial.repeated]
        total += log_likelihood(sum(trial.failed for trial in part), len(part), FAILED_PRIOR)
        total += log_likelihood(sum(trial.still_failing for trial in repeated), len(repeated), STILL_FAILING_PRIOR)
    return total


@pytest.mark.parametrize(
    ("trials", "lengths"),
    [
        ([], []),
        ([PASSED], [1]),
        ([PASSED] * 200, [200]),
        ([PASSED] * 100 + [FAILED] * 3, [100, 3]),
        ([PASSED] * 100 + [FAILED] * 2, [102]),
        ([PASSED] * 100 + [FAILED] * 8 + [PASSED] * 92, [100, 8, 92]),
        ([PASSED] * 50 + [FAILED, PASSED] * 20, [50, 40]),
        ([PASSED, FAILED] * 50, [100]),
    ],
)
def test_stretches(trials, lengths):
    """A segment ends where the rate changes more than by chance, also around a breakage."""
    assert [len(stretch) for stretch in divide(trials)] == lengths


@given(st.lists(st.sampled_from(TRIALS), min_size=1, max_size=60))
def test_stretches_cover_all(trials):
    """Every trial is in exactly one segment, in order."""
    assert [at for stretch in divide(trials) for at in stretch] == list(range(len(trials)))


@given(
    st.lists(st.sampled_from(TRIALS), min_size=2, max_size=9).map(
        lambda few: [each for each in few for _ in "1234"]
    )
)
def test_no_division_is_better(trials):
    """No division with up to two cuts has a higher score."""
    divided = score(trials, [stretch.start for stretch in divide(trials)][1:])

    positions = range(1, len(trials))
    best = max(score(trials, cuts) for count in range(3) for cuts in combinations(positions, count))

    assert divided >= best - 1e-9
