"""Moments as people read them, in the configured time zone. Pure but for the zone's own data."""

from __future__ import annotations

from datetime import datetime
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
