"""Measure how many tests shared each CPU while a test ran."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from akastats.model.profile import TestColumns

# Maximum microseconds between two tests in which pytest reports the first test, and so computes.
MAX_AROUND_US = 10_000


# Additional time of many processes that take turns on a CPU, as a share of their time. With four workers on two
# CPUs, tests of attrs took 1.2 times their CPU time divided by the number of CPUs.
TURNS = 0.35


def take_turns(processes: float, cpus: int) -> float:
    """Return the factor by which sharing some CPUs slows processes down, at least 1."""
    return max(1.0, processes / cpus) * (1.0 + TURNS * max(0.0, 1.0 - cpus / processes)) if processes else 1.0


def share_cpus(computing: int, controller: float, cpus: int) -> float:
    """Return the factor by which sharing the CPUs slows tests down while some workers compute, at least 1.

    computing: number of workers that compute
    controller: number of CPUs that the main process needs to report the tests of each of them; at most 1 in total
    """
    turns = take_turns(computing, cpus) * cpus if computing > cpus else computing
    return max(1.0, (turns + min(1.0, computing * controller)) / cpus)


def measure_crowding(tests: TestColumns, cpus: int, controller: float = 0.0) -> list[float]:
    """Return the mean of `share_cpus` during each attempt."""
    spans = [
        (start, start + setup + call + teardown)
        for start, setup, call, teardown in zip(tests.start, tests.setup, tests.call, tests.teardown, strict=True)
    ]
    if set(tests.worker) == {""} or share_cpus(len(set(tests.worker)), controller, cpus) == 1.0:
        return [1.0] * len(spans)
    changes = sorted(_list_changes(tests.worker, spans))
    times = [time for time, _ in changes]
    running = accumulate(change for _, change in changes)
    crowded = (
        (after - before) * share_cpus(number, controller, cpus)
        for (before, after), number in zip(pairwise(times), running, strict=False)
    )
    integral = [0.0, *accumulate(crowded)]

    def integrate(time: int) -> float:
        return integral[bisect_left(times, time)]

    return [(integrate(end) - integrate(start)) / (end - start) if end > start else 1.0 for start, end in spans]


def _list_changes(workers: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each attempt, with the change of the number of workers that compute."""
    by_worker: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for worker, span in zip(workers, spans, strict=True):
        by_worker[worker].append(span)
    for attempts in by_worker.values():
        attempts.sort()
        yield attempts[0][0], 1
        for (_, end), (start, _) in pairwise(attempts):
            is_computing = start - end < MAX_AROUND_US
            yield end, 0 if is_computing else -1
            yield start, 0 if is_computing else 1
        yield attempts[-1][1], -1
