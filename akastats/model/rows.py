"""A test's row in lists: made of the newest points of its history, and packed as it is stored. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite
from typing import NamedTuple

from akastats.errors import CorruptDataError
from akastats.model.stored_values import json_of, listed

#: How many points p50, p95 and the failure rate are of, and how many of them a list shows.
WINDOW, SHOWN = 100, 30

#: Letter of an outcome in a row, `?` for an attempt that has expired or that another writer pushed.
LETTERS = {"passed": "p", "failed": "f", "error": "e", "xfailed": "x", "xpassed": "X", "rerun": "r"}
OUTCOMES = {letter: outcome for outcome, letter in LETTERS.items()}
UNKNOWN = "?"
_FAILING = "fer"


class Attempt(NamedTuple):
    """One point of a test: its end in epoch seconds, seconds (`None` for no number), and its outcome's letter."""

    time: float
    seconds: float | None
    letter: str


@dataclass(frozen=True, slots=True)
class Row:
    """One test in lists: times in seconds, `outcomes` and `durations` newest first.

    `runs` counts all attempts ever, `failure_rate` is of the newest 100 whose outcome is known (`None`: of none).
    """

    runs: int
    failure_rate: float | None
    avg: float | None
    last: float | None
    p50: float | None
    p95: float | None
    last_time: float
    outcomes: str
    durations: tuple[float | None, ...]

    @property
    def last_outcome(self) -> str | None:
        """The outcome of the newest attempt, `None` if it is not known."""
        return OUTCOMES.get(self.outcomes[:1])


def row_of(attempts: Sequence[Attempt], runs: int, avg: float | None) -> Row | None:
    """Return the row of a test with these newest attempts, newest first; `None` where there are none."""
    window = attempts[:WINDOW]
    if not window:
        return None
    durations = tuple(_rounded(attempt.seconds) for attempt in window)
    return _row(runs, avg, window[0].time, "".join(attempt.letter for attempt in window), durations)


def extend(row: Row, newer: Sequence[Attempt], runs: int, avg: float | None) -> Row:
    """Return a row with attempts that came since, newest first, `runs` and `avg` being today's."""
    durations = (*(_rounded(attempt.seconds) for attempt in newer), *row.durations)
    letters = "".join(attempt.letter for attempt in newer) + row.outcomes
    time = newer[0].time if newer else row.last_time
    return _row(runs, avg, time, letters[:WINDOW], durations[:WINDOW])


def _row(runs: int, avg: float | None, time: float, letters: str, durations: tuple[float | None, ...]) -> Row:
    known = [letter for letter in letters if letter != UNKNOWN]
    failed = sum(letter in _FAILING for letter in known)
    values = sorted(seconds for seconds in durations if seconds is not None)
    return Row(
        runs=runs,
        failure_rate=round(failed / len(known), 4) if known else None,
        avg=_rounded(avg),
        last=durations[0],
        p50=quantile(values, 0.5),
        p95=quantile(values, 0.95),
        last_time=time,
        outcomes=letters,
        durations=durations,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None or not isfinite(seconds) else round(seconds, 6)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile of sorted values, between two of them in proportion; `None` of none."""
    if not values:
        return None
    at = share * (len(values) - 1)
    low = floor(at)
    high = min(low + 1, len(values) - 1)
    return round(values[low] + (values[high] - values[low]) * (at - low), 6)


def pack(row: Row) -> bytes:
    """Return a row as it is stored: a JSON list of its fields in their order."""
    return json.dumps([getattr(row, name) for name in Row.__slots__], separators=(",", ":")).encode()


def unpack(stored: bytes | None) -> Row | None:
    """Return a stored row, `None` for none, and for one that is damaged or another release's."""
    try:
        row = listed(Row, json_of(stored or b""))
    except CorruptDataError:
        return None
    # A row has at least one attempt.
    return row if row.durations else None
