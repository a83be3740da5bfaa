"""Measure garbage collections of this process, with a callback that CPython calls before and after each.

Tests may clear `gc.callbacks`, call `gc.freeze` or disable the collector. Then nothing more is measured, and
nothing else changes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from pytest_akastats import clocks

# Refer to the list at import, because tests may patch `gc`.
_callbacks = gc.callbacks


class GarbageTimer:
    """Adds up the seconds and the number of garbage collections.

    seconds, passes: since the last call of `take`.
    total, total_passes: since the start, until the last call of `take`.
    """

    __slots__ = ("_began", "_callback", "passes", "seconds", "total", "total_passes")

    def __init__(self, clock: Callable[[], float] = clocks.perf_counter) -> None:
        self.seconds = self.total = 0.0
        self.passes = self.total_passes = 0
        self._began = began = 0.0

        # A closure takes fewer instructions than a method, and a process has thousands of collections.
        def note(phase: str, info: object) -> None:
            nonlocal began
            try:
                if phase == "start":
                    began = clock()
                elif began:
                    self.seconds += clock() - began
                    self.passes += 1
            except Exception:
                # This collection is not measured. pytest would report the error as a warning.
                pass

        self._callback = note

    def start(self) -> None:
        """Start measuring."""
        _callbacks.append(self._callback)

    def stop(self) -> None:
        """Stop measuring."""
        try:
            _callbacks.remove(self._callback)
        except Exception:
            # Tests may have removed the callback.
            pass

    @property
    def is_active(self) -> bool:
        """Return whether collections are measured, so that the totals are complete."""
        return self._callback in _callbacks

    def take(self) -> tuple[float, int]:
        """Return seconds and number of the collections since the last call."""
        taken = (self.seconds, self.passes)
        self.total, self.total_passes = self.total + self.seconds, self.total_passes + self.passes
        self.seconds, self.passes = 0.0, 0
        return taken
