"""The values that travel: what was measured, and what is read back. Frozen, with units, without behaviour."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """One number to be stored: `timestamp` in epoch seconds, `context` as given or `None`."""

    timestamp: float
    label: str
    value: float
    context: str | bytes | None = None


class Stat(NamedTuple):
    """One point of a history: `timestamp` in epoch seconds, `context_id` an md5 or empty."""

    timestamp: float
    label: str
    value: float
    context_id: str = ""


class Summary(NamedTuple):
    """The numbers of one label: `last_time` in epoch seconds, all else in the unit of its values."""

    max: float | None
    total: float | None
    count: float | None  # type: ignore[assignment]  # the field's own name, over tuple.count
    stdev: float | None
    avg: float | None
    min: float | None
    last: float | None
    last_time: float | None
