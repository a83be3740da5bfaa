"""Moments as people read them, in the configured time zone. Pure but for the zone's own data."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo
from math import inf
from zoneinfo import ZoneInfo

from akastats.errors import ConfigError


def zone(name: str) -> ZoneInfo:
    """Return a time zone; raises `ConfigError` for one that does not exist here."""
    # ZoneInfo answers a directory's name with IsADirectoryError, a path with ValueError.
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise ConfigError(
            f"AKA_STATS_TIMEZONE: there is no time zone {name!r} here; "
            'a name such as Europe/Amsterdam, with the package tzdata (pip install "pytest-akastats[api]")'
        ) from error


def moment(timestamp: float | None, where: ZoneInfo) -> str:
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


def end_of_day(text: str, where: ZoneInfo) -> float:
    """Return when a day is over, in epoch seconds: the next one's first moment; raises `ValueError` for no day."""
    day = date.fromisoformat(check_day(text))
    if day == date.max:
        return inf
    return datetime.combine(day + timedelta(days=1), time(), where).timestamp()


def last_day(until: float, where: tzinfo) -> str:
    """Return the last day of something that ends at `until`, written as `2026-12-24`; `-` for none there is."""
    try:
        return f"{datetime.fromtimestamp(until - 1, where):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return "-"
