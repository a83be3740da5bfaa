"""The times in a report: what is written, and when each case began, which no report tells. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from akastats.importers.junit.report import Case, Suite

#: A test takes no longer, 115 days.
MAX_SECONDS = 1e7
#: Before 1980 there were no reports.
FIRST = 315_532_800.0
#: A time without a zone is taken for UTC, of which clocks on the wall are up to 14 hours ahead.
AHEAD_S = 86_400.0

_NUMBER = re.compile(r"\d{1,20}(\.\d{0,30})?([eE][+-]?\d{1,3})?|\.\d{1,30}", re.ASCII)
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?", re.ASCII)


def seconds(text: str) -> float | None:
    """Return a duration as written, thousands apart or with a decimal comma too; `None` for no duration."""
    told = text.strip()
    told = told.replace(",", "") if _THOUSANDS.fullmatch(told) else told.replace(",", ".", 1)
    if not _NUMBER.fullmatch(told):
        return None
    value = float(told)
    return value if value <= MAX_SECONDS else None


def moment(text: str, now: float = 4e9) -> float | None:
    """Return a time in ISO 8601 or epoch seconds as epoch seconds; a time without a zone is UTC.

    A time more than a day ahead of `now` (epoch seconds), or before 1980, is of a wrong clock and none.
    """
    told = text.strip()
    if re.fullmatch(r"\d{9,11}(\.\d+)?", told, re.ASCII):
        return _possible(float(told), now)
    # Python 3.10 reads neither Z nor any number of digits.
    told = re.sub(r"[zZ]$", "+00:00", told)
    told = re.sub(r"\.(\d+)", lambda digits: f".{digits[1][:6]:0<6}", told)
    try:
        when = datetime.fromisoformat(told)
        return _possible((when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp(), now)
    except (ValueError, OverflowError):
        return None


def _possible(when: float, now: float) -> float | None:
    return when if FIRST <= when < now + AHEAD_S else None


class Clock:
    """Start times for the cases of a report, one after another from the start of their suite, in epoch seconds.

    A suite that does not say when it began, or says a time that is none by `now`, does so when the one before it
    was over. `shift` seconds are added to what suites say.
    """

    def __init__(self, started: float, shift: float = 0.0, now: float = 4e9) -> None:
        self.end = self._at = started
        self._shift, self._now = shift, now
        # Durations that could not be read.
        self.unreadable = 0

    def begin(self, suite: Suite) -> None:
        """Take the beginning of a suite in."""
        told = moment(suite.timestamp, self._now)
        self._at = self.end if told is None else told + self._shift
        self.end = max(self.end, self._at)
        # What fixtures took between the tests stands in the suite's time alone.
        self.end = max(self.end, self._at + (seconds(suite.time) or 0.0))

    def pass_by(self, case: Case) -> tuple[float, float]:
        """Return when a case began, and how many seconds it took: 0 where it does not say."""
        took = seconds(case.time) if case.time.strip() else 0.0
        if took is None:
            self.unreadable += 1
            took = 0.0
        began = self._at
        self._at += took
        self.end = max(self.end, self._at)
        return began, took
