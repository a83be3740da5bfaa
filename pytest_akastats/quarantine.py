"""Quarantine: failures of listed tests are reported as expected ones, and recorded as what they are.

Registered with `--akastats-quarantine` only: in the process that reports, and in each that runs tests, since `-x`
counts in both. The list comes from the shipper, in a file beside the spool; what a failure really was stays on its
report for the recorder. Nothing here decides what is in quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from akastats.formatting import escape_unprintable
from akastats.spool import quarantine_list, shipper_state
from akastats.spool.quarantine_list import Listed
from akastats.spool.shipper_state import State
from pytest_akastats import clocks
from pytest_akastats.internal_errors import Mishaps
from pytest_akastats.probe import QUARANTINED
from pytest_akastats.summary import ABSENT_WAIT_S

#: Key of a worker's input with the path of the spool beside which the list is.
WORKER_INPUT = "akastats_quarantine"

# From the end of collection on; a server on the other side of a slow line has answered by then.
WAIT_S = 2.0
LOOK_S = 0.01
# Whatever tests have done to the clock, so often it is looked at most.
LOOKS = int(WAIT_S / LOOK_S)

REASON = "quarantined "
NOTHING_CAME = f"no list of it came within {WAIT_S:g} s"

# Number of tests that the end of the run names.
NAMED = 5


class Quarantine:
    """Waits for the list, and reports failures of listed tests as expected in this process."""

    def __init__(self, config: pytest.Config, internal_errors: Mishaps) -> None:
        self._clock: Callable[[], float] = clocks.monotonic
        self._sleep: Callable[[float], None] = clocks.sleep
        self._config, self._mishaps = config, internal_errors
        self._spool: Path | None = None
        self._name: Callable[[str], str] = str
        self.problem = ""
        self.excuses: Excuses | None = None

    def begin(self, spool: Path, name: Callable[[str], str] = str) -> None:
        """Say beside which spool the list will lie, and how node ids are written in it."""
        self._spool, self._name = spool, name

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        try:
            self._take(self._wait())
        except Exception as error:
            self._mishaps.note(error)

    def _wait(self) -> Listed:
        """Return the list as soon as it is written; none after two seconds, sooner without a shipper."""
        if self._spool is None:
            return Listed(problem="this run is not delivered")
        patience = Patience(self._clock())
        for _ in range(LOOKS):
            listed, told = quarantine_list.read(self._spool), shipper_state.read(self._spool)
            if listed is not None:
                return listed
            if patience.is_over(told, self._clock()):
                break
            self._sleep(LOOK_S)
        return Listed(problem=(told.message if told else "") or NOTHING_CAME)

    def _take(self, listed: Listed) -> None:
        self.problem = listed.problem
        if listed.tests and self.excuses is None:
            tests = {name: escape_unprintable(told) for name, told in listed.tests.items()}
            self.excuses = Excuses(self._config, tests, self._name, self._mishaps)
            # Only now: an empty list costs no test anything, and who comes last is asked first, before the
            # recorder, which is to see it, and before pytest's own count.
            self._config.pluginmanager.register(self.excuses, "akastats-excuses")


class Patience:
    """How long the list is waited for: two seconds, less where no server can be reached."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._absent_at: float | None = None

    def is_over(self, told: State | None, now: float) -> bool:
        """Take in the delivery's state at a moment; return whether it has been enough."""
        phase = told.phase if told else shipper_state.STARTING
        if phase != shipper_state.ABSENT:
            self._absent_at = None
        elif self._absent_at is None:
            self._absent_at = now
        is_absent = self._absent_at is not None and now - self._absent_at >= ABSENT_WAIT_S
        return is_absent or phase == shipper_state.FAILED or now - self._began >= WAIT_S


class Excuses:
    """Reports failures of listed tests as expected ones, with what they were."""

    def __init__(
        self, config: pytest.Config, tests: Mapping[str, str], name: Callable[[str], str], internal_errors: Mishaps
    ) -> None:
        self._config, self._tests, self._name, self._mishaps = config, tests, name, internal_errors
        self._has_subtests = False
        # Failures that do not count, with the end of the quarantine and its reason.
        self.excused: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            if report.outcome != "passed":
                self.see(report)
        except Exception as error:
            self._mishaps.note(error)

    def see(self, report: pytest.TestReport) -> None:
        """Report the failure of a listed test as expected; workers have done so for their tests."""
        if report.outcome == "failed":
            told = self._told(report.nodeid)
            if told is not None:
                setattr(report, QUARANTINED, report.outcome)
                report.outcome, report.wasxfail = "skipped", f"{REASON}{told}"
        if QUARANTINED in report.__dict__:
            self.excused[report.nodeid] = report.wasxfail.removeprefix(REASON)
            if "context" in report.__dict__ and not self._has_subtests:
                self._has_subtests = True
                self._config.pluginmanager.register(OfSubtests(self, self._mishaps), "akastats-excuses-subtests")

    def _told(self, nodeid: str) -> str | None:
        """Return until when and why a test is in quarantine, `None` for one that is not."""
        told = self._tests.get(nodeid)
        if told is None and nodeid.rfind("@") > nodeid.rfind("]"):
            # With `--dist loadgroup` pytest-xdist appends `@group`.
            told = self._tests.get(nodeid := nodeid[: nodeid.rfind("@")])
        if told is None and "[" in nodeid:
            # Secrets in parameters are not in the list.
            told = self._tests.get(self._name(nodeid))
        return told


class OfSubtests:
    """Handles listed tests that pytest fails late, on the controller, because their subtests failed."""

    def __init__(self, excuses: Excuses, internal_errors: Mishaps) -> None:
        self._excuses, self._mishaps = excuses, internal_errors

    def pytest_report_teststatus(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        try:
            # A file that cannot be collected is shown by its report too, and has counted already.
            if report.outcome == "failed" and isinstance(report, pytest.TestReport):
                self._excuses.see(report)
        except Exception as error:
            self._mishaps.note(error)


class Reporting(Quarantine):
    """The quarantine in the controller: informs workers of pytest-xdist and the end of the run."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send a worker on this machine the path of the list."""
        try:
            if self._spool is not None and node.gateway.spec.popen and not self.problem:
                node.workerinput[WORKER_INPUT] = str(self._spool)
        except Exception as error:
            self._mishaps.note(error)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Read the list for which the worker has waited."""
        try:
            listed = quarantine_list.read(self._spool) if self._spool else None
            self._take(listed or Listed(problem=NOTHING_CAME))
        except Exception as error:
            self._mishaps.note(error)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        try:
            excused = self.excuses.excused if self.excuses else {}
            for line in lines(excused, self.problem):
                terminalreporter.write_line(line)
        except Exception as error:
            self._mishaps.note(error)


def lines(excused: Mapping[str, str], problem: str) -> Iterator[str]:
    """Yield what the end of a run says: which failures did not count, or why all of them did."""
    if problem:
        yield f"akastats: without quarantine, so all failures count: {escape_unprintable(problem)}"
    if excused:
        yield f"akastats: failed in quarantine, which does not fail the run: {len(excused)}"
    for nodeid, told in list(excused.items())[:NAMED]:
        yield f"    {escape_unprintable(nodeid)} {told}"
    if len(excused) > NAMED:
        yield f"    and {len(excused) - NAMED} more"
