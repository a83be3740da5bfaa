"""Find tests that fail together and so have a common cause."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from akastats.analysis.flakiness.agreement import phi

#: Minimum number of common failures of two tests: 2 of 200 occur by chance once in 20,000 pairs, 3 never.
MIN_TOGETHER = 3
#: Minimum phi coefficient of two tests of a cluster.
MIN_CORRELATION = 0.5


def clusters(failures: Mapping[str, Collection[str]], runs: Collection[str]) -> list[tuple[str, ...]]:
    """Return groups of at least two tests that fail in the same runs, largest first.

    `failures` has the runs in which each test failed. A test joins the group whose most frequently failing test it
    agrees with best. Takes time proportional to tests times groups: pass the flaky tests, not the suite.
    """
    bits = {run: 1 << at for at, run in enumerate(runs)}
    masks = {test: sum(bits[run] for run in set(failed) if run in bits) for test, failed in failures.items()}
    groups: dict[str, list[str]] = {}
    for test in sorted(masks, key=lambda test: (-masks[test].bit_count(), test)):
        agreement = {first: _agreement(masks[first], masks[test], len(bits)) for first in groups}
        closest = max(agreement, key=agreement.__getitem__, default=None)
        if closest is not None and agreement[closest] >= MIN_CORRELATION:
            groups[closest].append(test)
        else:
            groups[test] = [test]
    together = [tuple(group) for group in groups.values() if len(group) > 1]
    return sorted(together, key=len, reverse=True)


def _agreement(one: int, other: int, runs: int) -> float:
    """Return the phi coefficient of two bit sets of runs; 0 if they share too few."""
    both = (one & other).bit_count()
    if both < MIN_TOGETHER:
        return 0.0
    return phi(one.bit_count(), other.bit_count(), both, runs)
