"""Which tests fail together, and so for one reason. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from akastats.analysis.flakiness.agreement import phi

#: Runs in which two tests must both have failed: two of 200 agree by chance once in 20,000 pairs, three never do.
LEAST_TOGETHER = 3
#: How closely they must agree, as `phi`.
LEAST_CORRELATION = 0.5


def clusters(failures: Mapping[str, Collection[str]], runs: Collection[str]) -> list[tuple[str, ...]]:
    """Return the groups of tests that fail in the same of `runs`, largest first; who fails alone is in none.

    `failures` holds the runs in which each test failed. A test joins the group whose most often failing test it
    agrees with best. Takes time by tests times groups: give it the flaky ones, not the suite.
    """
    bits = {run: 1 << at for at, run in enumerate(runs)}
    masks = {test: sum(bits[run] for run in set(failed) if run in bits) for test, failed in failures.items()}
    groups: dict[str, list[str]] = {}
    for test in sorted(masks, key=lambda test: (-masks[test].bit_count(), test)):
        agreeing = {first: _agreement(masks[first], masks[test], len(bits)) for first in groups}
        closest = max(agreeing, key=agreeing.__getitem__, default=None)
        if closest is not None and agreeing[closest] >= LEAST_CORRELATION:
            groups[closest].append(test)
        else:
            groups[test] = [test]
    together = [tuple(group) for group in groups.values() if len(group) > 1]
    return sorted(together, key=len, reverse=True)


def _agreement(one: int, other: int, runs: int) -> float:
    """Return how far two sets of runs agree, given as bits; 0 where they share too few."""
    both = (one & other).bit_count()
    if both < LEAST_TOGETHER:
        return 0.0
    return phi(one.bit_count(), other.bit_count(), both, runs)
