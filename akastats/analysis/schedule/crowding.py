"""How many tests shared each CPU while a test ran."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, pairwise

from akastats.model.profile import TestColumns


def measure_crowding(tests: TestColumns, cpus: int) -> list[float]:
    """Return the mean number of running tests per CPU during each attempt, at least 1."""
    spans = [
        (start, start + setup + call + teardown)
        for start, setup, call, teardown in zip(tests.start, tests.setup, tests.call, tests.teardown, strict=True)
    ]
    if len(set(tests.worker)) <= cpus:
        return [1.0] * len(spans)
    changes = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    times = [time for time, _ in changes]
    running = accumulate(change for _, change in changes)
    crowded = (
        (after - before) * max(1.0, number / cpus)
        for (before, after), number in zip(pairwise(times), running, strict=False)
    )
    integral = [0.0, *accumulate(crowded)]

    def integrate(time: int) -> float:
        return integral[bisect_left(times, time)]

    return [(integrate(end) - integrate(start)) / (end - start) if end > start else 1.0 for start, end in spans]
