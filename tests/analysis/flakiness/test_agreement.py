"""Agreement of two sets beyond chance."""

from __future__ import annotations

import pytest

from akastats.analysis.flakiness.agreement import phi


def test_equal_sets_agree_completely() -> None:
    """Their coefficient is 1."""
    assert 1 == pytest.approx(phi(3, 3, 3, of=10))


def test_complementary_sets_disagree_completely() -> None:
    """Their coefficient is -1."""
    assert -1 == pytest.approx(phi(4, 6, 0, of=10))


def test_the_overlap_of_chance_is_no_agreement() -> None:
    """Two tests that each fail in 90 % of the runs share 81 % of them."""
    assert 0 == pytest.approx(phi(90, 90, 81, of=100))


@pytest.mark.parametrize(("one", "other", "both"), [(10, 3, 3), (3, 10, 3), (0, 3, 0), (0, 0, 0)])
def test_a_constant_series_agrees_with_none(one: int, other: int, both: int) -> None:
    """A set of all elements, or of none, says nothing about the other set."""
    assert 0 == phi(one, other, both, of=10)
