"""Tests and workers that coincide with failures."""

from __future__ import annotations

import pytest

from akastats.analysis.flakiness.contrast import Contrast, chance_of


@pytest.mark.parametrize(
    ("counts", "chance"),
    [((4, 4, 0, 12), 1 / 1820), ((4, 4, 12, 12), 1.0), ((1, 4, 0, 12), 0.25), ((0, 4, 3, 12), 1.0)],
)
def test_chance(counts, chance):
    """Fisher's exact test, one-sided: there are 1,820 ways to choose 4 of 16 attempts."""
    assert chance_of(*counts) == pytest.approx(chance)


def contrast(failing, passing):
    """Return a contrast of these names before failing and passing attempts."""
    contrast_of_names = Contrast()
    for names, has_failed in ((failing, True), (passing, False)):
        for name in names:
            contrast_of_names.add(name, has_failed)
    return contrast_of_names


def test_a_name_before_failing_and_passing_attempts_is_no_contrast():
    """The order is fixed, or the other test runs before all tests."""
    assert contrast("xxxx", "x" * 12).significant(3) == ()
    assert contrast("abcd", "e" * 12).significant(3) == ()
    assert contrast(["", "", "", ""], ["e"] * 12).significant(3) == ()


def test_a_name_before_failing_attempts_only_is_a_contrast():
    """With its number of occurrences."""
    assert contrast("xxxxa", "e" * 12).significant(3) == (("x", 4),)


def test_many_candidates_need_a_stronger_contrast():
    """Of 40 tests in random order, one runs twice before a failure by chance."""
    assert contrast("xx", "e" * 10).significant(3) == (("x", 2),)
    assert contrast("xx" + "abcdefghijklmnopqrstuvw", "0123456789" * 3).significant(3) == ()
