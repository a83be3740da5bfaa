"""The text of a failure, without the values of locals."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest

#: The attribute of a report with its failure's text in pytest's default style, where the options choose another.
DEFAULT_TEXT = "_akastats_text"


def text_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return a failure's text in pytest's default style, without the locals that `--showlocals` adds.

    Locals and captured output can hold anything, so they are not recorded.
    """
    try:
        if (text := report.__dict__.get(DEFAULT_TEXT)) is not None:
            return str(text)
        shown = without_locals(report.longrepr)
        return report.longreprtext if shown is report.longrepr else str(shown)
    except Exception as error:  # a test's own __repr__ may raise anything
        return f"(the failure's text cannot be made: {type(error).__name__})"


def with_relative_paths(text: str, directory: str) -> str:
    """Return a failure's text with the files below `directory` named relative to it, as pytest does.

    Python formats exception groups, with absolute paths: that of the checkout would be part of the fingerprint.
    """
    if not directory or "Exception Group Traceback (most recent call last):" not in text:
        return text
    return text.replace(f'File "{directory.rstrip(os.sep)}{os.sep}', 'File "')


def without_locals(longrepr: Any) -> Any:
    """Return a failure's representation without locals: itself if it has none, else a copy; others have it too."""
    chain = getattr(longrepr, "chain", None)
    if not chain or not any(_has_locals(traceback) for traceback, *_ in chain):
        return longrepr
    shown = copy.copy(longrepr)
    shown.chain = [(_bare(traceback), *others) for traceback, *others in chain]
    return shown


def _has_locals(traceback: Any) -> bool:
    return any(getattr(entry, "reprlocals", None) for entry in traceback.reprentries)


def _bare(traceback: Any) -> Any:
    bare = copy.copy(traceback)
    bare.reprentries = [_without(entry) for entry in traceback.reprentries]
    return bare


def _without(entry: Any) -> Any:
    if not getattr(entry, "reprlocals", None):
        return entry
    bare = copy.copy(entry)
    bare.reprlocals = None
    return bare
