"""The pace of runs: what all tests share."""

from __future__ import annotations

import random
from math import log

from akastats.analysis.durations.machine_speed import MIN_TESTS, log_factors, sample, zeros_if_none


def suite(factors: list[float], *, tests: int, own: float = 0.0) -> list[tuple[range, list[float]]]:
    """Logarithms of tests that follow the factors, each with its own base and noise."""
    chance = random.Random(1)
    shared = [log(factor) for factor in factors]
    return [
        (range(len(shared)), [base + value + chance.gauss(0, own) for value in shared])
        for base in (chance.uniform(-3, 2) for _ in range(tests))
    ]


def test_what_all_share_is_the_pace():
    """A run twice as slow for everybody has the pace of log 2."""
    found = log_factors(suite([1.0] * 20 + [2.0], tests=15), 21)

    assert [0.0] * 20 == [round(pace, 9) for pace in found[:20]]
    assert round(log(2), 9) == round(found[20], 9)


def test_what_one_test_does_is_no_pace():
    """One test of many that doubles does not move the run's pace."""
    tests = suite([1.0] * 30, tests=15)
    tests[0][1][15:] = [value + log(2) for value in tests[0][1][15:]]

    assert all(abs(pace) < 1e-9 for pace in log_factors(tests, 30))


def test_run_of_few_known_tests_has_no_pace():
    """Of a run with fewer than ten known tests nothing is told, while others have one."""
    tests = [(runs[:-1], logs[:-1]) for runs, logs in suite([1.0] * 20, tests=MIN_TESTS)]

    assert [False] * 19 + [True] == [pace is None for pace in log_factors(tests, 20)]


def test_small_suite_has_the_clock_for_its_pace():
    """Where no run has ten known tests, none has a pace and nothing is taken out of its durations."""
    found = log_factors(suite([1.0] * 10 + [2.0] * 10, tests=MIN_TESTS - 1), 20)

    assert [None] * 20 == found
    assert [0.0] * 20 == zeros_if_none(found)


def test_no_tests_no_runs():
    """Nothing gives nothing."""
    assert [] == log_factors([], 0)


def test_sample_is_bounded_and_even():
    """At most a thousand of many, from the whole range, and all of few."""
    labels = [str(number) for number in range(2500)]

    assert 1000 >= len(sample(labels)) >= 800
    assert "2499" == sample(labels)[-1]
    assert labels[:7] == sample(labels[:7])
    assert [] == sample([])
