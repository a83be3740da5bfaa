"""The machine speed of runs: the factor that all tests share."""

from __future__ import annotations

import random
from math import log

from akastats.analysis.durations.machine_speed import MIN_TESTS, log_factors, sample, zeros_if_none


def suite(factors: list[float], *, tests: int, own: float = 0.0) -> list[tuple[range, list[float]]]:
    """Return logarithms of tests that follow the factors, each with its own base and noise."""
    chance = random.Random(1)
    shared = [log(factor) for factor in factors]
    return [
        (range(len(shared)), [base + value + chance.gauss(0, own) for value in shared])
        for base in (chance.uniform(-3, 2) for _ in range(tests))
    ]


def test_the_shared_factor_is_the_speed():
    """A run in which all tests take twice as long has the factor log 2."""
    factors = log_factors(suite([1.0] * 20 + [2.0], tests=15), 21)

    assert [0.0] * 20 == [round(factor, 9) for factor in factors[:20]]
    assert round(log(2), 9) == round(factors[20], 9)


def test_one_test_does_not_change_the_speed():
    """One of many tests that doubles does not change the factor of the run."""
    tests = suite([1.0] * 30, tests=15)
    tests[0][1][15:] = [value + log(2) for value in tests[0][1][15:]]

    assert all(abs(factor) < 1e-9 for factor in log_factors(tests, 30))


def test_a_run_of_few_tests_has_no_speed():
    """A run with fewer than ten tests that have a history has no factor; other runs have one."""
    tests = [(runs[:-1], logs[:-1]) for runs, logs in suite([1.0] * 20, tests=MIN_TESTS)]

    assert [False] * 19 + [True] == [factor is None for factor in log_factors(tests, 20)]


def test_a_small_suite_has_no_speed():
    """If no run has ten such tests, no run has a factor, and durations are not changed."""
    factors = log_factors(suite([1.0] * 10 + [2.0] * 10, tests=MIN_TESTS - 1), 20)

    assert [None] * 20 == factors
    assert [0.0] * 20 == zeros_if_none(factors)


def test_no_tests_no_runs():
    """Without tests and runs there are no factors."""
    assert [] == log_factors([], 0)


def test_sample_is_bounded_and_even():
    """The sample has at most 1,000 tests of the whole range, or all tests if there are few."""
    labels = [str(number) for number in range(2500)]

    assert 1000 >= len(sample(labels)) >= 800
    assert "2499" == sample(labels)[-1]
    assert labels[:7] == sample(labels[:7])
    assert [] == sample([])
