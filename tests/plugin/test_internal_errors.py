"""Errors of the plugin's hooks: noted, never raised."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pluggy
import pytest
from pluggy._hooks import varnames

from pytest_akastats import budgets, probe, quarantine, recorder, traceback_style
from pytest_akastats.internal_errors import MAX_ERRORS, InternalErrors, describe_error, note_errors

CLASSES = (
    budgets.BudgetMarkers,
    probe.Probe,
    probe.WorkerProbe,
    quarantine.ControllerQuarantine,
    recorder.Recorder,
    traceback_style.DefaultStyle,
)
HOOKS = [
    (kind, name)
    for kind in CLASSES
    for name, hook in inspect.getmembers(kind, inspect.isfunction)
    if name.startswith("pytest_") and hasattr(hook, "__wrapped__")
]


class Plugin:
    """A plugin whose hook fails for negative numbers."""

    def __init__(self) -> None:
        self.internal_errors = InternalErrors()
        self.numbers: list[int] = []

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_measure(self, number: int) -> None:
        """Take a number."""
        if number < 0:
            raise ValueError(f"{number} is negative")
        self.numbers.append(number)


class Specification:
    """The hook, with an argument that the plugin does not take."""

    @pluggy.HookspecMarker("pytest")
    def pytest_measure(self, unit: str, number: int) -> None:
        """Take a number and its unit."""


@pytest.fixture
def measure() -> tuple[Plugin, Callable[..., Any]]:
    """Return a registered plugin and what calls its hook."""
    manager, plugin = pluggy.PluginManager("pytest"), Plugin()
    manager.add_hookspecs(Specification)
    manager.register(plugin)
    return plugin, manager.hook.pytest_measure


def test_pluggy_passes_the_arguments_by_name(measure: tuple[Plugin, Callable[..., Any]]) -> None:
    """It reads them from the decorated function."""
    plugin, call = measure

    call(number=7, unit="s")

    assert [7] == plugin.numbers


def test_an_error_is_noted_and_not_raised(measure: tuple[Plugin, Callable[..., Any]]) -> None:
    """The third one switches recording off."""
    plugin, call = measure

    for number in range(-MAX_ERRORS, 0):
        assert not plugin.internal_errors.is_off
        call(number=number, unit="s")

    assert "ValueError: -3 is negative; switched off after 3 errors" == plugin.internal_errors.message


@pytest.mark.parametrize(("kind", "name"), HOOKS, ids=lambda value: getattr(value, "__name__", value))
def test_pluggy_sees_the_arguments_of_each_decorated_hook(kind: type[Any], name: str) -> None:
    """They are those of the function inside the decorator."""
    hook = getattr(kind, name)

    expected = tuple(inspect.signature(hook.__wrapped__).parameters)[1:]
    assert expected == varnames(hook)[0]
    assert set(expected) <= set(inspect.signature(hook).parameters)


def test_an_error_without_a_text_has_its_type() -> None:
    """An exception may fail in `str`."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "BrokenError: " == describe_error(BrokenError())
