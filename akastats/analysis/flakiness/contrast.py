"""Find what precedes failing attempts of a test more often than passing ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import comb

#: A difference is reported up to this p-value, divided among all candidates of a test (Bonferroni).
MAX_CHANCE = 0.05


@dataclass
class Contrast:
    """Counts of the tests that ran directly before the failing and the passing attempts of a test.

    failing: counts before failing attempts
    passing: counts before passing attempts
    """

    failing: Counter[str] = field(default_factory=Counter)
    passing: Counter[str] = field(default_factory=Counter)

    def add(self, before: str, has_failed: bool) -> None:
        """Count one attempt; `before` is empty for the first test of a worker."""
        (self.failing if has_failed else self.passing)[before] += 1

    def significant(self, size: int) -> tuple[tuple[str, int], ...]:
        """Return the tests that precede failing attempts more often than by chance, each with its count.

        At most `size` tests, the most frequent first. Empty if the order of tests is fixed, because the same test
        then also precedes passing attempts.
        """
        failed, passed = self.failing.total(), self.passing.total()
        candidates = [name for name in self.failing if name]
        return tuple(
            (name, count)
            for name, count in self.failing.most_common()
            if name and chance_of(count, failed, self.passing[name], passed) * len(candidates) <= MAX_CHANCE
        )[:size]


def chance_of(one: int, of_one: int, other: int, of_other: int) -> float:
    """Return the one-sided p-value of Fisher's exact test for `one` or more occurrences among `of_one`."""
    both, total = one + other, of_one + of_other
    ways = sum(comb(of_one, k) * comb(of_other, both - k) for k in range(one, min(both, of_one) + 1))
    return ways / comb(total, both)
