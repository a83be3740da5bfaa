"""`timer()`: with a clock that is handed in."""

from __future__ import annotations

import time
from itertools import islice

from akastats import timer


def test_stat_is_since_the_last_look_and_total_since_the_start():
    """Each look gives the seconds since the one before, and since the timer was made."""
    clock = iter([10.0, 11.0, 14.0]).__next__

    looks = list(islice(timer(clock), 2))

    assert [(look.stat, look.total) for look in looks] == [(1.0, 1.0), (3.0, 4.0)]


def test_the_timer_starts_when_it_is_made():
    """What happens before the first look is measured."""
    readings = [5.0, 7.5]

    started = timer(lambda: readings.pop(0))

    assert len(readings) == 1
    assert next(started).stat == 2.5


def test_a_wall_clock_that_goes_back_is_not_felt(monkeypatch):
    """The clock is monotonic: setting the time back makes no negative stat."""
    measured = timer()
    monkeypatch.setattr(time, "time", lambda: 0.0)

    assert next(measured).stat >= 0
