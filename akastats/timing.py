"""`timer()`: seconds between calls, measured with a monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple


class TimerStat(NamedTuple):
    """Times of a timer.

    stat: seconds since the last `next()`.
    total: seconds since the timer was created.
    """

    stat: float
    total: float


def timer(clock: Callable[[], float] = time.perf_counter) -> Iterator[TimerStat]:
    """Start a timer; each `next()` on it returns a `TimerStat`."""
    # The clock is read here, not at the first `next()`, so that the timer starts when it is created.
    return _read_clock(clock, clock())


def _read_clock(clock: Callable[[], float], start: float) -> Iterator[TimerStat]:
    last = start
    while True:
        now = clock()
        yield TimerStat(now - last, now - start)
        last = now
