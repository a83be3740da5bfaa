"""Parse times of a report, and compute when each case began, which reports do not contain."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from akastats.importers.junit.report import Case, Suite

#: Maximum duration of a test in seconds, 115 days.
MAX_SECONDS = 1e7
#: Minimum time in epoch seconds (1980); an earlier time is invalid.
FIRST = 315_532_800.0
#: Maximum number of seconds by which a time may be in the future. A time without a zone is read as UTC, and local
#: clocks are up to 14 hours ahead of UTC.
AHEAD_S = 86_400.0

_NUMBER = re.compile(r"\d{1,20}(\.\d{0,30})?([eE][+-]?\d{1,3})?|\.\d{1,30}", re.ASCII)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII)


def parse_seconds(text: str) -> float | None:
    """Parse a duration in seconds, even with thousands separators or a decimal comma; `None` if it is invalid."""
    number = text.strip()
    number = number.replace(",", "") if _THOUSANDS.fullmatch(number) else number.replace(",", ".", 1)
    if not _NUMBER.fullmatch(number):
        return None
    value = float(number)
    return value if value <= MAX_SECONDS else None


def parse_time(text: str, now: float = 4e9) -> float | None:
    """Parse a time in ISO 8601 or epoch seconds; return epoch seconds. A time without a zone is UTC.

    Returns `None` for a time more than a day ahead of `now` (epoch seconds) or before 1980.
    """
    value = text.strip()
    if re.fullmatch(r"\d{9,11}(\.\d+)?", value, re.ASCII):
        return _possible(float(value), now)
    # Python 3.10 parses neither Z nor an arbitrary number of digits.
    value = re.sub(r"[zZ]$", "+00:00", value)
    value = re.sub(r"\.(\d+)", lambda digits: f".{digits[1][:6]:0<6}", value)
    try:
        when = datetime.fromisoformat(value)
        return _possible((when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp(), now)
    except (ValueError, OverflowError):
        return None


def _possible(when: float, now: float) -> float | None:
    return when if FIRST <= when < now + AHEAD_S else None


class Clock:
    """Start times for the cases of a report, each after the previous one, in epoch seconds.

    A suite without a valid start time begins at the end of the previous one. `shift` seconds are added to the
    times of suites.
    """

    def __init__(self, started: float, shift: float = 0.0, now: float = 4e9) -> None:
        self.end = self._at = started
        self._shift, self._now = shift, now
        # Number of invalid durations.
        self.unreadable = 0

    def begin(self, suite: Suite) -> None:
        """Process the start of a suite."""
        reported = parse_time(suite.timestamp, self._now)
        self._at = self.end if reported is None else reported + self._shift
        self.end = max(self.end, self._at)
        # Only the time of the suite contains the time of fixtures between tests.
        self.end = max(self.end, self._at + (parse_seconds(suite.time) or 0.0))

    def advance(self, case: Case) -> tuple[float, float]:
        """Return the start of a case in epoch seconds, and its duration in seconds, 0 if missing or invalid."""
        took = parse_seconds(case.time) if case.time.strip() else 0.0
        if took is None:
            self.unreadable += 1
            took = 0.0
        began = self._at
        self._at += took
        self.end = max(self.end, self._at)
        return began, took
