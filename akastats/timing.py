"""`timer()`: seconds between one look and the next, from a clock that never goes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple


class TimerStat(NamedTuple):
    """Seconds since the last look (`stat`) and since the timer was made (`total`)."""

    stat: float
    total: float


def timer(clock: Callable[[], float] = time.perf_counter) -> Iterator[TimerStat]:
    """Start a timer; each `next()` on it gives a `TimerStat`."""
    # The clock is read here, not at the first `next()`: the timer starts when it is made.
    return _looks(clock, clock())


def _looks(clock: Callable[[], float], start: float) -> Iterator[TimerStat]:
    last = start
    while True:
        now = clock()
        yield TimerStat(now - last, now - start)
        last = now
