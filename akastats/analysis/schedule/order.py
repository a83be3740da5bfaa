"""Order tests so that the longest start first, without more setups of shared fixtures than before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def sort_longest_first(
    seconds: Sequence[float], instances: Sequence[frozenset[str]], workers: int = 0, dist: str = "no"
) -> list[int]:
    """Return the positions of the tests in the order in which they should run.

    Neighbours that share a value of a fixture stay together, in their order. These groups are sorted by their
    total duration. Workers of `load` and `worksteal` begin with consecutive tests. For them, the first groups are
    distributed so that each worker begins with the same total duration.

    seconds: expected duration of each test, in collection order
    instances: values of shared fixtures that each test uses; equal texts stand for the same value
    """
    groups = _group_neighbours(instances)
    groups.sort(key=lambda group: -sum(seconds[at] for at in group))
    shares = _count_first(len(seconds), workers, dist)
    if not shares:
        return [at for group in groups for at in group]
    first, rest = _distribute(groups, seconds, workers, shares)
    return [at for group in (*first, *rest) for at in group]


def _group_neighbours(instances: Sequence[frozenset[str]]) -> list[list[int]]:
    """Return the positions of tests in groups of neighbours, each of which shares a value with the next one."""
    groups = [[0]] if instances else []
    for at, (before, values) in enumerate(pairwise(instances), 1):
        if before & values:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _count_first(tests: int, workers: int, dist: str) -> int:
    """Return the number of tests with which each worker begins; 0 if the order alone decides."""
    if workers < 2 or tests < 2 * workers:
        return 0
    # As the schedulers of pytest-xdist: a quarter of the even share, or all of it.
    return {"load": max(2, tests // workers // 4), "worksteal": tests // workers}.get(dist, 0)


def _distribute(
    groups: Sequence[list[int]], seconds: Sequence[float], workers: int, size: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Return groups with `size` tests per worker and similar total durations, worker by worker; and the others."""
    shares: list[list[list[int]]] = [[] for _ in range(workers)]
    totals, free = [0.0] * workers, [size] * workers
    rest = []
    for group in groups:
        fitting = [worker for worker in range(workers) if free[worker] >= len(group)]
        if not fitting:
            rest.append(group)
            continue
        worker = min(fitting, key=totals.__getitem__)
        shares[worker].append(group)
        totals[worker] += sum(seconds[at] for at in group)
        free[worker] -= len(group)
    return [group for share in shares for group in share], rest
