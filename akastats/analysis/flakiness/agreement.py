"""How far two yes-or-no series agree beyond chance. Pure."""

from __future__ import annotations

from math import sqrt


def phi(one: int, other: int, both: int, of: int) -> float:
    """Return the correlation of two sets of these sizes that share `both`, among `of` things.

    1 where they are the same, 0 where they share what chance lets them, or where one holds everything. The overlap
    alone would mislead: two tests that each fail in 90 % of the runs share 81 % of them by chance.
    """
    spread = one * (of - one) * other * (of - other)
    return (of * both - one * other) / sqrt(spread) if spread > 0 else 0.0
