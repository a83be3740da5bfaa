"""Report failures of quarantined tests as expected failures, and record them as failures.

Registered only with `--akastats-quarantine`, in the process that reports and in each process that runs tests,
because `-x` counts failures in both. The shipper writes the list to a file beside the spool. The report keeps the
real outcome for the recorder. This module does not decide which tests are quarantined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from akastats.formatting import escape_unprintable
from akastats.spool import quarantine_list, shipper_state
from akastats.spool.quarantine_list import Listed
from akastats.spool.shipper_state import State
from pytest_akastats import clocks
from pytest_akastats.internal_errors import InternalErrors, note_errors
from pytest_akastats.probe import QUARANTINED
from pytest_akastats.summary import ABSENT_WAIT_S

#: Key of a worker's input with the path of the spool beside which the list is.
WORKER_INPUT = "akastats_quarantine"

# Maximum number of seconds to wait for the list after collection; a slow connection takes less.
WAIT_S = 2.0
POLL_S = 0.01
# Maximum number of reads, in case tests have changed the clock.
MAX_POLLS = int(WAIT_S / POLL_S)

REASON = "quarantined "
LIST_NOT_RECEIVED = f"list not received within {WAIT_S:g} s"

# Maximum number of tests named in the terminal summary.
MAX_NAMES = 5

ListT = TypeVar("ListT")


class Quarantine:
    """Waits for the list, and reports failures of its tests as expected in this process.

    problem: why the quarantine is not applied; empty otherwise.
    tests: plugin that changes the reports; `None` while the list is empty or not received.
    """

    def __init__(self, config: pytest.Config, internal_errors: InternalErrors) -> None:
        self._clock: Callable[[], float] = clocks.monotonic
        self._sleep: Callable[[float], None] = clocks.sleep
        self._config, self.internal_errors = config, internal_errors
        self._spool: Path | None = None
        self._name: Callable[[str], str] = str
        self.problem = ""
        self.tests: QuarantinedTests | None = None

    def begin(self, spool: Path, name: Callable[[str], str] = str) -> None:
        """Set the spool beside which the list will be, and the function that returns recorded names."""
        self._spool, self._name = spool, name

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_collection_finish(self) -> None:
        self._apply(self._wait())

    def _wait(self) -> Listed:
        """Return the list when it is written; an empty one with a problem after the timeout."""
        if self._spool is None:
            return Listed(problem="this run is not delivered")
        listed, problem = wait_for_list(quarantine_list.read, self._spool, self._clock, self._sleep)
        return Listed(problem=problem) if listed is None else listed

    def _apply(self, listed: Listed) -> None:
        self.problem = listed.problem
        if listed.tests and self.tests is None:
            tests = {name: escape_unprintable(reason) for name, reason in listed.tests.items()}
            self.tests = QuarantinedTests(self._config, tests, self._name, self.internal_errors)
            # Register now, so that an empty list costs tests nothing. pluggy calls the last registered plugin
            # first: before the recorder, which reads the changed report, and before pytest's own count.
            self._config.pluginmanager.register(self.tests, "akastats-quarantined-tests")


def wait_for_list(
    read: Callable[[Path], ListT | None],
    spool: Path,
    clock: Callable[[], float] = clocks.monotonic,
    sleep: Callable[[float], None] = clocks.sleep,
) -> tuple[ListT | None, str]:
    """Return the list that the shipper writes beside a spool, or `None` with a problem after the timeout."""
    timeout = ListTimeout(clock())
    for _ in range(MAX_POLLS):
        listed, state = read(spool), shipper_state.read(spool)
        if listed is not None:
            return listed, ""
        if timeout.is_over(state, clock()):
            break
        sleep(POLL_S)
    return None, (state.message if state else "") or LIST_NOT_RECEIVED


class ListTimeout:
    """Decides how long to wait for the list: two seconds, less if the server cannot be reached."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._absent_at: float | None = None

    def is_over(self, state: State | None, now: float) -> bool:
        """Note the shipper's state at a time; return whether the wait ends."""
        phase = state.phase if state else shipper_state.STARTING
        if phase != shipper_state.ABSENT:
            self._absent_at = None
        elif self._absent_at is None:
            self._absent_at = now
        is_absent = self._absent_at is not None and now - self._absent_at >= ABSENT_WAIT_S
        return is_absent or phase == shipper_state.FAILED or now - self._began >= WAIT_S


