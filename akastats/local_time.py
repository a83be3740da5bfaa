"""Format times for people: in the configured time zone, else in that of this machine."""

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
        """Return a moment, given in UTC, as this machine's clock shows it."""
        return dt.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=self)

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return the offset from UTC."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def tzname(self, dt: datetime | None) -> str | None:
        """Return the zone's abbreviation at a moment."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return `None`: no caller uses it."""
        return None


LOCAL: tzinfo = _Local()


def load_zone(name: str) -> tzinfo:
    """Return the time zone in which people read times; raises `ConfigError` for one that does not exist here.

    Of a configuration that names none it is this machine's.
    """
    if isinstance(name, DefaultZone):
        return LOCAL
    # ZoneInfo answers a directory's name with IsADirectoryError, a path with ValueError.
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ConfigError(
            f"AKA_STATS_TIMEZONE: there is no time zone {name!r} here; "
            'a name such as Europe/Amsterdam, with the package tzdata (pip install "pytest-akastats[api]")'
        ) from error


def format_time(timestamp: float | None, where: tzinfo) -> str:
    """Return a moment to the second, with its zone's abbreviation; `-` for an unknown one."""
    try:
        return "-" if timestamp is None else f"{datetime.fromtimestamp(timestamp, where):%Y-%m-%d %H:%M:%S %Z}"
    except (ValueError, OverflowError, OSError):
        return "-"


def check_day(text: str) -> str:
    """Return `text` if it is a day, written as `2026-12-24`; raises `ValueError` for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("a day is written as year-month-day: 2026-12-24")
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"there is no day {text}") from error
    return text


def get_end_of_day(text: str, where: tzinfo) -> float:
    """Return when a day is over, in epoch seconds: the next one's first moment; raises `ValueError` for no day."""
    day = date.fromisoformat(check_day(text))
    if day == date.max:
        return inf
    return datetime.combine(day + timedelta(days=1), time(), where).timestamp()


def format_last_day(until: float, where: tzinfo) -> str:
    """Return the last day of something that ends at `until`, written as `2026-12-24`; `-` without an end.

    What does not end with a day here, as what was put in from another time zone, has its time too.
    """
    try:
        end = datetime.fromtimestamp(until, where)
        is_midnight = (end.hour, end.minute) == (0, 0)
        return f"{datetime.fromtimestamp(until - 1, where):%Y-%m-%d}" if is_midnight else f"{end:%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "-"


def format_day(timestamp: float, where: tzinfo) -> str:
    """Return the day of a moment, written as `2026-12-24`; `-` without a moment."""
    try:
        return f"{datetime.fromtimestamp(timestamp, where):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "-"
