"""Recording: one line per finished test into the spool, and nothing else, in the process of the tests.

No network, no lock, no thread, no import once the run has begun. An internal error becomes one warning.
"""

from __future__ import annotations

import base64
import copy
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import Any

import pytest

from akastats.redact import Redactor
from akastats.redact.excerpt import make_bytes_excerpt, make_excerpt
from akastats.spool.format import ATTEMPT, BEGAN, PASSED_ATTEMPT, RERUN
from akastats.spool.writer import Writer
from pytest_akastats.budgets import ATTRIBUTE as BUDGET
from pytest_akastats.budgets import Told
from pytest_akastats.failure_text import text_of, with_relative_paths
from pytest_akastats.names import Location, Names, without_group
from pytest_akastats.probe import ATTRIBUTE, QUARANTINED, Probe, Readings

# Redacted names that are cached: a test's name is written three times.
REMEMBERED = 1024

# Bytes of JSON a list record holds: far under the spool's limit of 64 KiB a record.
MAX_LIST = 32 * 1024
# Most elements of a list record, and so most points of one record.
MAX_ITEMS = 50

# Seconds: if pytest's clock differs more from ours at the end of a test, a test moved it.
MAX_DRIFT_S = 1.0

# Outcomes that pytest itself reports. Any other is a retry plugin's name for an attempt that another one follows.
OUTCOMES = ("passed", "failed", "skipped")
WITHOUT_ERROR = ("passed", "skipped")

# Readings of a test whose process has no probe: it ran in a fork of its own.
UNREAD: Readings = (None, "", (), (), (), ())

# The phase that pytest-xdist reports for the test at which a worker died.
CRASHED = "???"

# The reports of a test that is not over: by phase, in the order of PHASES.
Held = list["pytest.TestReport | None"]
POSITION = {"setup": 0, "call": 1, "teardown": 2}

# The location before any test was started.
_NOWHERE: Location = ("", None, "")
# The reports of no running test.
_NONE: Held = [None, None, None]


