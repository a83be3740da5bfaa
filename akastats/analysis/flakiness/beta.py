"""Compute the Beta distribution for failure rates, without a numeric library."""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p

_TINY = 1e-300
_CLOSE = 1e-14
# 300 terms reach 1e-14 for counts up to about 10,000; histories have hundreds.
_MOST_TERMS = 300
# Halving [0, 1] 50 times leaves 1e-15.
_HALVINGS = 50


def log_beta(a: float, b: float) -> float:
    """Return ln B(a, b)."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def share_below(x: float, a: float, b: float) -> float:
    """Return the probability of a Beta(a, b) value below `x`: the regularised incomplete beta function."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    # The fraction converges fast only below the mean; symmetry gives the other side (DLMF 8.17.4).
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - share_below(1.0 - x, b, a)
    return exp(a * log(x) + b * log1p(-x) - log_beta(a, b)) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of DLMF 8.17.22 by Lentz's method (1976)."""
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, _MOST_TERMS):
        factor = _coefficient(term, x, a, b)
        lower = 1.0 / ((1.0 + factor * lower) or _TINY)
        upper = (1.0 + factor / upper) or _TINY
        value *= upper * lower
        if abs(upper * lower - 1.0) < _CLOSE:
            break
    return 1.0 / value


def _coefficient(term: int, x: float, a: float, b: float) -> float:
    half, odd = divmod(term, 2)
    if odd:
        return -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
    return half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))


@lru_cache(maxsize=4096)
def quantile(share: float, a: float, b: float) -> float:
    """Return the value below which `share` of a Beta(a, b) lies."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if share_below(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
