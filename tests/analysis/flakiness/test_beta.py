"""The Beta distribution, compared with closed forms and its own laws."""

from __future__ import annotations

from math import comb, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akastats.analysis.flakiness.beta import quantile, share_below


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 5), (30, 4), (1, 400), (200, 201)])
@pytest.mark.parametrize("x", [0.001, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_integer_parameters_are_a_binomial(a, b, x):
    """With integer parameters the share is a sum of binomial terms."""
    n = a + b - 1
    expected = sum(comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a, n + 1))

    assert share_below(x, a, b) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("angle", [0.01, 0.3, 0.78, 1.2, 1.56])
def test_jeffreys_is_an_arcsine(angle):
    """Beta(1/2, 1/2) is the arcsine distribution."""
    assert share_below(sin(angle) ** 2, 0.5, 0.5) == pytest.approx(2 * angle / pi, abs=1e-12)


@pytest.mark.parametrize(("x", "expected"), [(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (2.0, 1.0)])
def test_ends(x, expected):
    """The share below 0 is 0, and the share below 1 is 1."""
    assert share_below(x, 0.3, 0.5) == expected


@given(
    st.floats(0.001, 0.999),
    st.integers(0, 5000).map(lambda failed: 0.3 + failed),
    st.integers(0, 5000).map(lambda passed: 0.5 + passed),
)
def test_a_quantile_has_its_share_below_it(share, a, b):
    """Quantile and share are inverse, for any counts."""
    value = quantile(share, a, b)

    # Near 0 and 1 a step of the smallest number may be a jump.
    assert share_below(value - 1e-12, a, b) - 1e-6 <= share <= share_below(value + 1e-12, a, b) + 1e-6