class Recorder:
    """Turns pytest's reports into spool records, on the controller (or the only process)."""

    # pluggy lists the attributes of a plugin, after which CPython finds those in a dictionary more slowly: without
    # slots a test costs 24,000 instructions more, which is 1 % of a trivial one.
    __slots__ = (
        "_directory",
        "_dumps",
        "_elsewhere",
        "_held",
        "_interrupted",
        "_is_grouped",
        "_location",
        "_mishaps",
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
        "_wrong_marker",
        "_wrongly_marked",
    )

    def __init__(
        self,
        writer: Writer,
        probe: Probe,
        redact: Redactor,
        names: Names,
        is_grouped: bool = False,
        directory: str = "",
    ) -> None:
        """Record into `writer`; `is_grouped` is whether pytest-xdist appends groups to node ids."""
        self._writer, self._write = writer, writer.append
        self._probe = probe
        self._redact = redact
        self._name = lru_cache(REMEMBERED)(names)
        self._is_grouped = is_grouped
        self._directory = directory
        # Reports of unfinished tests by worker ("" is this process) and node id: plugins run several at once.
        self._held: defaultdict[str, dict[str, Held]] = defaultdict(dict)
        # Start of the recording: no test can have taken longer.
        self._started = probe.wall()
        self._own = self._held[""]
        # The test that was started last: node id, recorded name as JSON, location. An item has one location, so
        # that its reports are recognised without reading their node ids.
        self._started_id, self._started_name, self._location = "", "", _NOWHERE
        # The reports of that test, if its setup passed in this process.
        self._running = _NONE
        self._dumps = json.JSONEncoder(separators=(",", ":")).encode
        self._mishaps = probe.internal_errors
        self._interrupted = False
        # What workers could not record.
        self._elsewhere = ""
        # The problem of the first invalid marker, and the tests with invalid markers.
        self._wrong_marker = ""
        self._wrongly_marked: set[str] = set()
        self._planned = 0
        # Failed collections that pytest has not reported yet.
        self._unreported: list[pytest.CollectReport] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str, location: Location) -> None:
        try:
            began = self._probe.begin() * 1e6
            self._started_id, self._location, self._running = nodeid, location, _NONE
            if self._is_grouped:
                nodeid = without_group(nodeid, location)
            # Secrets come into a node id as parameters, and only then.
            if "[" in nodeid:
                nodeid = self._name(nodeid)
            self._started_name = name = quote(nodeid)
            if not self._mishaps.is_off:
                self._write(BEGAN % (name, began))
        except Exception as error:
            self._mishaps.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The shortest way is that of the most common case by far: the started test passes in this process.
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
            self._mishaps.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, report: Any) -> None:
        # `--pdb` asks its user before pytest reports the error: whoever quits there ends the session.
        try:
            if isinstance(node, pytest.Collector):
                self._unreported.append(report)
        except Exception as error:
            self._mishaps.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        try:
            if report.failed:
                self._unreported = [each for each in self._unreported if each is not report]
                self._say_uncollected(report)
            elif report.skipped:
                # A module that skips itself counts as a test that was skipped, as pytest counts it.
                now = int(self._probe.wall() * 1e6)
                self._say("test", self._name(report.nodeid) or ".", "", "s--", now, 0, 0, 0)
        except Exception as error:
            self._mishaps.note(error)

    def _say_uncollected(self, report: pytest.CollectReport) -> None:
        raised = report.__dict__.pop(ATTRIBUTE, None) or self._probe.raised_in(report.nodeid)
        now = int(self._probe.wall() * 1e6)
        self._say("uncollected", self._name(report.nodeid), raised, self._text(report), now)

    def _end_collection(self) -> None:
        """Write the collection errors that pytest did not report, because the session ended in the debugger."""
        unreported, self._unreported = self._unreported, []
        for report in unreported:
            self._say_uncollected(report)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # The controller of pytest-xdist collects nothing.
        try:
            self._plan(len(session.items))
        except Exception as error:
            self._mishaps.note(error)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Take the number of tests that a worker collected; all collect the same, and each test runs once."""
        try:
            # With `--dist each` every worker runs every test: their sum would be known only after the last.
            if node.config.getoption("dist", "") != "each":
                self._plan(len(ids))
        except Exception as error:
            self._mishaps.note(error)

    def _plan(self, count: int) -> None:
        """Write the number of tests, from which the page computes a run's progress."""
        if count > self._planned:
            self._planned = count
            self._say("planned", count)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        try:
            self._interrupted = not isinstance(excinfo.value, pytest.Session.Interrupted)
        except Exception as error:
            self._mishaps.note(error)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist had left to say."""
        try:
            left = getattr(node, "workeroutput", None) or {}
            fixtures, collected, values, trouble = left.pop(ATTRIBUTE, ((), (), (), ""))
            self._elsewhere = self._elsewhere or trouble
            self._say_left(node.gateway.id, fixtures, collected, values)
        except Exception as error:
            self._mishaps.note(error)

    def begin(self, run: Mapping[str, Any]) -> None:
        """Write the run's first record."""
        self._say("run", run)

    def finish(self, exit_code: int) -> None:
        """Write the remaining records, and the record that ends the run."""
        probe = self._probe
        try:
            self._end_collection()
            self._end_all()
        except Exception as error:
            self._mishaps.note(error)
        try:
            self._say_left("", probe.fixtures.take(), probe.take_collected(), probe.take_values())
        except Exception as error:
            self._mishaps.note(error)
        try:
            end = {"finished": probe.wall(), "exit_code": exit_code, "interrupted": self._interrupted}
            # Also where the recording has switched itself off: the run did end.
            self._writer.append(self._dumps(["end", end]))
            self._writer.close()
        except Exception as error:
            self._mishaps.note(error)

    @property
    def trouble(self) -> str:
        """What found no room in the spool, or was not recorded in a worker; empty where all was."""
        return self._writer.trouble or self._elsewhere

    @property
    def wrong_markers(self) -> str:
        """The problem of the first invalid marker; empty if all are valid."""
        others = len(self._wrongly_marked) - 1
        return f"{self._wrong_marker}; so for {others} more" if others > 0 else self._wrong_marker

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
        elif held is not None and held[1] is None and report.when == "call":
            held[1] = report
        else:
            self._hold(report, tests)

    def _take_outcome(self, report: pytest.TestReport) -> None:
        content = report.__dict__
        worker = content.get("worker_id", "")
        readings = (content.pop(ATTRIBUTE, None) if worker else self._probe.reading(report)) or UNREAD
        if report.outcome not in WITHOUT_ERROR or QUARANTINED in content:
            self._error(report, worker, readings[1])
        if report.when == "teardown":
            if BUDGET in content:
                self._take_budget(self._named(report), content.pop(BUDGET))
            self._running = _NONE
            held = self._held[worker].pop(self._nodeid(report), None) or [None, None, None]
            self._finish(held, report, worker, readings)
        elif report.when == CRASHED:
            # The record of the error ends this attempt.
            self._held[_worker_of_crash(report, worker)].pop(report.nodeid, None)
        else:
            self._hold(report, self._held[worker])

    def _hold(self, report: pytest.TestReport, tests: dict[str, Held]) -> None:
        held = tests.setdefault(self._nodeid(report), [None, None, None])
        if report.when == "setup" and (held[0] is not None or held[1] is not None):
            self._end_attempt(held, report)
        elif report.when != "setup" and held[1] is not None:
            self._end_call(held, report)
        # A copy, because pytest-retry changes the outcome of a report that it has already logged.
        # A phase with a name of its own counts as part of the call.
        held[POSITION.get(str(report.when), 1)] = copy.copy(report)

    def _error(self, report: pytest.TestReport, worker: str, raised: str) -> None:
        content = report.__dict__
        outcome = report.outcome if report.outcome in OUTCOMES else "rerun"
        kind: str = "subtest" if "context" in content else content.get(QUARANTINED, outcome)
        if str(report.when) == CRASHED:
            kind, worker = "crash", _worker_of_crash(report, worker)
        now = int(self._probe.wall() * 1e6)
        self._say("error", self._named(report), worker, report.when, kind, raised, self._text(report), now)

    def _nodeid(self, report: pytest.TestReport) -> str:
        """Return the node id under which the reports of a test are held, whatever a conftest calls them."""
        return self._started_id if report.location is self._location else report.nodeid

    def _named(self, report: pytest.TestReport) -> str:
        """Return the node id under which the test of a report is recorded."""
        # Conftests decode the ids in reports, for reports in HTML: history has them as pytest shows them.
        nodeid = report.nodeid
        if self._is_grouped:
            nodeid = without_group(nodeid, report.location)
        return self._name(nodeid) if "[" in nodeid else nodeid

    def _take_budget(self, nodeid: str, told: Told) -> None:
        budget, wrong = told
        if budget:
            self._say("budget", nodeid, budget)
        if wrong:
            self._wrong_marker = self._wrong_marker or f"{nodeid}: its marker akastats {self._redact(wrong)}"
            self._wrongly_marked.add(nodeid)

    def _end_attempt(self, held: Held, report: pytest.TestReport) -> None:
        """End an attempt that another one follows without a teardown report."""
        self._finish(held, None, report.__dict__.get("worker_id", ""), UNREAD)
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
                # A test that only passed its setup has no outcome: it was running.
                if call is not None or (setup is not None and setup.outcome != "passed"):
                    self._finish(held, None, worker, UNREAD)
            tests.clear()

    def _finish(self, held: Held, teardown: pytest.TestReport | None, worker: str, readings: Readings) -> None:
        setup, call, _ = held
        nodeid = self._named(teardown or call or setup)  # type: ignore[arg-type]  # one of them is there
        if readings[5]:
            self._say_retried(nodeid, worker, readings[5])
        start, d0, d1, d2 = self._times(setup, call, teardown, readings[0])
        letters = _letter(setup) + _letter(call) + _letter(teardown)
        if readings[4]:
            self._say_list("stat", readings[4], nodeid, worker)
        self._append(ATTEMPT % (quote(nodeid), worker, letters, start * 1e6, d0 * 1e6, d1 * 1e6, d2 * 1e6))
        if readings[2] or readings[3]:
            self._say_left(worker, readings[2], readings[3], ())

    def _finish_running(
        self, setup: pytest.TestReport, call: pytest.TestReport, teardown: pytest.TestReport
    ) -> None:
        """Write the record of a test that passed in this process, as `_finish` does in twice the instructions."""
        readings = self._probe.reading(teardown) or UNREAD
        times, _, fixtures, collected, values, retried = readings
        if times is not None and not (fixtures or collected or values or retried):
            start, o0, o1, o2, drift = times
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
                if not self._mishaps.is_off:
                    numbers = (self._started_name, start * 1e6, d0 * 1e6, d1 * 1e6, d2 * 1e6)
                    self._write(PASSED_ATTEMPT % numbers)
                return
        self._finish([setup, call, None], teardown, "", readings)

    def _say_retried(self, nodeid: str, worker: str, attempts: Iterable[Any]) -> None:
        """Write failed attempts that a plugin has retried without logging a report of them."""
        for when, raised, text, start, duration in attempts:
            start = self._within_run(start, duration)
            end = int((start + duration) * 1e6)
            self._say("error", nodeid, worker, when, "rerun", raised, make_excerpt(text, self._redact), end)
            durations = (duration, 0.0) if when == "setup" else (0.0, duration)
            letters = "r--" if when == "setup" else "-r-"
            self._say("test", nodeid, worker, letters, int(start * 1e6), *(int(d * 1e6) for d in durations), 0)

    def _times(
        self,
        setup: pytest.TestReport | None,
        call: pytest.TestReport | None,
        teardown: pytest.TestReport | None,
        times: tuple[float, ...] | None,
    ) -> tuple[float, float, float, float]:
        """Return the start of an attempt (epoch seconds) and the durations of its phases (seconds).

        The duration of a report is closer to a phase than the time between our readings, and the only one there
        is where a plugin runs the tests' bodies itself. Ours count where a test froze or moved the clock: then
        durations are not positive, longer than the run so far, or the clock of pytest is off at the end.
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
            # The bodies ran before pytest called them.
            start = self._start(setup, call, teardown)
        return start, d0, d1, d2

    def _start(self, *reports: pytest.TestReport | None) -> float:
        took = sum(report.duration for report in reports if report)
        return self._within_run(next((report.start for report in reports if report), 0.0), took)

    def _within_run(self, start: float, duration: float) -> float:
        """Return the reported start (epoch seconds), or the true time now if that clock was moved."""
        now = self._probe.wall()
        return start if self._started - MAX_DRIFT_S <= start <= now + MAX_DRIFT_S else now - max(0.0, duration)

    def _say_left(self, worker: str, fixtures: Any, collected: Any, values: Any) -> None:
        self._say_list("fixtures", fixtures)
        self._say_list("collected", collected, worker)
        self._say_list("stat", values, "", worker)

    def _say_list(self, kind: str, items: Iterable[Any], *about: str) -> None:
        """Write a list in as many records as it takes."""
        written: list[str] = []
        size = 0
        for item in items:
            text = self._dumps(self._presentable(item) if kind == "stat" else item)
            if written and (len(written) == MAX_ITEMS or size + len(text) > MAX_LIST):
                self._write_list(kind, about, written)
                written, size = [], 0
            written.append(text)
            size += len(text)
        if written:
            self._write_list(kind, about, written)

    def _write_list(self, kind: str, about: tuple[str, ...], written: list[str]) -> None:
        head = self._dumps([kind, *about])
        self._append(f"{head[:-1]},[{','.join(written)}]]")

    def _presentable(self, value: tuple[float, str, float, str | bytes | None]) -> tuple[Any, ...]:
        timestamp, label, number, context = value
        if isinstance(context, bytes):
            given = make_bytes_excerpt(context, self._redact)
            return timestamp, self._name(label), number, {"base64": base64.b64encode(given).decode()}
        return timestamp, self._name(label), number, context and make_excerpt(context, self._redact)

    def _text(self, report: pytest.TestReport | pytest.CollectReport) -> str:
        return make_excerpt(with_relative_paths(text_of(report), self._directory), self._redact)

    def _say(self, *content: Any) -> None:
        self._append(self._dumps(content))

    def _append(self, content: str) -> None:
        if not self._mishaps.is_off:
            self._writer.append(content)


def _worker_of_crash(report: pytest.TestReport, worker: str) -> str:
    """Return the worker that a crash report is about.

    pytest-xdist names it by its node; pytest-forked reports a crashed fork in the same words without a node.
    """
    node = report.__dict__.get("node")
    return str(node.gateway.id) if node else worker


def _is_plain_teardown(report: pytest.TestReport) -> bool:
    """Return whether a report that passed is of a teardown, without a budget or an expected failure."""
    content = report.__dict__
    return report.when == "teardown" and BUDGET not in content and "wasxfail" not in content


def _letter(report: pytest.TestReport | None) -> str:
    if report is None:
        return "-"
    if "wasxfail" in report.__dict__:
        return "f" if QUARANTINED in report.__dict__ else _EXPECTED.get(report.outcome, RERUN)
    return report.outcome[0] if report.outcome in OUTCOMES else RERUN


# With an expected failure "skipped" means that it came, "passed" that it did not.
_EXPECTED = {"skipped": "x", "passed": "X", "failed": "f"}
