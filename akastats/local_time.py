"""Format times in the configured time zone, by default the machine's own."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from math import inf
from zoneinfo import ZoneInfo

from akastats.config import DefaultZone
from akastats.errors import ConfigError


class _Local(tzinfo):
    """This machine's time zone (`TZ`, else the system's), with its changes over the year."""

    def fromutc(self, dt: datetime) -> datetime:
        """Convert a time in UTC to the machine's local time."""
        return dt.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=self)

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return the offset from UTC."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def tzname(self, dt: datetime | None) -> str | None:
        """Return the zone's abbreviation at a time."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return `None`, because no caller uses it."""
        return None


LOCAL: tzinfo = _Local()


def load_zone(name: str) -> tzinfo:
    """Return a time zone by name; raise `ConfigError` if it does not exist on this machine.

    `DefaultZone`, the value of a configuration without a zone, returns the machine's own zone.
    """
    if isinstance(name, DefaultZone):
        return LOCAL
    # ZoneInfo raises IsADirectoryError for the name of a directory, and ValueError for a path.
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ConfigError(
            f"AKA_STATS_TIMEZONE: the time zone {name!r} is unknown on this machine. Use a name such as "
            'Europe/Amsterdam, and install the package tzdata (pip install "pytest-akastats[api]").'
        ) from error


def format_time(timestamp: float | None, zone: tzinfo) -> str:
    """Format a time to the second, with its zone's abbreviation; `-` if it is `None` or out of range."""
    try:
        return "-" if timestamp is None else f"{datetime.fromtimestamp(timestamp, zone):%Y-%m-%d %H:%M:%S %Z}"
    except (ValueError, OverflowError, OSError):
        return "-"


def check_day(text: str) -> str:
    """Return `text` if it is a date such as `2026-12-24`; raise `ValueError` for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("write a day as year-month-day: 2026-12-24")
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is not a calendar day") from error
    return text


def get_end_of_day(text: str, zone: tzinfo) -> float:
    """Return the end of a day in epoch seconds, when the next day starts; raise `ValueError` if invalid."""
    day = date.fromisoformat(check_day(text))
    if day == date.max:
        return inf
    return datetime.combine(day + timedelta(days=1), time(), zone).timestamp()


def format_last_day(until: float, zone: tzinfo) -> str:
    """Format the last day before the time `until` as `2026-12-24`; `-` if `until` is out of range.

    If `until` is not midnight in this zone, because it was entered in another zone, format its day and time.
    """
    try:
        end = datetime.fromtimestamp(until, zone)
        is_midnight = (end.hour, end.minute) == (0, 0)
        return f"{datetime.fromtimestamp(until - 1, zone):%Y-%m-%d}" if is_midnight else f"{end:%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "-"


def format_day(timestamp: float, zone: tzinfo) -> str:
    """Format the day of a time as `2026-12-24`; `-` if it is out of range."""
    try:
        return f"{datetime.fromtimestamp(timestamp, zone):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "-"
