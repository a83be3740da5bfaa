"""Write pytest's reports to the spool, one line per finished test, in the test process.

It uses no network, lock or thread, and imports nothing once the run has begun. An internal error becomes one
warning.
"""

from __future__ import annotations

import base64
import copy
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import starmap
from json.encoder import encode_basestring_ascii as quote
from typing import Any

import pytest

from akastats.redact import Redactor
from akastats.redact.excerpt import make_bytes_excerpt, make_excerpt
from akastats.spool.format import ATTEMPT, BEGAN, PASSED_ATTEMPT, RERUN
from akastats.spool.records import (
    Attempt,
    BudgetMarker,
    CollectedFile,
    CollectionError,
    Content,
    Costs,
    Failure,
    FixtureBuild,
    FixtureSet,
    FixtureTimes,
    ImportTime,
    Metrics,
    PlannedTests,
    Process,
    PushedValue,
    RunEnd,
    RunHeader,
    encode_builds,
    encode_content,
    encode_files,
    encode_fixtures,
    encode_imports,
    encode_values,
)
from akastats.spool.writer import Writer
from pytest_akastats.budgets import ATTRIBUTE as BUDGET
from pytest_akastats.budgets import BudgetReading
from pytest_akastats.failure_text import make_failure_text, shorten_paths
from pytest_akastats.internal_errors import note_errors
from pytest_akastats.names import Location, RecordedNames, remove_group
from pytest_akastats.probe import ATTRIBUTE, QUARANTINED, Probe, Readings

# Maximum number of redacted names in the cache. Each name is written three times.
CACHED_NAMES = 1024

# Maximum difference between pytest's clock and the probe's at the end of a test, in seconds. A larger one means
# that a test has moved the clock.
MAX_DRIFT_S = 1.0

# Outcomes that pytest itself reports. Retry plugins report others for attempts that they will repeat.
OUTCOMES = ("passed", "failed", "skipped")
WITHOUT_ERROR = ("passed", "skipped")

# Readings of a test that ran in a forked process, where there is no probe.
NO_READINGS: Readings = (None, "", (), (), (), (), (), None, None, (), ())

# CPU seconds of the phases of a test in a forked process: -1 microsecond means unknown.
NO_CPU = (-1e-6, -1e-6, -1e-6)

# Phase that pytest-xdist reports for the test during which a worker died.
CRASHED = "???"

# Reports of a running test in the order of PHASES; `None` for phases that have not ended.
Held = list["pytest.TestReport | None"]
POSITION = {"setup": 0, "call": 1, "teardown": 2}

# Placeholder for the location before the first test.
_NOWHERE: Location = ("", None, "")
# Placeholder for the reports while no test is running.
_NONE: Held = [None, None, None]


