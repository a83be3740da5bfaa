"""The marker `akastats`, what a test may take: read once, when tests are collected; then it travels on reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_akastats.internal_errors import Mishaps
from pytest_akastats.probe import encodable

NAME = "akastats"
ATTACHER = "akastats-budgets"
#: The attribute that carries a marked test's budget on its teardown report, and what is wrong with its markers.
ATTRIBUTE = "_akastats_budget"

# Keywords of the marker, each with its least and greatest number, and their description.
_KEYWORDS = {
    "max_seconds": (1e-6, 1e9, "a number of seconds above 0"),
    "max_slowdown": (1.0, 1e9, "a number of at least 1"),
}
_MAX_SHOWN = 40

# The budget of a test, and the problem of its markers: plain built-ins, because workers send it.
Told = tuple[dict[str, float], str]


class Markers:
    """Reads the markers of collected tests; registers who attaches them to reports where there are any."""

    def __init__(self, config: pytest.Config, internal_errors: Mishaps) -> None:
        self._config = config
        self._mishaps = internal_errors
        self._budgets: dict[str, Told] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        try:
            # Under pytest-xdist the controller has no tests.
            budgets = {item.nodeid: told_of(item) for item in marked(getattr(session, "items", ()))}
            self._budgets.update({nodeid: told for nodeid, told in budgets.items() if any(told)})
            plugins = self._config.pluginmanager
            # Some plugins collect twice.
            if self._budgets and not plugins.has_plugin(ATTACHER):
                plugins.register(Attacher(self._budgets, self._mishaps), ATTACHER)
        except Exception as error:
            self._mishaps.note(error)


class Attacher:
    """Attaches to a test's last report what it may take."""

    def __init__(self, budgets: Mapping[str, Told], internal_errors: Mishaps) -> None:
        self._budgets = budgets
        self._mishaps = internal_errors

    # Registered later than the recorder and a worker's probe, it comes before them.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            if report.when == "teardown" and report.nodeid in self._budgets:
                setattr(report, ATTRIBUTE, self._budgets[report.nodeid])
        except Exception as error:
            self._mishaps.note(error)


def marked(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the items that may have our marker, of their own or from above.

    Asking each item's keywords takes 0.9 us a test, this 0.1 us: those of one file have one parent.
    """
    parent: Any = None
    is_marked = False
    for item in items:
        if item.parent is not parent:
            parent = item.parent
            is_marked = NAME in parent.keywords
        if is_marked or (item.own_markers and any(mark.name == NAME for mark in item.own_markers)):
            yield item


def told_of(item: pytest.Item) -> Told:
    """Return what an item's markers allow, the closest word for each keyword, and the first thing wrong."""
    budget: dict[str, Any] = {}
    wrong = ""
    for mark in _closest_first(item):
        right, problem = said_by(mark)
        budget = {**right, **budget}
        wrong = wrong or problem
    return {name: value for name, value in budget.items() if value is not None}, wrong


def _closest_first(item: pytest.Item) -> Sequence[pytest.Mark]:
    """Return the `akastats` markers of an item; those of its parameter set come before its function's."""
    own: Sequence[Any] = getattr(getattr(item, "callspec", None), "marks", ())
    parameters = [getattr(mark, "mark", mark) for mark in own]
    return [mark for mark in (*parameters, *item.iter_markers()) if mark.name == NAME]


def said_by(mark: pytest.Mark) -> tuple[dict[str, float | None], str]:
    """Return the budget of one marker, `None` if it removes an outer one, and its problem, if any."""
    right: dict[str, float | None] = {}
    problems = ["takes keywords only: max_seconds, max_slowdown"] if mark.args else []
    for name, value in mark.kwargs.items():
        if name not in _KEYWORDS:
            problems.append(f"takes max_seconds and max_slowdown, not {encodable(name[:_MAX_SHOWN])}")
        elif value is None:
            right[name] = None
        elif _fits(name, value):
            right[name] = float(value)
        else:
            problems.append(f"takes for {name} {_KEYWORDS[name][2]}, not {_shown(value)}")
    return right, problems[0] if problems else ""


def _fits(name: str, value: Any) -> bool:
    least, most, _ = _KEYWORDS[name]
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _shown(value: Any) -> str:
    """Return an invalid value as text; only the type of anything but text and numbers, whose `repr` can fail."""
    is_plain = type(value) in (str, int, float, bool)
    return repr(value)[:_MAX_SHOWN] if is_plain else f"a {type(value).__name__}"
