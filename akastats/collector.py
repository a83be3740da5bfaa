"""Record numbers, errors and durations in memory, for `Stats` and the plugin's `stat` fixture."""

from __future__ import annotations

import logging
import sys
import time
import traceback as tracebacks
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from akastats.model.points import check_context, check_label, check_value
from akastats.records import Point

Context = str | bytes | None

# Replace these characters, because readers split the `;key=value,key=value` part of a label at them.
_SAFE = str.maketrans({",": "_", ";": "_", "=": "_", " ": "_", "\\": ""})


class Collector:
    """Collects numbers, errors and durations until they are saved."""

    def __init__(
        self,
        *,
        log: logging.Logger | None = None,
        disable_warnings: bool = False,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.recorded_stats: list[Point] = []
        self.log = log or logging.getLogger("Stats")
        self.disable_warnings = disable_warnings
        # Bind the clocks here, so that tests that patch `time` later do not affect the measurements.
        self._now, self._clock = now, clock

    def stat(
        self,
        label: str,
        value: float,
        context: Context = None,
        extra_labels: Mapping[str, object] | None = None,
    ) -> None:
        """Record one number; `extra_labels` become part of the label: `;host=a,port=1`.

        Raises `ValueError` for a label that is empty, longer than 4096 bytes or not UTF-8, and for a value that
        is not a finite number.
        """
        if extra_labels:
            label = f"{label};{format_labels(extra_labels)}"
        label = check_label(label)
        point = Point(self._now(), label, check_value(label, value), check_context(label, context))
        self.recorded_stats.append(point)

    __call__ = stat

    @contextmanager
    def timer(self, label: str, context: Context = None) -> Iterator[None]:
        """Record the duration of the block in seconds, even if it raises."""
        check_label(label)
        start = self._clock()
        try:
            yield
        finally:
            self.stat(label, self._clock() - start, context)

    def exception(
        self,
        exc_type: type[BaseException] | BaseException | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
        additional_labels: Iterable[str] | None = None,
        context: Context = None,
    ) -> None:
        """Record an exception under `errors__EXC:<class name>` and `errors__all`, with its traceback as context.

        Takes an exception, a class, or the three values of `sys.exc_info()`. Without arguments it records the
        exception being handled. Each of `additional_labels` is recorded as a further `errors__` label.
        """
        error = resolve_exception(exc_type, exc_value)
        labels = [] if error is None else [f"EXC:{_class_name(error)}"]
        if error is None and not self.disable_warnings:
            self.log.warning(
                "exception() was called outside of an except block without an exception; pass one to it."
            )
        self.error(*labels, *(additional_labels or ()), context=context or _format(error, traceback))

    def error(self, *labels: str, context: Context = None) -> None:
        """Record an error under `errors__<label>` for each label, and under `errors__all`."""
        for label in dict.fromkeys((*labels, "all")):
            self.stat(f"errors__{label}", 1.0, context)


def format_labels(labels: Mapping[str, object]) -> str:
    """Return `key=value,key=value`; separators inside keys and values become `_`, backslashes are removed."""
    return ",".join(f"{str(key).translate(_SAFE)}={str(value).translate(_SAFE)}" for key, value in labels.items())


def resolve_exception(
    exception: type[BaseException] | BaseException | None, value: BaseException | None
) -> type[BaseException] | BaseException | None:
    """Return the exception that the arguments of `Collector.exception` name, or the one being handled."""
    if isinstance(value, BaseException):
        return value
    current = sys.exc_info()[1]
    if exception is None:
        return current
    if isinstance(exception, type) and isinstance(current, exception):
        return current
    return exception


# Maximum number of characters of a class name; a label has at most 4096 bytes.
MAX_CLASS_NAME = 1000


def _class_name(error: type[BaseException] | BaseException) -> str:
    """Return the name of an exception's class, short enough for a label."""
    return (error if isinstance(error, type) else type(error)).__name__[:MAX_CLASS_NAME]


def _format(error: type[BaseException] | BaseException | None, traceback: TracebackType | None) -> str:
    if isinstance(error, BaseException):
        return "".join(tracebacks.format_exception(type(error), error, traceback or error.__traceback__))
    return f"{error.__name__}\n" if error else ""