class Recorder:
    """Writes pytest's reports as spool records, in the controller of pytest-xdist or in the only process."""

    # After pluggy has listed the attributes of a plugin, CPython finds attributes in a dictionary more slowly.
    # Without slots, a test takes 24,000 instructions more, which is 1 % of a trivial one.
    __slots__ = (
        "_directory",
        "_elsewhere",
        "_fixture_sets",
        "_held",
        "_interrupted",
        "_invalid_tests",
        "_is_grouped",
        "_location",
        "_marker_problem",
        "_name",
        "_own",
        "_planned",
        "_probe",
        "_redact",
        "_running",
        "_started",
        "_started_id",
        "_started_name",
        "_unreported",
        "_write",
        "_writer",
        "internal_errors",
    )

    def __init__(
        self,
        writer: Writer,
        probe: Probe,
        redact: Redactor,
        names: RecordedNames,
        is_grouped: bool = False,
        directory: str = "",
    ) -> None:
        """Record into `writer`, with paths in tracebacks relative to `directory`.

        `is_grouped` is whether pytest-xdist appends groups to node ids.
        """
        self._writer, self._write = writer, writer.append
        self._probe = probe
        self._redact = redact
        self._name = lru_cache(CACHED_NAMES)(names)
        self._is_grouped = is_grouped
        self._directory = directory
        # Reports of running tests by worker (empty for this process) and node id. Some plugins run several tests
        # at once.
        self._held: defaultdict[str, dict[str, Held]] = defaultdict(dict)
        # Start of the recording in epoch seconds; no test starts earlier.
        self._started = probe.wall()
        self._own = self._held[""]
        # The test that was started last: node id, recorded name as JSON, location. All reports of an item have the
        # same location object, which is faster to compare than node ids.
        self._started_id, self._started_name, self._location = "", "", _NOWHERE
        # The reports of that test, if its setup passed in this process.
        self._running = _NONE
        self.internal_errors = probe.internal_errors
        self._interrupted = False
        # The first problem that a worker had while recording; empty if there is none.
        self._elsewhere = ""
        # Problem of the first invalid marker, and node ids of all tests with invalid markers.
        self._marker_problem = ""
        self._invalid_tests: set[str] = set()
        self._planned = 0
        # Number of each combination of fixtures that is already in the spool.
        self._fixture_sets: dict[tuple[tuple[str, ...], ...], int] = {}
        # Failed collections that pytest has not reported yet.
        self._unreported: list[pytest.CollectReport] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str, location: Location) -> None:
        try:
            began = self._probe.begin(nodeid) * 1e6
            self._started_id, self._location, self._running = nodeid, location, _NONE
            if self._is_grouped:
                nodeid = remove_group(nodeid, location)
            # Only parameters can add secrets to a node id.
            if "[" in nodeid:
                nodeid = self._name(nodeid)
            self._started_name = name = quote(nodeid)
            if not self.internal_errors.is_off:
                self._write(BEGAN % (name, began))
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Handle the most common case first: a test that passes in this process.
        try:
            if report.location is self._location and report.outcome == "passed":
                setup, call, _ = self._running
                when = report.when
                if when == "call":
                    if setup is not None and call is None:
                        self._running[1] = report
                        return
                elif when == "setup":
                    if self._started_id not in self._own:
                        self._own[self._started_id] = self._running = [report, None, None]
                        return
                elif setup is not None and call is not None and _is_plain_teardown(report):
                    self._running = _NONE
                    self._own.pop(self._started_id, None)
                    self._finish_running(setup, call, report)
                    return
            self._take(report)
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, report: Any) -> None:
        # With `--pdb`, the debugger opens before pytest reports the error; quitting it ends the session.
        if isinstance(node, pytest.Collector):
            self._unreported.append(report)

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._unreported = [each for each in self._unreported if each is not report]
            self._write_collection_error(report)
        elif report.skipped:
            # Like pytest, count a module that skips itself as one skipped test.
            now = int(self._probe.wall() * 1e6)
            self._write_content(Attempt(self._name(report.nodeid) or ".", "", "s--", now, 0, 0, 0))

    def _write_collection_error(self, report: pytest.CollectReport) -> None:
        raised = report.__dict__.pop(ATTRIBUTE, None) or self._probe.take_collection_error(report.nodeid)
        now = int(self._probe.wall() * 1e6)
        self._write_content(CollectionError(self._name(report.nodeid), raised, self._text(report), now))

    def _end_collection(self) -> None:
        """Write the collection errors that pytest did not report, because the session ended in the debugger."""
        unreported, self._unreported = self._unreported, []
        for report in unreported:
            self._write_collection_error(report)

    @note_errors
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # The controller of pytest-xdist collects nothing.
        self._write_planned(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    @note_errors
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Record the number of tests that a worker collected; all workers collect the same tests."""
        # With `--dist each` every worker runs every test, so the number of one worker is not that of the run.
        if node.config.getoption("dist", "") != "each":
            self._write_planned(len(ids))

    def _write_planned(self, count: int) -> None:
        """Write the number of tests, from which the page computes a run's progress."""
        if count > self._planned:
            self._planned = count
            self._write_content(PlannedTests(count))

    @note_errors
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self._interrupted = not isinstance(excinfo.value, pytest.Session.Interrupted)

    @pytest.hookimpl(optionalhook=True)
    @note_errors
    def pytest_testnodedown(self, node: Any) -> None:
        """Record the last readings of a worker of pytest-xdist."""
        output = getattr(node, "workeroutput", None) or {}
        fixtures, collected, values, process, loss = output.pop(ATTRIBUTE, ((), (), (), (), ""))
        self._elsewhere = self._elsewhere or loss
        self._write_remaining(node.gateway.id, fixtures, collected, values, process)

    def begin(self, header: RunHeader) -> None:
        """Write the run's first record."""
        self._write_content(header)

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_sessionfinish(self) -> None:
        self._probe.process.note("finished")

    def finish(self, exit_code: int) -> None:
        """Write the remaining records, and the record that ends the run."""
        self._end_unfinished()
        self._write_own_readings()
        self._write_end(exit_code)

    @note_errors
    def _end_unfinished(self) -> None:
        self._end_collection()
        self._end_all()

    @note_errors
    def _write_own_readings(self) -> None:
        probe = self._probe
        probe.note_end()
        fixtures, collected, values = probe.fixtures.take(), probe.take_collected(), probe.take_values()
        self._write_remaining("", fixtures, collected, values, probe.take_process())

    @note_errors
    def _write_end(self, exit_code: int) -> None:
        # Write this even if internal errors have stopped the recording, because the run has ended.
        self._writer.append(encode_content(RunEnd(self._probe.wall(), exit_code, self._interrupted)))
        self._writer.close()

    @property
    def loss(self) -> str:
        """The reason why records are lost, here or in a worker; empty if none are."""
        return self._writer.trouble or self._elsewhere

    @property
    def marker_problem(self) -> str:
        """The problem of the first invalid marker; empty if all are valid."""
        others = len(self._invalid_tests) - 1
        more = f"; {others} more tests have invalid markers" if others > 0 else ""
        return f"{self._marker_problem}{more}"

    def _take(self, report: pytest.TestReport) -> None:
        if report.outcome == "passed" and report.when in ("setup", "call"):
            self._hold_passed(report)
        else:
            self._take_outcome(report)

    def _hold_passed(self, report: pytest.TestReport) -> None:
        tests = self._held[report.__dict__.get("worker_id", "")]
        nodeid = self._nodeid(report)
        held = tests.get(nodeid)
        if held is None and report.when == "setup":
            tests[nodeid] = [report, None, None]
            announced = report.__dict__.pop(ATTRIBUTE, None)
            if announced:
                self._write_remaining(report.__dict__.get("worker_id", ""), (), (), (), announced[10])
        elif held is not None and held[1] is None and report.when == "call":
            held[1] = report
        else:
            self._hold(report, tests)

    def _take_outcome(self, report: pytest.TestReport) -> None:
        content = report.__dict__
        worker = content.get("worker_id", "")
        readings = (content.pop(ATTRIBUTE, None) if worker else self._probe.get_readings(report)) or NO_READINGS
        if report.outcome not in WITHOUT_ERROR or QUARANTINED in content:
            self._error(report, worker, readings[1])
        if report.when == "teardown":
            if BUDGET in content:
                self._take_budget(self._get_recorded_name(report), content.pop(BUDGET))
            self._running = _NONE
            held = self._held[worker].pop(self._nodeid(report), None) or [None, None, None]
            self._finish(held, report, worker, readings)
        elif report.when == CRASHED:
            # The record of the crash ends this attempt.
            self._held[_worker_of_crash(report, worker)].pop(report.nodeid, None)
        else:
            self._hold(report, self._held[worker])

    def _hold(self, report: pytest.TestReport, tests: dict[str, Held]) -> None:
        held = tests.setdefault(self._nodeid(report), [None, None, None])
        if report.when == "setup" and (held[0] is not None or held[1] is not None):
            self._end_attempt(held, report)
        elif report.when != "setup" and held[1] is not None:
            self._end_call(held, report)
        # Copy the report, because pytest-retry changes the outcome of a report that it has already logged. A phase
        # that a plugin adds counts as part of the call.
        held[POSITION.get(str(report.when), 1)] = copy.copy(report)

    def _error(self, report: pytest.TestReport, worker: str, raised: str) -> None:
        content = report.__dict__
        outcome = report.outcome if report.outcome in OUTCOMES else "rerun"
        kind: str = "subtest" if "context" in content else content.get(QUARANTINED, outcome)
        if str(report.when) == CRASHED:
            kind, worker = "crash", _worker_of_crash(report, worker)
        now = int(self._probe.wall() * 1e6)
        name, text = self._get_recorded_name(report), self._text(report)
        self._write_content(Failure(name, worker, str(report.when), kind, raised, text, now))

    def _nodeid(self, report: pytest.TestReport) -> str:
        """Return the key of a test's reports: its node id, even if a conftest has changed that of the report."""
        return self._started_id if report.location is self._location else report.nodeid

    def _get_recorded_name(self, report: pytest.TestReport) -> str:
        """Return the node id under which the test of a report is recorded."""
        # A conftest may decode node ids in reports, for HTML reports. The name is that of the report.
        nodeid = report.nodeid
        if self._is_grouped:
            nodeid = remove_group(nodeid, report.location)
        return self._name(nodeid) if "[" in nodeid else nodeid

    def _take_budget(self, nodeid: str, reading: BudgetReading) -> None:
        budget, problem = reading
        if budget:
            self._write_content(BudgetMarker(nodeid, **budget))
        if problem:
            self._marker_problem = self._marker_problem or f"{nodeid}: its marker akastats {self._redact(problem)}"
            self._invalid_tests.add(nodeid)

    def _end_attempt(self, held: Held, report: pytest.TestReport) -> None:
        """End an attempt without a teardown report, which another attempt follows."""
        self._finish(held, None, report.__dict__.get("worker_id", ""), NO_READINGS)
        held[0] = held[1] = None

    def _end_call(self, held: Held, report: pytest.TestReport) -> None:
        """End an attempt whose call is reported again, because it failed or a plugin retries it.

        A call that passed, or a subtest, is replaced by the report that follows.
        """
        before = held[1]
        if before is not None and "context" not in before.__dict__ and before.outcome not in WITHOUT_ERROR:
            self._end_attempt(held, report)

    def _end_all(self) -> None:
        """End every attempt with an outcome but without a teardown report, because something ended the run."""
        for worker, tests in self._held.items():
            for held in tests.values():
                setup, call, _ = held
                # A test that has only completed its setup was running and has no outcome.
                if call is not None or (setup is not None and setup.outcome != "passed"):
                    self._finish(held, None, worker, NO_READINGS)
            tests.clear()

    def _finish(self, held: Held, teardown: pytest.TestReport | None, worker: str, readings: Readings) -> None:
        setup, call, _ = held
        # At least one report exists when an attempt ends.
        nodeid = self._get_recorded_name(next(filter(None, (teardown, call, setup))))
        if readings[5]:
            self._write_retried(nodeid, worker, readings[5])
        start, d0, d1, d2 = self._times(setup, call, teardown, readings[0])
        letters = _letter(setup) + _letter(call) + _letter(teardown)
        if readings[4]:
            self._write_values(nodeid, worker, readings[4])
        if readings[6] or readings[7] is not None or readings[9]:
            self._write_numbers(worker, readings)
        cpu = [used * 1e6 for used in readings[8] or NO_CPU]
        numbers = (start * 1e6, d0 * 1e6, d1 * 1e6, d2 * 1e6, *cpu)
        self._append(ATTEMPT % (quote(nodeid), worker, letters, *numbers))
        if readings[2] or readings[3] or readings[10]:
            self._write_remaining(worker, readings[2], readings[3], (), readings[10])

    def _write_numbers(self, worker: str, readings: Readings) -> None:
        """Write metrics, fixtures and CPU times of the attempt that follows."""
        metrics, names, costs = dict(readings[6]), readings[7], readings[9]
        if names is not None:
            metrics["fixture_set"] = self._number_fixtures(tuple(map(tuple, names)))
        if metrics:
            self._write_content(Metrics(worker, metrics))
        if costs:
            self._write_content(Costs(worker, costs))

    def _number_fixtures(self, names: tuple[tuple[str, ...], ...]) -> int:
        """Return the number of a combination of fixtures; write the combination at its first use."""
        number = self._fixture_sets.get(names)
        if number is None:
            number = self._fixture_sets[names] = len(self._fixture_sets)
            self._write_content(FixtureSet(number, *names))
        return number

    def _finish_running(
        self, setup: pytest.TestReport, call: pytest.TestReport, teardown: pytest.TestReport
    ) -> None:
        """Write the record of a test that passed in this process, in half the instructions of `_finish`."""
        readings = self._probe.get_readings(teardown) or NO_READINGS
        times, _, fixtures, collected, values, retried, metrics, names, cpu, costs, process = readings
        if (
            times is not None
            and names is None
            and not (fixtures or collected or values or retried or metrics or costs or process)
        ):
            start, o0, o1, o2, drift = times
            c0, c1, c2 = cpu
            d0, d1, d2 = setup.duration, call.duration, teardown.duration
            if (
                -MAX_DRIFT_S < drift < MAX_DRIFT_S
                and d0 > 0 < d1
                and 0 < d2
                and d0 + d1 + d2 <= o0 + o1 + o2
                and teardown.nodeid == self._started_id
                and setup.outcome == call.outcome == "passed"
                and "wasxfail" not in setup.__dict__
                and "wasxfail" not in call.__dict__
            ):
                if not self.internal_errors.is_off:
                    wall = (self._started_name, start * 1e6, d0 * 1e6, d1 * 1e6, d2 * 1e6)
                    self._write(PASSED_ATTEMPT % (*wall, c0 * 1e6, c1 * 1e6, c2 * 1e6))
                return
        self._finish([setup, call, None], teardown, "", readings)

    def _write_retried(self, nodeid: str, worker: str, attempts: Iterable[Any]) -> None:
        """Write failed attempts that a plugin has retried without logging them."""
        for when, raised, text, start, duration in attempts:
            start = self._within_run(start, duration)
            end = int((start + duration) * 1e6)
            excerpt = make_excerpt(text, self._redact)
            self._write_content(Failure(nodeid, worker, when, "rerun", raised, excerpt, end))
            start_us, duration_us = int(start * 1e6), int(duration * 1e6)
            letters, durations = ("r--", (duration_us, 0, 0)) if when == "setup" else ("-r-", (0, duration_us, 0))
            self._write_content(Attempt(nodeid, worker, letters, start_us, *durations))

    def _times(
        self,
        setup: pytest.TestReport | None,
        call: pytest.TestReport | None,
        teardown: pytest.TestReport | None,
        times: tuple[float, ...] | None,
    ) -> tuple[float, float, float, float]:
        """Return the start of an attempt (epoch seconds) and the durations of its phases (seconds).

        The duration in a report is more exact than the time between two readings of the probe. It is the only one
        if a plugin runs the tests' bodies itself. The readings are used if a test froze or moved the clock. Then
        durations are not positive or longer than the run so far, or pytest's clock is wrong at the end.
        """
        d0 = setup.duration if setup else 0.0
        d1 = call.duration if call else 0.0
        d2 = teardown.duration if teardown else 0.0
        if times is None:
            return self._start(setup, call, teardown), d0, d1, d2
        start, o0, o1, o2, drift = times
        ours, theirs = o0 + o1 + o2, d0 + d1 + d2
        is_frozen = d2 <= 0 or (setup and d0 <= 0) or (call and d1 <= 0)
        if is_frozen or not -MAX_DRIFT_S < drift < MAX_DRIFT_S:
            return start, o0, o1, o2
        if theirs > ours:
            if theirs > start + ours - self._started:
                return start, o0, o1, o2
            # A plugin ran the body of the test before pytest called it.
            start = self._start(setup, call, teardown)
        return start, d0, d1, d2

    def _start(self, *reports: pytest.TestReport | None) -> float:
        took = sum(report.duration for report in reports if report)
        return self._within_run(next((report.start for report in reports if report), 0.0), took)

    def _within_run(self, start: float, duration: float) -> float:
        """Return the reported start (epoch seconds), or the current time if pytest's clock was moved."""
        now = self._probe.wall()
        return start if self._started - MAX_DRIFT_S <= start <= now + MAX_DRIFT_S else now - max(0.0, duration)

    def _write_remaining(
        self,
        worker: str,
        fixtures: Iterable[Any],
        collected: Iterable[Any],
        values: Iterable[Any],
        process: tuple[Any, ...],
    ) -> None:
        self._append_all(encode_fixtures(map(FixtureTimes._make, fixtures)))
        self._append_all(encode_files(worker, map(CollectedFile._make, collected)))
        self._write_values("", worker, values)
        if process:
            self._write_process(worker, *process)

    def _write_process(
        self, worker: str, times: tuple[Any, ...], builds: Iterable[Any], imports: Iterable[Any]
    ) -> None:
        if times:
            self._write_content(Process(worker, *times))
        self._append_all(encode_builds(worker, map(self._make_build, builds)))
        for phase, packages in imports:
            self._append_all(encode_imports(worker, phase, starmap(self._make_import, packages)))

    def _make_build(self, build: tuple[str, str, str, float]) -> FixtureBuild:
        """Return a setup whose node id has no secret and no group."""
        baseid, name, nodeid, seconds = build
        return FixtureBuild(baseid, name, self._name(nodeid) if "[" in nodeid else nodeid, seconds)

    def _make_import(
        self, package: str, modules: int, seconds: float, compiled: float, nodeid: str = ""
    ) -> ImportTime:
        """Return imports whose node id has no secret; the delivery removes the group."""
        return ImportTime(package, modules, seconds, self._name(nodeid) if "[" in nodeid else nodeid, compiled)

    def _write_values(self, nodeid: str, worker: str, values: Iterable[Any]) -> None:
        self._append_all(encode_values(nodeid, worker, map(self._make_value, values)))

    def _make_value(self, value: tuple[float, str, float, str | bytes | None]) -> PushedValue:
        """Return a value of `stat` without secrets."""
        timestamp, label, number, context = value
        if isinstance(context, bytes):
            excerpt = make_bytes_excerpt(context, self._redact)
            encoded = {"base64": base64.b64encode(excerpt).decode()}
            return PushedValue(timestamp, self._name(label), number, encoded)
        return PushedValue(timestamp, self._name(label), number, context and make_excerpt(context, self._redact))

    def _text(self, report: pytest.TestReport | pytest.CollectReport) -> str:
        return make_excerpt(shorten_paths(make_failure_text(report), self._directory), self._redact)

    def _write_content(self, content: Content) -> None:
        self._append(encode_content(content))

    def _append_all(self, contents: Iterable[str]) -> None:
        for content in contents:
            self._append(content)

    def _append(self, content: str) -> None:
        if not self.internal_errors.is_off:
            self._writer.append(content)


def _worker_of_crash(report: pytest.TestReport, worker: str) -> str:
    """Return the worker that a crash report is about.

    pytest-xdist reports its node; pytest-forked reports the crash of a fork in the same way without a node.
    """
    node = report.__dict__.get("node")
    return str(node.gateway.id) if node else worker


def _is_plain_teardown(report: pytest.TestReport) -> bool:
    """Return whether a passed report is that of a teardown without a budget or an expected failure."""
    content = report.__dict__
    return report.when == "teardown" and BUDGET not in content and "wasxfail" not in content


def _letter(report: pytest.TestReport | None) -> str:
    if report is None:
        return "-"
    if "wasxfail" in report.__dict__:
        return "f" if QUARANTINED in report.__dict__ else _EXPECTED.get(report.outcome, RERUN)
    return report.outcome[0] if report.outcome in OUTCOMES else RERUN


# The report of a test with an expected failure is "skipped" if the test failed, and "passed" if it did not.
_EXPECTED = {"skipped": "x", "passed": "X", "failed": "f"}
