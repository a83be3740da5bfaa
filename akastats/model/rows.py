"""The row of a test in lists: computed from the newest points of its history, and its stored form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite
from typing import NamedTuple

from akastats.errors import CorruptDataError
from akastats.model.stored_values import json_of, read_row

#: Maximum number of newest points for p50, p95 and the failure rate, and maximum number that a list shows.
WINDOW, SHOWN = 100, 30

#: Letters of outcomes in a row. `?` is an unknown outcome: it has expired, or another program pushed the point.
LETTERS = {"passed": "p", "failed": "f", "error": "e", "xfailed": "x", "xpassed": "X", "rerun": "r"}
OUTCOMES = {letter: outcome for outcome, letter in LETTERS.items()}
UNKNOWN = "?"
_FAILING = "fer"


class Attempt(NamedTuple):
    """One point of a test.

    time: end of the attempt, in epoch seconds
    seconds: duration in seconds; `None` if the stored value is not finite
    letter: letter of the outcome
    """

    time: float
    seconds: float | None
    letter: str


@dataclass(frozen=True, slots=True)
class Row:
    """The row of one test in a list.

    runs: number of all attempts
    failure_rate: share of failures among the newest 100 attempts with a known outcome; `None` without any
    avg: average duration in seconds
    last: newest duration in seconds
    p50: median duration in seconds
    p95: 95th percentile of the durations, in seconds
    last_time: end of the newest attempt, in epoch seconds
    outcomes: letters of the outcomes, newest first
    durations: durations in seconds, newest first
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
        """Return the outcome of the newest attempt; `None` if unknown."""
        return OUTCOMES.get(self.outcomes[:1])


def row_of(attempts: Sequence[Attempt], runs: int, avg: float | None) -> Row | None:
    """Return the row of a test; `None` without attempts. `attempts` contains its attempts, newest first."""
    window = attempts[:WINDOW]
    if not window:
        return None
    durations = tuple(_round_seconds(attempt.seconds) for attempt in window)
    return _row(runs, avg, window[0].time, "".join(attempt.letter for attempt in window), durations)


def extend(row: Row, newer: Sequence[Attempt], runs: int, avg: float | None) -> Row:
    """Return a row with newer attempts added, newest first; `runs` and `avg` are the current ones."""
    durations = (*(_round_seconds(attempt.seconds) for attempt in newer), *row.durations)
    letters = "".join(attempt.letter for attempt in newer) + row.outcomes
    time = newer[0].time if newer else row.last_time
    return _row(runs, avg, time, letters[:WINDOW], durations[:WINDOW])


def _row(runs: int, avg: float | None, time: float, letters: str, durations: tuple[float | None, ...]) -> Row:
    outcomes = [letter for letter in letters if letter != UNKNOWN]
    failed = sum(letter in _FAILING for letter in outcomes)
    values = sorted(seconds for seconds in durations if seconds is not None)
    return Row(
        runs=runs,
        failure_rate=round(failed / len(outcomes), 4) if outcomes else None,
        avg=_round_seconds(avg),
        last=durations[0],
        p50=quantile(values, 0.5),
        p95=quantile(values, 0.95),
        last_time=time,
        outcomes=letters,
        durations=durations,
    )


def _round_seconds(seconds: float | None) -> float | None:
    return None if seconds is None or not isfinite(seconds) else round(seconds, 6)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile of sorted values, by linear interpolation; `None` without values."""
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
    """Return a stored row; `None` if it is missing, corrupt or from another release."""
    try:
        row = read_row(Row, json_of(stored or b""))
    except CorruptDataError:
        return None
    # A row has at least one attempt.
    return row if row.durations else None
