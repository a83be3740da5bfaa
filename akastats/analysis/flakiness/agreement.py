"""Measure how far two binary series agree beyond chance."""

from __future__ import annotations

from math import sqrt


def phi(one: int, other: int, both: int, of: int) -> float:
    """Return the phi coefficient of two sets of sizes `one` and `other` that share `both` of `of` elements.

    1 for equal sets; 0 if they share as much as by chance, or if one has every element. The overlap alone would
    mislead: two tests that each fail in 90 % of the runs share 81 % of them by chance.
    """
    spread = one * (of - one) * other * (of - other)
    return (of * both - one * other) / sqrt(spread) if spread > 0 else 0.0
