"""Histories of one test as text, with one letter per commit."""

from __future__ import annotations

from akastats.analysis.flakiness.classification import Vote

#: Attempts per letter, in order: `.` passed, `f` failed, `F` failed twice, `x` failed and then passed.
ATTEMPTS = {".": (False,), "f": (True,), "F": (True, True), "x": (True, False)}


def drawn(text: str) -> list[Vote]:
    """Return the votes of a history, with run `r0` on commit `c0` and so on."""
    return [
        Vote(f"r{at}", f"c{at}", failed, retried=attempt > 0)
        for at, letter in enumerate(text)
        for attempt, failed in enumerate(ATTEMPTS[letter])
    ]
