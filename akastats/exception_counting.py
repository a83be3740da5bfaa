"""Decide which exceptions count as errors, and mark those counted, so that nested blocks count one once. Pure."""

from __future__ import annotations

import itertools
import os

# Order of events within this process: blocks entered and exceptions counted.
_moments = itertools.count(1)

_MARK = "_akastats_counted"


def next_number() -> int:
    """Return a number greater than all that were returned before."""
    return next(_moments)


def is_normal_exit(exc_type: type[BaseException], exc_value: BaseException | None) -> bool:
    """Return whether an exception is an ordinary end of a block: a closed generator, or an exit with success."""
    if issubclass(exc_type, SystemExit):
        return getattr(exc_value, "code", None) in (None, 0)
    return issubclass(exc_type, GeneratorExit)


def mark_counted(error: type[BaseException] | BaseException | None, namespace: str) -> None:
    """Note on an exception that it has been counted in a namespace."""
    if isinstance(error, BaseException):
        # Into its dictionary, because classes may refuse attributes. A pickled mark of another process is ignored.
        vars(error).setdefault(_MARK, {})[os.getpid(), namespace] = next_number()


def was_counted(error: BaseException | None, namespace: str, entered: int) -> bool:
    """Return whether an exception has been counted in a namespace since the moment `entered`.

    An exception object that was counted before may be raised again: that is another error.
    """
    marks = getattr(error, _MARK, None)
    return isinstance(marks, dict) and marks.get((os.getpid(), namespace), 0) > entered
