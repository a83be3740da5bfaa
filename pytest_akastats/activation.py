"""Decide whether a session is recorded, and register the plugins that record it."""

from __future__ import annotations

import pytest

# Value of `--akastats-workers`.
RECOMMENDED = "recommended"

# Options with which pytest runs no tests.
_WITHOUT_TESTS = (
    *("collectonly", "showfixtures", "show_fixtures_per_test", "setuponly", "setupplan"),
    *("cacheshow", "markers", "help", "version"),
)


def activate(config: pytest.Config, epoch: float, conftest_s: float) -> None:
    """Record this session if the options request it; raise `pytest.UsageError` for invalid options.

    `epoch` is the wall time minus the performance counter when the plugin was imported, in seconds.
    `conftest_s` is the seconds in which pytest imported conftest files.
    """
    if is_on(config):
        # Import late, because many sessions of a project that always records end before this line.
        from pytest_akastats import session

        session.register(config, epoch, conftest_s)
    elif not _is_requested(config):
        _refuse_dependent_options(config)


def prepare(config: pytest.Config) -> None:
    """Measure the imports of conftest files and test modules, and answer `-n auto` if the options request it.

    pytest has not been configured yet.
    """
    from pytest_akastats import session

    session.start_import_timer(config)
    if (config.known_args_namespace.akastats_workers or config.getini("akastats_workers")) == RECOMMENDED:
        from pytest_akastats.auto_workers import RecommendedWorkers

        config.pluginmanager.register(RecommendedWorkers(), "akastats-workers")


def is_on(config: pytest.Config) -> bool:
    """Return whether this session is recorded: `--akastats` or the ini key is set, and pytest runs tests."""
    return _is_requested(config) and not any(config.getoption(name, False) for name in _WITHOUT_TESTS)


def _is_requested(config: pytest.Config) -> bool:
    on = config.getoption("--akastats")
    return bool(config.getini("akastats")) if on is None else bool(on)


def _refuse_dependent_options(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` for options that need a recorded run: ignoring them would hide failures."""
    if config.getoption("--akastats-quarantine"):
        raise pytest.UsageError("--akastats-quarantine: needs --akastats, which fetches the list from the server")
    if config.getoption("--akastats-order"):
        raise pytest.UsageError("--akastats-order: needs --akastats, which reads the durations of earlier runs")
    if config.getoption("--akastats-fail-on"):
        raise pytest.UsageError("--akastats-fail-on: needs --akastats, which analyses the run")


class ActivationFailure:
    """Reports in the terminal summary that the session could not be recorded."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"akastats: not recorded: {type(self._error).__name__}: {self._error}"[:200])
