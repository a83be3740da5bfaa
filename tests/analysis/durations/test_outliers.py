"""Durations of one run that their own history does not explain."""

from __future__ import annotations

import random

import pytest

from akastats.analysis.durations.changes import Durations
from akastats.analysis.durations.outliers import MIN_RUNS, outliers


def series(*seconds: float) -> Durations:
    """Return the durations of a test that ran each time."""
    return Durations(range(len(seconds)), seconds)


def told(tests: dict[str, Durations], runs: int, **more):
    """Return what is reported of the last of these runs: node id, seconds, typical seconds."""
    factors = more.get("factors", [1.0] * runs)
    found = outliers(tests, factors, more.get("alike", [True] * runs), more.get("levels", {}))
    return [(each.nodeid, each.seconds, round(each.typical, 3)) for each in found]


CALM = (0.1, 0.102, 0.098, 0.101, 0.099) * 4


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_none(seed):
    """300 tests of 50 ms to 3 s with a noise of 5 to 20 %: by two single runs some 150 differ by 10 %."""
    chance = random.Random(seed)
    tests = {}
    for number in range(300):
        usual, noise = chance.uniform(0.05, 3), chance.uniform(0.05, 0.2)
        tests[f"t{number}"] = series(*(usual * chance.lognormvariate(0, noise) for _ in range(30)))

    assert told(tests, 30) == []


def test_what_exceeds_its_history_is_told():
    """Slower and faster, those that differ most first, with what is typical."""
    tests = {"slower": series(*CALM, 0.5), "faster": series(*CALM, 0.05), "same": series(*CALM, 0.12)}

    assert told(tests, 21) == [("slower", 0.5, 0.1), ("faster", 0.05, 0.1), ("same", 0.12, 0.1)]


def test_small_differences_are_none():
    """Less than 10 %, or less than 20 ms."""
    assert told({"a": series(*CALM, 0.119), "b": series(*(30 * each for each in CALM), 3.2)}, 21) == []


def test_what_happened_before_is_explained():
    """A test that hangs now and then hangs again."""
    assert told({"a": series(*CALM, 0.9, *CALM, 0.8)}, 42) == []


def test_a_short_history_explains_nothing_and_claims_nothing():
    """Ten earlier runs at least, in the same environment and at the present level."""
    short, enough = series(*CALM[: MIN_RUNS - 1], 0.5), series(*CALM[:MIN_RUNS], 0.5)

    assert told({"a": short}, MIN_RUNS) == []
    assert told({"a": enough}, MIN_RUNS + 1) == [("a", 0.5, 0.1)]
    assert told({"a": series(*CALM, 0.5)}, 21, alike=[False] * 15 + [True] * 6) == []
    assert told({"a": series(*CALM, 0.5)}, 21, levels={"a": 15}) == []


def test_a_slow_machine_makes_no_outlier():
    """The pace is taken out; what exceeds it is told at that pace."""
    tests = {"a": series(*CALM, 0.3), "b": series(*CALM, 0.9)}

    assert told(tests, 21, factors=[1.0] * 20 + [3.0]) == [("b", 0.9, 0.302)]


def test_a_test_that_did_not_run_is_none():
    """Its last duration is of an earlier run."""
    assert told({"a": series(*CALM, 0.5)}, 22) == []