class QuarantinedTests:
    """Reports failures of quarantined tests as expected, with their real outcome.

    failures: end and reason of the quarantine, by node id of the tests that failed.
    """

    def __init__(
        self,
        config: pytest.Config,
        tests: Mapping[str, str],
        name: Callable[[str], str],
        internal_errors: InternalErrors,
    ) -> None:
        self._config, self._tests, self._name, self.internal_errors = config, tests, name, internal_errors
        self._has_subtests = False
        self.failures: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            if report.outcome != "passed":
                self.change_outcome(report)
        except Exception as error:
            self.internal_errors.note(error)

    def change_outcome(self, report: pytest.TestReport) -> None:
        """Report the failure of a quarantined test as expected, unless a worker has already done so."""
        if report.outcome == "failed":
            reason = self._find_reason(report.nodeid)
            if reason is not None:
                setattr(report, QUARANTINED, report.outcome)
                report.outcome, report.wasxfail = "skipped", f"{REASON}{reason}"
        if QUARANTINED in report.__dict__:
            self.failures[report.nodeid] = report.wasxfail.removeprefix(REASON)
            if "context" in report.__dict__ and not self._has_subtests:
                self._has_subtests = True
                subtests = QuarantinedSubtests(self, self.internal_errors)
                self._config.pluginmanager.register(subtests, "akastats-quarantined-subtests")

    def _find_reason(self, nodeid: str) -> str | None:
        """Return end and reason of the quarantine of a test; `None` if it is not quarantined."""
        reason = self._tests.get(nodeid)
        if reason is None and nodeid.rfind("@") > nodeid.rfind("]"):
            # With `--dist loadgroup` pytest-xdist appends `@group`.
            reason = self._tests.get(nodeid := nodeid[: nodeid.rfind("@")])
        if reason is None and "[" in nodeid:
            # In the list, secrets are removed from parameters.
            reason = self._tests.get(self._name(nodeid))
        return reason


class QuarantinedSubtests:
    """Changes reports of quarantined tests that pytest fails later, in the controller, for a failed subtest."""

    def __init__(self, tests: QuarantinedTests, internal_errors: InternalErrors) -> None:
        self._tests, self.internal_errors = tests, internal_errors

    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        try:
            # pytest also calls this hook for a file that cannot be collected, which has already counted.
            if report.outcome == "failed" and isinstance(report, pytest.TestReport):
                self._tests.change_outcome(report)
        except Exception as error:
            self.internal_errors.note(error)


class ControllerQuarantine(Quarantine):
    """The quarantine in the process that reports: sends workers the list, and writes the terminal summary."""

    @pytest.hookimpl(optionalhook=True)
    @note_errors
    def pytest_configure_node(self, node: Any) -> None:
        """Send a worker on this machine the path of the list."""
        if self._spool is not None and node.gateway.spec.popen and not self.problem:
            node.workerinput[WORKER_INPUT] = str(self._spool)

    @pytest.hookimpl(optionalhook=True)
    @note_errors
    def pytest_xdist_node_collection_finished(self) -> None:
        """Read the list for which the worker has waited."""
        listed = quarantine_list.read(self._spool) if self._spool else None
        self._apply(listed or Listed(problem=LIST_NOT_RECEIVED))

    @pytest.hookimpl(trylast=True)
    @note_errors
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        failures = self.tests.failures if self.tests else {}
        for line in format_summary(failures, self.problem):
            terminalreporter.write_line(line)


def format_summary(failures: Mapping[str, str], problem: str) -> Iterator[str]:
    """Yield the lines of the terminal summary: failures that do not count, or why all of them count."""
    if problem:
        yield f"akastats: quarantine not applied ({escape_unprintable(problem)}); all failures count"
    if failures:
        yield f"akastats: failures in quarantine, which do not fail the run: {len(failures)}"
    for nodeid, reason in list(failures.items())[:MAX_NAMES]:
        yield f"    {escape_unprintable(nodeid)} {reason}"
    if len(failures) > MAX_NAMES:
        yield f"    and {len(failures) - MAX_NAMES} more"
