"""The hooks that pytest finds: declare the options; if the run is to be recorded, register who records it.

Installed and not asked for, this costs three small modules, 1 ms, and registers nothing. One of them is
`clocks`, which must be imported before any conftest is loaded.
"""

from __future__ import annotations

import pytest

from pytest_akastats.fixtures import akastats_stat, fake_stats, mock_stats, stat

__all__ = ["akastats_stat", "fake_stats", "mock_stats", "pytest_addoption", "pytest_configure", "stat"]

_HELP = {
    "url": "Redis or Valkey to deliver to; default: AKA_STATS_REDIS_URL, else an embedded server",
    "suite": "name of this job, whose durations are its own: unit, py312 ...",
    "namespace": "what every key begins with; default: AKA_STATS_NAMESPACE, else AKA-STATS",
    "dir": "where spool and embedded server live; default: .akastats in the root directory",
    "redact": "regular expressions of further secrets, one a line; `off`: store texts with all their secrets",
    "fail-on": "which verdicts fail the run: new, slower or both, after a comma; default: pytest's own result",
    "base": "branch to compare with; default: AKA_STATS_BASE, the pull request's target, the default branch",
    "wait": "seconds to wait at the end for the run to be delivered; default: 10",
}
_MARKER = (
    "akastats(max_seconds=None, max_slowdown=None): what the test may take in seconds, and in how many times its "
    "usual; `pytest --akastats` tells which took more"
)
# Calls of pytest that run no test.
_SILENT = (
    *("collectonly", "showfixtures", "show_fixtures_per_test", "setuponly", "setupplan"),
    *("cacheshow", "markers", "help", "version"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("akastats", "test-suite statistics (akastats)")
    group.addoption("--akastats", action="store_true", default=None, help="record this run")
    parser.addini("akastats", "record every run", type="bool", default=False)
    told = "failures of tests in quarantine (akastats quarantine) do not fail the run"
    group.addoption("--akastats-quarantine", action="store_true", default=None, help=told)
    parser.addini("akastats_quarantine", told, type="bool", default=False)
    for name, text in _HELP.items():
        group.addoption(f"--akastats-{name}", default=None, help=text, metavar=name.upper().replace("-", "_"))
        parser.addini(f"akastats_{name.replace('-', '_')}", text, default="")


def pytest_configure(config: pytest.Config) -> None:
    try:
        # Also where nobody records: --strict-markers asks.
        config.addinivalue_line("markers", _MARKER)
        if is_on(config):
            # Late, because most runs of most projects do not get here.
            from pytest_akastats import session

            session.register(config)
        elif not _is_wanted(config):
            _refuse_alone(config)
    except pytest.UsageError:
        raise
    except Exception as error:
        config.pluginmanager.register(Unrecorded(error), "akastats-unrecorded")


def _refuse_alone(config: pytest.Config) -> None:
    """Raise `pytest.UsageError` for what only a recorded run does: a gate that nobody keeps is worse than none."""
    if config.getoption("--akastats-quarantine"):
        raise pytest.UsageError("--akastats-quarantine: needs --akastats, which asks the server for the list")
    if config.getoption("--akastats-fail-on"):
        raise pytest.UsageError("--akastats-fail-on: needs --akastats, which judges the run")


class Unrecorded:
    """A run that we could not begin to record: it goes on, and says so at the end."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"akastats: not recorded: {type(self._error).__name__}: {self._error}"[:200])


def is_on(config: pytest.Config) -> bool:
    """Return whether this run is to be recorded: asked for, and not one that runs no tests."""
    return _is_wanted(config) and not any(config.getoption(name, False) for name in _SILENT)


def _is_wanted(config: pytest.Config) -> bool:
    on = config.getoption("--akastats")
    return bool(config.getini("akastats")) if on is None else bool(on)
