"""Durations of one run that exceed the history of their test."""

from __future__ import annotations

import random

import pytest

from akastats.analysis.durations.changes import Durations
from akastats.analysis.durations.outliers import MIN_RUNS, outliers


def series(*seconds: float) -> Durations:
    """Return the durations of a test that ran each time."""
    return Durations(range(len(seconds)), seconds)


def reported(tests: dict[str, Durations], runs: int, **more):
    """Return the outliers of the last of these runs: node id, seconds, typical seconds."""
    factors = more.get("factors", [1.0] * runs)
    values = outliers(tests, factors, more.get("alike", [True] * runs), more.get("levels", {}))
    return [(each.nodeid, each.seconds, round(each.typical, 3)) for each in values]


CALM = (0.1, 0.102, 0.098, 0.101, 0.099) * 4


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_none(seed):
    """Of 300 tests of 50 ms to 3 s with 5 to 20 % noise, about 150 differ by 10 % between two runs."""
    chance = random.Random(seed)
    tests = {}
    for number in range(300):
        typical, noise = chance.uniform(0.05, 3), chance.uniform(0.05, 0.2)
        tests[f"t{number}"] = series(*(typical * chance.lognormvariate(0, noise) for _ in range(30)))

    assert reported(tests, 30) == []


def test_a_duration_outside_of_its_history_is_reported():
    """Slower and faster tests, with the typical duration; the largest difference first."""
    tests = {"slower": series(*CALM, 0.5), "faster": series(*CALM, 0.05), "same": series(*CALM, 0.12)}

    assert reported(tests, 21) == [("slower", 0.5, 0.1), ("faster", 0.05, 0.1), ("same", 0.12, 0.1)]


def test_small_differences_are_none():
    """Differences of less than 10 % or 20 ms are not reported."""
    assert reported({"a": series(*CALM, 0.119), "b": series(*(30 * each for each in CALM), 3.2)}, 21) == []


def test_what_happened_before_is_explained():
    """A test that hangs sometimes hangs again."""
    assert reported({"a": series(*CALM, 0.9, *CALM, 0.8)}, 42) == []


def test_a_short_history_explains_nothing_and_claims_nothing():
    """There must be ten earlier runs in the same environment and at the present level."""
    short, enough = series(*CALM[: MIN_RUNS - 1], 0.5), series(*CALM[:MIN_RUNS], 0.5)

    assert reported({"a": short}, MIN_RUNS) == []
    assert reported({"a": enough}, MIN_RUNS + 1) == [("a", 0.5, 0.1)]
    assert reported({"a": series(*CALM, 0.5)}, 21, alike=[False] * 15 + [True] * 6) == []
    assert reported({"a": series(*CALM, 0.5)}, 21, levels={"a": 15}) == []


def test_a_slow_machine_makes_no_outlier():
    """The machine speed is removed; typical durations are shown at the speed of the run."""
    tests = {"a": series(*CALM, 0.3), "b": series(*CALM, 0.9)}

    assert reported(tests, 21, factors=[1.0] * 20 + [3.0]) == [("b", 0.9, 0.302)]


def test_a_test_that_did_not_run_is_none():
    """Its last duration belongs to an earlier run."""
    assert reported({"a": series(*CALM, 0.5)}, 22) == []
