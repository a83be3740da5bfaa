"""Decide which exceptions count as errors, and count each one once in nested blocks."""

from __future__ import annotations

import itertools
import os

# Sequence numbers of events in this process: entered blocks and counted exceptions.
_numbers = itertools.count(1)

_MARK = "_akastats_counted"


def next_number() -> int:
    """Return a number greater than every number returned before."""
    return next(_numbers)


def is_normal_exit(exc_type: type[BaseException], exc_value: BaseException | None) -> bool:
    """Return whether an exception ends a block normally: a closed generator, or an exit with success."""
    if issubclass(exc_type, SystemExit):
        return getattr(exc_value, "code", None) in (None, 0)
    return issubclass(exc_type, GeneratorExit)


def record_counted(error: type[BaseException] | BaseException | None, namespace: str) -> None:
    """Record on an exception that it has been counted in a namespace."""
    if isinstance(error, BaseException):
        # Use the dictionary, because classes may refuse attributes. A pickled entry of another process is ignored.
        vars(error).setdefault(_MARK, {})[os.getpid(), namespace] = next_number()


def was_counted(error: BaseException | None, namespace: str, entered: int) -> bool:
    """Return whether an exception was counted in a namespace after the sequence number `entered` of a block.

    An exception object that an earlier block counted counts as another error when it is raised again.
    """
    counts = getattr(error, _MARK, None)
    return isinstance(counts, dict) and counts.get((os.getpid(), namespace), 0) > entered
