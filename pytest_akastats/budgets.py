"""Read the budgets of tests from the marker `akastats`, once after collection, and attach them to reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from pytest_akastats.internal_errors import InternalErrors, note_errors
from pytest_akastats.probe import escape_surrogates

NAME = "akastats"
ATTACHER = "akastats-budgets"
#: Name of the attribute of teardown reports that holds the budget of the test and the problem of its markers.
ATTRIBUTE = "_akastats_budget"

# Keywords of the marker, each with its minimum and maximum, and their description.
_KEYWORDS = {
    "max_seconds": (1e-6, 1e9, "a number of seconds above 0"),
    "max_slowdown": (1.0, 1e9, "a number of at least 1"),
}
_MAX_SHOWN = 40

# The budget of a test, and the problem of its markers. The types are built-ins because pytest-xdist sends them.
BudgetReading = tuple[dict[str, float], str]


class BudgetMarkers:
    """Reads the markers of collected tests; registers a `BudgetAttacher` if there are any."""

    def __init__(self, config: pytest.Config, internal_errors: InternalErrors) -> None:
        self._config = config
        self.internal_errors = internal_errors
        self._budgets: dict[str, BudgetReading] = {}

    @pytest.hookimpl(trylast=True)
    @note_errors
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # The controller of pytest-xdist has no tests.
        budgets = {item.nodeid: read_budget(item) for item in find_items(getattr(session, "items", ()))}
        self._budgets.update({nodeid: reading for nodeid, reading in budgets.items() if any(reading)})
        plugins = self._config.pluginmanager
        # Some plugins collect twice.
        if self._budgets and not plugins.has_plugin(ATTACHER):
            plugins.register(BudgetAttacher(self._budgets, self.internal_errors), ATTACHER)


class BudgetAttacher:
    """Attaches the budget of a test to its last report."""

    def __init__(self, budgets: Mapping[str, BudgetReading], internal_errors: InternalErrors) -> None:
        self._budgets = budgets
        self.internal_errors = internal_errors

    # Registered later than the recorder and the probe of a worker, so that pluggy calls it before them.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            if report.when == "teardown" and report.nodeid in self._budgets:
                setattr(report, ATTRIBUTE, self._budgets[report.nodeid])
        except Exception as error:
            self.internal_errors.note(error)


def find_items(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield the items that may have the marker, on themselves or on a class or module.

    Tests of one file share a parent, so this takes 0.1 us per test; reading each item's keywords takes 0.9 us.
    """
    parent: Any = None
    has_marker = False
    for item in items:
        if item.parent is not parent:
            parent = item.parent
            has_marker = NAME in parent.keywords
        if has_marker or (item.own_markers and any(mark.name == NAME for mark in item.own_markers)):
            yield item


def read_budget(item: pytest.Item) -> BudgetReading:
    """Return the budget of an item, from the closest marker with each keyword, and the first problem."""
    budget: dict[str, Any] = {}
    first_problem = ""
    for mark in _list_closest_first(item):
        limits, problem = read_marker(mark)
        budget = {**limits, **budget}
        first_problem = first_problem or problem
    return {name: value for name, value in budget.items() if value is not None}, first_problem


def _list_closest_first(item: pytest.Item) -> Sequence[pytest.Mark]:
    """Return the `akastats` markers of an item; those of its parameter set come before its function's."""
    own: Sequence[Any] = getattr(getattr(item, "callspec", None), "marks", ())
    parameters = [getattr(mark, "mark", mark) for mark in own]
    return [mark for mark in (*parameters, *item.iter_markers()) if mark.name == NAME]


def read_marker(mark: pytest.Mark) -> tuple[dict[str, float | None], str]:
    """Return the limits of one marker, `None` for a removed outer limit, and the problem of the marker."""
    limits: dict[str, float | None] = {}
    problems = ["takes keywords only: max_seconds, max_slowdown"] if mark.args else []
    for name, value in mark.kwargs.items():
        if name not in _KEYWORDS:
            problems.append(f"takes max_seconds and max_slowdown, not {escape_surrogates(name[:_MAX_SHOWN])}")
        elif value is None:
            limits[name] = None
        elif _is_valid(name, value):
            limits[name] = float(value)
        else:
            problems.append(f"takes {_KEYWORDS[name][2]} as {name}, not {_describe_value(value)}")
    return limits, problems[0] if problems else ""


def _is_valid(name: str, value: Any) -> bool:
    minimum, maximum, _ = _KEYWORDS[name]
    return isinstance(value, (int, float)) and not isinstance(value, bool) and minimum <= value <= maximum


def _describe_value(value: Any) -> str:
    """Return an invalid value as text; only its type if it is not a text or number, because `repr` can fail."""
    is_plain = type(value) in (str, int, float, bool)
    return repr(value)[:_MAX_SHOWN] if is_plain else f"a {type(value).__name__}"
