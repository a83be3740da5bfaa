"""Levels of a series: detection, position and false positives."""

from __future__ import annotations

import random
from math import isclose, log

import pytest

from akastats.analysis.durations.changepoints import (
    MIN_AFTER,
    MIN_BEFORE,
    Limits,
    best_split,
    shifts,
    spread_of,
    upper_tail,
    without_outliers,
)

LIMITS = Limits()


def noisy(seed: int, *levels: tuple[int, float], deviation: float = 0.1) -> list[float]:
    """Return a series with a number of points at each level, with noise."""
    chance = random.Random(seed)
    return [level + chance.gauss(0, deviation) for count, level in levels for _ in range(count)]


@pytest.mark.parametrize(
    ("t", "freedom", "p"),
    [(2.306, 8, 0.025), (4.501, 8, 0.001), (2.042, 30, 0.025), (3.646, 30, 0.0005), (2.626, 100, 0.005)],
)
def test_students_tail_is_that_of_the_tables(t, freedom, p):
    """Wallace's approximation agrees with tabulated quantiles within 4 %."""
    assert isclose(p, upper_tail(t, freedom), rel_tol=0.04)


def test_students_tail_of_a_negative_value_is_the_rest():
    """The two tails sum to one."""
    assert isclose(1.0, upper_tail(-2.0, 20) + upper_tail(2.0, 20))


def test_energy_splits_where_the_level_changes():
    """The largest energy distance is at the step."""
    assert 20 == best_split(noisy(1, (20, 0.0), (12, 1.0)))


def test_energy_is_that_of_the_formula():
    """The running sums give the same position as the formula of Matteson and James."""
    values = noisy(3, (14, 0.0), (9, 0.15))

    assert max(range(MIN_AFTER, len(values) - MIN_AFTER + 1), key=lambda m: energy(values, m)) == best_split(
        values
    )


def energy(values: list[float], m: int) -> float:
    """Return Q of the values before position `m` and from there on."""
    left, right = values[:m], values[m:]

    def distance(some: list[float], others: list[float]) -> float:
        return sum(abs(one - other) for one in some for other in others)

    n = len(right)
    between = 2 * distance(left, right) / (m * n)
    within = distance(left, left) / (m * (m - 1)) + distance(right, right) / (n * (n - 1))
    return m * n / (m + n) * (between - within)


def test_step_is_detected_at_its_position():
    """One step is one shift with its size and position, inside of its interval."""
    (shift,) = shifts(noisy(2, (60, 0.0), (40, log(1.5))), LIMITS)

    assert abs(shift.position - 60) <= 1
    assert shift.first <= 60 <= shift.last
    assert abs(shift.after - shift.before - log(1.5)) < 3 * shift.error
    assert 100 - shift.position == shift.points


@pytest.mark.parametrize("count", [49, 50, 74, 75, 76, 99, 100, 101, 126])
def test_step_is_detected_at_any_position(count):
    """Every position is inside of a window, for any number of points."""
    positions = range(MIN_BEFORE, count - MIN_AFTER)

    assert [[position] for position in positions] == [
        [shift.position for shift in shifts([0.0] * position + [1.0] * (count - position), LIMITS)]
        for position in positions
    ]


def test_newest_level_is_compared_with_more_than_a_window():
    """Five new points of 126, 2.5 deviations higher, are detected in 155 of 200 series."""
    series = [noisy(seed, (121, 0.0), (5, 0.25)) for seed in range(200)]

    assert 155 <= sum(abs(shift.position - 121) <= 2 for values in series for shift in shifts(values, LIMITS))


def test_step_up_and_down_are_two():
    """A series that returns to its old level has two shifts."""
    changes = shifts(noisy(4, (50, 0.0), (40, 0.6), (80, 0.0)), LIMITS)

    assert [True, False] == [shift.after > shift.before for shift in changes]


@pytest.mark.parametrize("count", range(MIN_BEFORE + MIN_AFTER))
def test_short_series_has_no_levels(count):
    """A series with fewer than 11 points has no shift."""
    values = [float(at > count // 2) for at in range(count)]

    assert shifts(values, LIMITS) == ()


def test_a_short_first_level_hides_no_later_change():
    """If the first six points have another level, later changes are still detected."""
    changes = shifts(noisy(5, (6, 0.0), (20, 2.0), (7, 3.0)), LIMITS)

    assert [6, 26] == [shift.position for shift in changes]
    assert all(
        isclose(expected, level, abs_tol=0.15)
        for expected, level in zip((0, 2, 2, 3), (changes[0][3:5] + changes[1][3:5]), strict=True)
    )


def test_a_change_is_reported_at_the_position_where_it_is_large_enough():
    """Of three levels only the last one differs enough, so the shift is there and not at the best split."""
    (shift,) = shifts(noisy(7, (200, 0.0), (250, 0.046), (10, -0.085), deviation=0.02), LIMITS)

    assert 450 == shift.position
    assert isclose(-0.11, shift.after - shift.before, abs_tol=0.02)


def test_two_short_levels_are_not_enough():
    """Seven points are not enough for either of two levels."""
    assert not shifts(noisy(6, (5, 0.0), (7, 2.0)), LIMITS)
    assert shifts(noisy(6, (5, 0.0), (8, 2.0)), LIMITS)


def test_noise_has_no_levels():
    """200 series of 200 points of noise have no shift."""
    assert [] == [seed for seed in range(200) if shifts(noisy(seed, (200, 0.0)), LIMITS)]


@pytest.mark.parametrize("value", [0.0, -3.5])
def test_constant_series_has_no_levels(value):
    """A deviation of zero causes no division by zero."""
    assert shifts([value] * 50, LIMITS) == ()


def test_one_step_of_a_coarse_clock_is_no_change():
    """A difference below the least shift is not reported, even in a constant series."""
    assert shifts([0.0] * 30 + [0.09] * 30, LIMITS) == ()


def test_outliers_in_a_row_are_no_level():
    """Three consecutive slow runs are outliers, also at the end."""
    values = noisy(6, (100, 0.0))
    values[40:43] = [1.2, 1.5, 1.1]
    values[97:100] = [1.2, 1.5, 1.1]

    assert shifts(values, LIMITS) == ()


def test_four_points_of_a_new_level_stay():
    """The removal of outliers keeps a step if four of seven points have the new level."""
    values = [0.0] * 20 + [1.0] * 4

    assert values == without_outliers(values, 0.1)


def test_spread_is_not_moved_by_a_step():
    """The noise is measured between neighbours, so a step does not increase it."""
    quiet, stepped = noisy(8, (200, 0.0)), noisy(8, (100, 0.0), (100, 2.0))

    assert isclose(spread_of(quiet), spread_of(stepped), rel_tol=0.05)
