"""Record tracebacks in pytest's default style, whatever `--tb` and `--full-trace` show in the terminal.

A failure's text, place and fingerprint must not depend on an option of the terminal: `--tb=no` and `--tb=line`
leave nothing to recognise a failure by. Registered only where such an option is given, so that others pay nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_akastats.failure_text import DEFAULT_TEXT, text_of
from pytest_akastats.internal_errors import Mishaps

_DEFAULTS = {"tbstyle": "auto", "fulltrace": False, "showlocals": False}


def is_default(config: pytest.Config) -> bool:
    """Return whether reports hold tracebacks in the default style; locals are removed in any case."""
    return all(config.getoption(name, _DEFAULTS[name]) == _DEFAULTS[name] for name in ("tbstyle", "fulltrace"))


class DefaultStyle:
    """Plugin that adds each failure's text in the default style to its report, in an attribute for xdist."""

    def __init__(self, internal_errors: Mishaps) -> None:
        self._mishaps = internal_errors

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        try:
            if call.excinfo is not None and not report.skipped:
                with default_style(item.config):
                    again = pytest.TestReport.from_item_and_call(item, call)
                report.__dict__[DEFAULT_TEXT] = text_of(again)
        except Exception as error:
            self._mishaps.note(error)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: Any, report: Any) -> None:
        # No wrapper of the collection: a module that ends the session would carry our frame into the traceback.
        try:
            if isinstance(node, pytest.Collector):
                with default_style(node.config):
                    report.__dict__[DEFAULT_TEXT] = str(node.repr_failure(call.excinfo))
        except Exception as error:
            self._mishaps.note(error)


@contextmanager
def default_style(config: pytest.Config) -> Iterator[None]:
    """Set the options that change how pytest formats a traceback to their defaults for a moment."""
    options = config.option.__dict__
    tbstyle, fulltrace, showlocals = (options.get(name, default) for name, default in _DEFAULTS.items())
    try:
        options["tbstyle"], options["fulltrace"], options["showlocals"] = "auto", False, False
        yield
    finally:
        # No call, so that nothing can fail here: otherwise the terminal would stay in another style.
        options["tbstyle"], options["fulltrace"], options["showlocals"] = tbstyle, fulltrace, showlocals
