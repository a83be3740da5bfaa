"""Record the moments of this process: when it started, was configured, collected tests and ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from pytest_akastats import clocks

#: Moments of a process in microseconds since the epoch, and durations in microseconds, by column of the profile;
#: process id, 0 if it was taken before.
Times = tuple[Mapping[str, int], Mapping[str, int], int]


class ProcessTimes:
    """Collects the moments and durations of this process."""

    __slots__ = ("_clock", "_durations", "_epoch", "_moments", "_pid", "_waited_s")

    def __init__(self, epoch: float, clock: Callable[[], float] = clocks.perf_counter) -> None:
        """Measure with `clock`; `epoch` is the wall time minus this clock in seconds."""
        self._epoch, self._clock = epoch, clock
        self._moments: dict[str, int] = {}
        self._durations: dict[str, int] = {}
        self._waited_s = 0.0
        self._pid = os.getpid()

    def note_configuration(self, conftest_s: float) -> None:
        """Note that pytest is configured, and the seconds that it imported conftest files and plugins."""
        started = read_start(self._epoch + self._clock())
        if started is not None:
            self._moments["start"] = int(started * 1e6)
        self._durations["conftest"] = int(conftest_s * 1e6)
        self.note("configured")

    def note(self, name: str) -> None:
        """Note that the moment `name` is now."""
        self._moments[name] = int((self._epoch + self._clock()) * 1e6)

    def add_wait(self, seconds: float) -> None:
        """Add seconds in which this process had no test to run."""
        self._waited_s += seconds
        self._durations["wait"] = int(self._waited_s * 1e6)

    def set_duration(self, name: str, value: int) -> None:
        """Set a duration in microseconds, or a count."""
        self._durations[name] = value

    def take(self) -> Times | tuple[()]:
        """Remove and return the readings since the last call; empty if there are none."""
        if not (self._moments or self._durations):
            return ()
        taken = (self._moments, self._durations, self._pid)
        self._moments, self._durations, self._pid = {}, {}, 0
        return taken


def read_start(now: float) -> float | None:
    """Return the start of this process in epoch seconds, exact to 10 ms; `None` if the system hides it.

    now: the true wall time in epoch seconds
    """
    if not sys.platform.startswith("linux"):
        return None
    try:
        with open("/proc/self/stat", "rb") as file:
            # The program's name, in parentheses, may contain blanks. The start time is the 22nd field.
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        age = clocks.read_uptime() - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return now - max(0.0, age)
