"""Format a failure as text, without the values of local variables."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest

#: The attribute of a report with its failure's text in pytest's default style, if options select another style.
DEFAULT_TEXT = "_akastats_text"


def make_failure_text(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return a failure's text in pytest's default style, without the local variables that `--showlocals` adds.

    Local variables and captured output may contain secrets, so they are not recorded.
    """
    try:
        if (text := report.__dict__.get(DEFAULT_TEXT)) is not None:
            return str(text)
        shown = remove_locals(report.longrepr)
        return report.longreprtext if shown is report.longrepr else str(shown)
    except Exception as error:  # A `__repr__` of the tested code may raise anything.
        return f"(cannot format the failure: {type(error).__name__})"


def shorten_paths(text: str, directory: str) -> str:
    """Return a failure's text with the files below `directory` named relative to it, as pytest does.

    Python formats exception groups with absolute paths, with which the fingerprint would depend on the checkout.
    """
    if not directory or "Exception Group Traceback (most recent call last):" not in text:
        return text
    return text.replace(f'File "{directory.rstrip(os.sep)}{os.sep}', 'File "')


def remove_locals(longrepr: Any) -> Any:
    """Return a failure's representation without local variables: a copy, or the same object if it has none.

    The original is not changed, because other plugins read it too.
    """
    chain = getattr(longrepr, "chain", None)
    if not chain or not any(_has_locals(traceback) for traceback, *_ in chain):
        return longrepr
    shown = copy.copy(longrepr)
    shown.chain = [(_copy_traceback(traceback), *others) for traceback, *others in chain]
    return shown


def _has_locals(traceback: Any) -> bool:
    return any(getattr(entry, "reprlocals", None) for entry in traceback.reprentries)


def _copy_traceback(traceback: Any) -> Any:
    bare = copy.copy(traceback)
    bare.reprentries = [_copy_entry(entry) for entry in traceback.reprentries]
    return bare


def _copy_entry(entry: Any) -> Any:
    if not getattr(entry, "reprlocals", None):
        return entry
    bare = copy.copy(entry)
    bare.reprlocals = None
    return bare
