"""The conftest.py of every suite under attack: what really finished, told by nobody of ours.

Each finished test is one line, appended with one write to a file that akastats knows nothing of, by the process
that ran the test; a test at which a worker or a fork died is told by the process that noticed. All names are
bound at import, and the file is opened for each line: suites patch everything and close every descriptor.
"""

from __future__ import annotations

from collections import Counter
from json.encoder import encode_basestring_ascii as quoted
from os import O_APPEND, O_CREAT, O_WRONLY, close, environ, getpid, open, write
from time import monotonic
from typing import Any

import pytest

TRUTH = environ["FAULTS_TRUTH"]
# A fork of this process that goes on is not what is recorded.
PID = getpid()
FLAGS = O_WRONLY | O_APPEND | O_CREAT
# The reports so far of each test that is not over.
PHASES: dict[str, dict[str, str]] = {}
ATTEMPTS: Counter[str] = Counter()
#: The phase under which pytest-xdist and pytest-forked report the test at which a process died.
CRASHED = "???"


def tell(*content: Any) -> None:
    """Append one line."""
    if getpid() != PID:
        return
    file = open(TRUTH, FLAGS, 0o600)
    parts = [quoted(part) if isinstance(part, str) else repr(part) for part in (monotonic(), *content)]
    write(file, f"[{', '.join(parts)}]\n".encode())
    close(file)


class Truth:
    """Tells each finished test; on the controller of pytest-xdist only those that no worker can tell."""

    def __init__(self, is_controller: bool) -> None:
        self._is_controller = is_controller

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._is_controller and str(report.when) != CRASHED:
            return
        told = PHASES.setdefault(report.nodeid, {})
        if "context" in report.__dict__:
            told["subtest"] = "failed" if report.failed else told.get("subtest", "passed")
            return
        expected = hasattr(report, "wasxfail")
        told[str(report.when)] = f"x{report.outcome}" if expected else str(report.outcome)
        if str(report.when) in ("teardown", CRASHED):
            ATTEMPTS[report.nodeid] += 1
            tell(report.nodeid, outcome(PHASES.pop(report.nodeid)), ATTEMPTS[report.nodeid])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        # What ended the run may have come between a test's call and its teardown.
        for nodeid, told in PHASES.items():
            if "call" in told:
                ATTEMPTS[nodeid] += 1
                tell(nodeid, outcome(told), ATTEMPTS[nodeid])
        tell()


def outcome(told: dict[str, str]) -> str:
    """Return a test's one outcome, by the outcome of each phase."""
    if "rerun" in told.values():
        return "rerun"
    if "failed" in (told.get("call"), told.get("subtest"), told.get(CRASHED)):
        return "failed"
    if "failed" in told.values():
        return "error"
    for phase, name in (("skipped", "skipped"), ("xskipped", "xfailed"), ("xpassed", "xpassed")):
        if phase in told.values():
            return name
    return "passed"


def pytest_configure(config: pytest.Config) -> None:
    spread = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    config.pluginmanager.register(Truth(spread), "faults-truth")
