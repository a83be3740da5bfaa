"""Record tracebacks in pytest's default style, whatever style the options select for the terminal.

Text, location and fingerprint of a failure must not depend on terminal options: with `--tb=no` and
`--tb=line`, a report has too little text for a fingerprint. Registered only if such an option is set, so that
other sessions do not pay for it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_akastats.failure_text import DEFAULT_TEXT, make_failure_text
from pytest_akastats.internal_errors import InternalErrors, note_errors

_DEFAULTS = {"tbstyle": "auto", "fulltrace": False, "showlocals": False}


def is_default(config: pytest.Config) -> bool:
    """Return whether reports hold tracebacks in the default style; ignore `showlocals`."""
    return all(config.getoption(name, _DEFAULTS[name]) == _DEFAULTS[name] for name in ("tbstyle", "fulltrace"))


class DefaultStyle:
    """Adds each failure's text in the default style to its report, in an attribute that pytest-xdist sends."""

    def __init__(self, internal_errors: InternalErrors) -> None:
        self.internal_errors = internal_errors

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        try:
            if call.excinfo is not None and not report.skipped:
                with default_style(item.config):
                    again = pytest.TestReport.from_item_and_call(item, call)
                report.__dict__[DEFAULT_TEXT] = make_failure_text(again)
        except Exception as error:
            self.internal_errors.note(error)
        return report

    # Do not wrap the collection. If a module ends the session, its traceback would contain a frame of the wrapper.
    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: Any, report: Any) -> None:
        if isinstance(node, pytest.Collector):
            with default_style(node.config):
                report.__dict__[DEFAULT_TEXT] = str(node.repr_failure(call.excinfo))


@contextmanager
def default_style(config: pytest.Config) -> Iterator[None]:
    """Set the options that change how pytest formats a traceback to their defaults within the context."""
    options = config.option.__dict__
    tbstyle, fulltrace, showlocals = (options.get(name, default) for name, default in _DEFAULTS.items())
    try:
        options["tbstyle"], options["fulltrace"], options["showlocals"] = "auto", False, False
        yield
    finally:
        # Assign directly: a call could fail, and the terminal would keep the other style.
        options["tbstyle"], options["fulltrace"], options["showlocals"] = tbstyle, fulltrace, showlocals
