"""Values of the public API: points to store, points of a history, and the statistics of a label."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """One number to store.

    timestamp: epoch seconds.
    label: name of the statistic.
    value: the number.
    context: text or bytes that explain the value, such as a traceback; `None` if there is none.
    """

    timestamp: float
    label: str
    value: float
    context: str | bytes | None = None


class Stat(NamedTuple):
    """One point of a history.

    timestamp: epoch seconds.
    label: name of the statistic.
    value: the number; NaN if an older writer stored text.
    context_id: MD5 of the context; empty if there is none.
    """

    timestamp: float
    label: str
    value: float
    context_id: str = ""


class Summary(NamedTuple):
    """Statistics of one label, in the unit of its values; `None` if a statistic is not stored.

    max: largest value
    total: sum of all values
    count: number of values
    stdev: sample standard deviation of all values
    avg: mean of all values
    min: smallest value
    last: newest value
    last_time: time of the newest value, epoch seconds
    """

    max: float | None
    total: float | None
    count: float | None  # type: ignore[assignment]  # the field's own name, over tuple.count
    stdev: float | None
    avg: float | None
    min: float | None
    last: float | None
    last_time: float | None
