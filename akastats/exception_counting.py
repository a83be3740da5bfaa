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
    """Mark an exception object as counted in a namespace; ignore an exception class."""
    if isinstance(error, BaseException):
        # Write to `__dict__`, because a class may forbid new attributes. The key contains the process id, because
        # a pickled exception brings its entries to another process.
        vars(error).setdefault(_MARK, {})[os.getpid(), namespace] = next_number()


def was_counted(error: BaseException | None, namespace: str, entered: int) -> bool:
    """Return whether an exception was counted in a namespace since a block began.

    `entered` is the sequence number of the block's beginning. If an earlier block counted the exception and it is
    raised again, it is a new error.
    """
    counts = getattr(error, _MARK, None)
    return isinstance(counts, dict) and counts.get((os.getpid(), namespace), 0) > entered
