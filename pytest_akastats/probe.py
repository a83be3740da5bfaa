"""Measure inside the process that runs the tests: true times, exception classes, fixtures, collection, `stat`.

There is one probe per process. A worker sends its readings on its reports, as one attribute of plain built-ins.
Times are those of `clocks`, which tests cannot freeze or patch.

Hooks that run for every test have their own `try`, which costs nothing without an exception. `note_errors`
would cost a call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest

from akastats.collector import Collector
from pytest_akastats import clocks
from pytest_akastats.clocks import process_time, read_children_cpu
from pytest_akastats.collection_times import sum_directories
from pytest_akastats.failure_text import make_failure_text
from pytest_akastats.garbage_times import GarbageTimer
from pytest_akastats.import_times import ImportTimer
from pytest_akastats.internal_errors import InternalErrors, note_errors
from pytest_akastats.names import Location, remove_group
from pytest_akastats.peak_memory import STEP, read_peak_memory
from pytest_akastats.process_times import ProcessTimes

#: The attribute of a report with a worker's readings.
ATTRIBUTE = "_akastats"

#: The attribute of the report of a quarantined test with its real outcome.
QUARANTINED = "_akastats_quarantined"

# The phase of an exception that failed a collection.
COLLECT = "collect"

# Minimum seconds between two reports with fixture times. If a worker dies, the times since its last such report
# are lost.
FLUSH_S = 1.0

# Minimum duration of a phase in seconds whose garbage collections are recorded.
MIN_COLLECTED_S = 0.001

# Minimum number of seconds without use of the CPU in a phase that may have waited for a child process.
MIN_WAIT_S = 0.001

PHASES = ("setup", "call", "teardown")

# The phase of imports during the tests.
TESTS = "tests"
# Minimum seconds of a recorded import during the tests, and maximum number of recorded imports between two
# reports. Both keep the profile small, because every test may import the same modules again.
MIN_IMPORT_S = 0.001
MAX_IMPORTS = 1_000

# Readings on a report: times of the attempt, exception class, fixtures, collection, stat values, failed attempts
# that were retried without a report (phase, class, text, start, duration), metrics that changed since the previous
# attempt, names of the test's fixtures unless they are those of the previous test, CPU seconds of the phases, CPU
# times of child processes and times of garbage collection, and the remaining readings of the process (see
# `take_process`).
Readings = tuple[Any, ...]


class Probe:
    """Reads the clock between the phases of each test, and adds up the times of fixtures and collection.

    internal_errors: errors of its hooks, and of all plugins that share them.
    fixtures: times of the fixtures.
    collected: seconds of import and collection, by file.
    collectors: collectors of the fixture `stat`.
    lasting: collectors of the fixture `akastats_stat`.
    process: moments of this process.
    garbage: garbage collections of this process.
    """

    # After pluggy has listed the attributes of a plugin, CPython finds attributes in a dictionary more slowly.
    # Without slots, a test takes 24,000 instructions more, which is 1 % of a trivial one.
    __slots__ = (
        "_arguments",
        "_began",
        "_children_cpu",
        "_clock",
        "_collecting",
        "_cpu",
        "_directories",
        "_ended",
        "_epoch",
        "_fixture_names",
        "_flushed",
        "_garbage",
        "_import_timer",
        "_imports",
        "_item",
        "_logged",
        "_overlaps",
        "_peak_memory",
        "_raised",
        "_unlogged",
        "_waited",
        "collected",
        "collectors",
        "fixtures",
        "garbage",
        "internal_errors",
        "lasting",
        "process",
    )

    def __init__(self, epoch: float, clock: Callable[[], float] = clocks.perf_counter) -> None:
        """Measure with `clock`; `epoch` is the wall time minus the performance counter in seconds.

        The wall time is not read again, because a test may freeze or move it.
        """
        self._clock = clock
        self._epoch = epoch
        self._began = 0.0
        self._ended: dict[str, float] = {}
        # CPU seconds of this process at the start of the test, and at the end of each phase.
        self._cpu: dict[str, float] = {}
        # CPU seconds of the children at the last reading, and by phase since the start of the test.
        self._children_cpu: dict[str, float] = {"": read_children_cpu()}
        # Wall time minus CPU time at the end of the last phase, in seconds. Only differences of two values are
        # used.
        self._waited = 0.0
        # The test of the last phase. Names of the fixtures of the last finished test, and the arguments of its
        # function.
        self._item: pytest.Item | None = None
        self._fixture_names: Any = None
        self._arguments: Any = None
        # Whether the running test began before the previous test ended. Then the readings mix several tests.
        self._overlaps = False
        # Exception classes by node id and phase.
        self._raised: dict[tuple[str, str], str] = {}
        # The last failure that pytest logged; failures that it has not logged yet, by node id.
        self._logged: pytest.TestReport | None = None
        self._unlogged: dict[str, list[tuple[pytest.TestReport, str]]] = {}
        self._flushed = 0.0
        # Last recorded peak memory, in bytes.
        self._peak_memory = 0
        # The file that is being collected, and when that began.
        self._collecting = ("", 0.0)
        self._directories: dict[str, float] = {}
        self.internal_errors = InternalErrors()
        self.fixtures = FixtureTimer(clock, self.internal_errors)
        self.collected: dict[str, float] = {}
        self.collectors: list[Collector] = []
        self.lasting: list[Collector] = []
        self.process = ProcessTimes(epoch, clock)
        self.garbage = GarbageTimer(clock)
        # Seconds and number of garbage collections by phase, since the start of the test.
        self._garbage: dict[str, tuple[float, int]] = {}
        self._import_timer: ImportTimer | None = None
        # Imports by phase that are not recorded yet.
        self._imports: dict[str, tuple[Any, ...]] = {}

    def measure_imports(self, timer: ImportTimer) -> None:
        """Take the imports so far from `timer`, which is active; later ones are those of the collection."""
        self._import_timer = timer
        self._imports["conftest"] = timer.take()

    def _stop_imports(self) -> None:
        if self._import_timer is not None:
            self._import_timer.stop()
            self._import_timer = None

    def _take_imports(self, nodeid: str) -> None:
        """Note the slow imports of a test."""
        slow = (
            [each for each in self._import_timer.take() if each[2] >= MIN_IMPORT_S] if self._import_timer else []
        )
        name = escape_surrogates(nodeid)
        if slow and len(self._imports.get(TESTS, ())) < MAX_IMPORTS:
            self._imports[TESTS] = (*self._imports.get(TESTS, ()), *((*each, name) for each in slow))

    def wall(self) -> float:
        """Return the true time, in epoch seconds."""
        try:
            return self._epoch + self._clock()
        except Exception as error:
            # The `stat` fixture reads this clock inside the test.
            self.internal_errors.note(error)
            return self._epoch + self._began

    def begin(self, nodeid: str) -> float:
        """Note that a test begins; return the time in epoch seconds."""
        self._overlaps = bool(self._ended)
        self.fixtures.nodeid = nodeid
        self._cpu[""] = process_time()
        self._began = began = self._clock()
        return self._epoch + began

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        # pytest calls this hook right after each phase. Plugins that rerun a test without logging it call it too.
        try:
            when = call.when
            self._ended[when] = now = self._clock()
            self._cpu[when] = cpu = process_time()
            self._item = item
            if now - cpu > self._waited + MIN_WAIT_S:
                self._note_children(when)
            self._waited = now - cpu
            if self.garbage.passes:
                self._garbage[when] = self.garbage.take()
            if call.excinfo is not None:
                self._raised[item.nodeid, when] = escape_surrogates(call.excinfo.typename)
        except Exception as error:
            self.internal_errors.note(error)

    def _note_children(self, when: str) -> None:
        """Note the CPU seconds of child processes whose end the test awaited in a phase."""
        total = read_children_cpu()
        if total > self._children_cpu[""]:
            self._children_cpu[when] = total - self._children_cpu[""]
            self._children_cpu[""] = total

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: Any, report: Any) -> None:
        if isinstance(node, pytest.Collector):
            # pytest wraps the exception that a module raised at import; users search for the original one.
            raised = call.excinfo.value
            wrapped = raised.__cause__ if isinstance(raised, pytest.Collector.CollectError) else None
            name = type(raised if wrapped is None else wrapped).__name__
            self._raised[node.nodeid, COLLECT] = escape_surrogates(name)
        elif report is not self._logged:
            # pytest logs this report later, or never: pytest-retry and flaky do not log an attempt that they
            # retry.
            name = escape_surrogates(call.excinfo.typename)
            self._unlogged.setdefault(node.nodeid, []).append((report, name))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        # Hide this frame in the traceback of a fixture that fails.
        __tracebackhide__ = True
        timed = None
        try:
            if not self.internal_errors.is_off:
                timed = self.fixtures.begin(fixturedef)
        except Exception as error:
            self.internal_errors.note(error)
        try:
            return (yield)
        finally:
            if timed is not None:
                try:
                    timed.set_up()
                except Exception as error:
                    self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_collection(self, session: pytest.Session) -> None:
        # The controller of pytest-xdist collects nothing.
        if session.config.getoption("dist", "no") == "no" or hasattr(session.config, "workerinput"):
            self.process.note("collection")
        else:
            self._stop_imports()

    @pytest.hookimpl(trylast=True)
    @note_errors
    def pytest_collection_finish(self) -> None:
        self.process.note("collected")
        self.garbage.take()
        self.process.set_duration("gc_collect", int(1e6 * self.garbage.total))
        if self._import_timer is not None:
            self._imports["collect"] = self._import_timer.take()

    # Do not wrap the hook. If a module ends the session at import, its traceback would contain a frame of the
    # wrapper. The collection of a file ends when that of the next file begins.
    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_make_collect_report(self, collector: pytest.Collector) -> None:
        if isinstance(collector, pytest.Directory):
            self._begin_file(f"{collector.nodeid}/")
        else:
            path = "" if isinstance(collector, pytest.Session) else collector.nodeid
            self._begin_file(path.partition("::")[0])

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_collection_modifyitems(self) -> None:
        self._begin_file("")
        self.collected.update(sum_directories(self._directories, self.collected))
        self._directories.clear()

    def _begin_file(self, path: str) -> None:
        """Note that the collection of a file begins and that of the previous one has ended."""
        before, start = self._collecting
        self._collecting = (path, now := self._clock())
        times = self._directories if before.endswith("/") else self.collected
        if before:
            times[before] = times.get(before, 0.0) + now - start

    def get_readings(self, report: pytest.TestReport) -> Readings | None:
        """Return the measurements that a report lacks; `None` if there are none."""
        ended, when = self._ended, report.when
        if report.outcome != "passed":
            self._note_logged(report)
        if when == "teardown" and when in ended:
            return self._finish(ended, report)
        if self._raised and report.outcome != "passed":
            return (None, self._raised.pop((report.nodeid, str(when)), ""), (), (), (), (), (), None, None, (), ())
        return None

    def _note_logged(self, report: pytest.TestReport) -> None:
        """Note that a failure is logged, so that it does not count as an attempt retried without a report."""
        self._logged = report
        attempts = self._unlogged.pop(report.nodeid, ())
        # pytest-retry logs the failure of the last attempt in the report of the first one.
        remaining = [
            each for each in attempts if each[0] is not report and each[0].longrepr is not report.longrepr
        ]
        if remaining:
            self._unlogged[report.nodeid] = remaining

    def _finish(self, ended: dict[str, float], report: pytest.TestReport) -> Readings:
        """Return an attempt's times (start in epoch seconds, three durations, pytest's drift) and other readings.

        The times are `None` if tests overlap, because then the readings are of several tests.
        """
        began, teardown = self._began, ended["teardown"]
        setup = ended.get("setup", began)
        call = ended.get("call", setup)
        times = None
        if not self._overlaps:
            # A test can move pytest's clock, from which the report takes the end of the teardown.
            drift = report.stop - self._epoch - teardown
            times = (self._epoch + began, setup - began, call - setup, teardown - call, drift)
        raised = self._take_raised(report.nodeid) if self._raised else ""
        retried = self._take_unlogged(report.nodeid) if self._unlogged else ()
        used = self._cpu
        before = used[""]
        used_setup = used.get("setup", before)
        used_call = used.get("call", used_setup)
        used[""] = used_teardown = used["teardown"]
        cpu = None if times is None else (used_setup - before, used_call - used_setup, used_teardown - used_call)
        # A rerun for which no start is logged begins when the previous attempt ended.
        self._began = teardown
        ended.clear()
        used.pop("call", None)
        values = self.take_values() if self.collectors or self.lasting else ()
        metrics = self._take_metrics() if read_peak_memory() >= self._peak_memory + STEP else ()
        names = getattr(self._item, "fixturenames", ())
        arguments = getattr(getattr(self._item, "_fixtureinfo", None), "argnames", ())
        # Tests of a function share one list.
        is_same = names == self._fixture_names and arguments == self._arguments
        changed = None if is_same else self._take_fixture_names(names, arguments)
        costs = self._take_children() if len(self._children_cpu) > 1 else {}
        if self._garbage:
            costs |= self._take_garbage(setup - began, call - setup, teardown - call)
        timer = self._import_timer
        if timer is not None and timer.totals:
            self._take_imports(report.nodeid)
        if teardown - self._flushed < FLUSH_S:
            return (times, raised, (), (), values, retried, metrics, changed, cpu, costs, ())
        self._flushed = teardown
        read = (self.fixtures.take(), self.take_collected())
        return (times, raised, *read, values, retried, metrics, changed, cpu, costs, self.take_process())

    def _take_children(self) -> dict[str, int]:
        """Return the CPU microseconds of the children by column of the profile."""
        children = self._children_cpu
        return {f"children_{phase}": int(children.pop(phase) * 1e6) for phase in PHASES if phase in children}

    def _take_garbage(self, *durations: float) -> dict[str, int]:
        """Return garbage collections of the phases that took at least a millisecond, by column of the profile."""
        taken, self._garbage = self._garbage, {}
        costs = {
            f"gc_{phase}": int(1e6 * taken[phase][0])
            for phase, seconds in zip(PHASES, durations, strict=True)
            if phase in taken and seconds >= MIN_COLLECTED_S
        }
        return {**costs, "gc_passes": sum(passes for _, passes in taken.values())} if costs else {}

    def _take_fixture_names(self, names: Any, arguments: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the fixtures that the last test can use, and of those that only `autouse` adds.

        Both are without parameters and the fixtures of pytest.
        """
        self._fixture_names, self._arguments = names, arguments
        item = self._item
        definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
        markers = () if item is None else item.iter_markers("usefixtures")
        requested = _list_requested([*arguments, *(name for each in markers for name in each.args)], definitions)
        visible = [name for name in names if name in definitions and not _is_internal(definitions[name][-1])]
        implicit = [name for name in visible if name not in requested]
        return tuple(map(get_visible_name, visible)), tuple(map(get_visible_name, implicit))

    def note_end(self) -> None:
        """Note the end of the recording in this process, and its garbage collections if they are complete."""
        self.process.note("end")
        if self.garbage.is_active:
            self.garbage.take()
            self.process.set_duration("gc", int(1e6 * self.garbage.total))
            self.process.set_duration("gc_passes", self.garbage.total_passes)

    def take_process(self) -> tuple[Any, ...]:
        """Remove and return moments and durations of this process, setups of fixtures, and imports by phase.

        Empty if there are none.
        """
        times, builds = self.process.take(), self.fixtures.take_builds()
        imports, self._imports = tuple(self._imports.items()), {}
        return (times, builds, imports) if times or builds or imports else ()

    def _take_metrics(self) -> dict[str, int]:
        self._peak_memory = read_peak_memory()
        return {"peak_memory": self._peak_memory}

    def _take_raised(self, nodeid: str) -> str:
        """Return the class of the teardown's exception, and discard those of other phases."""
        raised = {when: self._raised.pop((nodeid, when), "") for when in ("setup", "call", "teardown")}
        return raised["teardown"]

    def _take_unlogged(self, nodeid: str) -> tuple[tuple[Any, ...], ...]:
        """Remove and return a test's failed attempts that were retried without a report, oldest first."""
        return tuple(
            (
                str(report.when),
                raised,
                escape_surrogates(make_failure_text(report)),
                float(report.start),
                float(report.duration),
            )
            for report, raised in self._unlogged.pop(nodeid, ())
        )

    def take_values(self) -> tuple[tuple[Any, ...], ...]:
        """Remove and return the values of `stat` as (time, label, value, context)."""
        taken: list[tuple[Any, ...]] = []
        for collector in (*self.lasting, *self.collectors):
            points, collector.recorded_stats = collector.recorded_stats, []
            taken += map(tuple, points)
        # Forget the collectors at the end of a test. Otherwise each of 10,000 tests would iterate over 10,000
        # collectors.
        self.collectors.clear()
        return tuple(taken)

    def take_collected(self) -> tuple[tuple[str, float], ...]:
        """Remove and return the seconds of import and collection of each file."""
        taken, self.collected = self.collected, {}
        return tuple(taken.items())

    def take_collection_error(self, nodeid: str) -> str:
        """Remove and return the class of the exception that failed the collection of a node."""
        return self._raised.pop((nodeid, COLLECT), "")


class WorkerProbe(Probe):
    """The probe of a worker of pytest-xdist, which attaches its readings to the reports."""

    __slots__ = ("_idle_from", "_is_announced")

    def __init__(self, epoch: float, clock: Callable[[], float] = clocks.perf_counter) -> None:
        """Measure with `clock`; `epoch` is the wall time minus this clock in seconds."""
        super().__init__(epoch, clock)
        # When this worker began to wait for a test; 0 while it runs one.
        self._idle_from = 0.0
        # Whether the moments of this process so far were sent.
        self._is_announced = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str, location: Location) -> None:
        try:
            self.begin(remove_group(nodeid, location) if "@" in nodeid else nodeid)
            self._end_wait()
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        try:
            self._idle_from = self._clock()
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(trylast=True)
    @note_errors
    def pytest_collection_finish(self) -> None:
        super().pytest_collection_finish()
        self._idle_from = self._clock()

    def _end_wait(self) -> None:
        if self._idle_from:
            self.process.add_wait(self._began - self._idle_from)
            self._idle_from = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            readings = self.get_readings(report)
            if readings is None and not self._is_announced and report.when == "setup":
                readings = self._announce()
            if readings is not None and not self.internal_errors.is_off:
                setattr(report, ATTRIBUTE, readings)
        except Exception as error:
            self.internal_errors.note(error)

    def _announce(self) -> Readings:
        """Return the moments of this process, because it may die in its first test."""
        self._is_announced = True
        return (None, "", (), (), (), (), (), None, None, (), self.take_process())

    @pytest.hookimpl(tryfirst=True)
    @note_errors
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            setattr(report, ATTRIBUTE, self.take_collection_error(report.nodeid))

    # Use a wrapper, because pluggy calls no further plugin after one whose hook raises. This wrapper runs inside
    # that of pytest-xdist, which sends the output to the controller.
    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, None]:
        try:
            self._end_tests()
        except Exception as error:
            self.internal_errors.note(error)
        yield
        try:
            self._write_output(session)
        except Exception as error:
            self.internal_errors.note(error)

    def _end_tests(self) -> None:
        self._began = self._clock()
        self._end_wait()
        self.process.note("finished")

    def _write_output(self, session: pytest.Session) -> None:
        self.note_end()
        remaining = (self.fixtures.take(), self.take_collected(), self.take_values(), self.take_process())
        output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]  # set by xdist
        output[ATTRIBUTE] = (*remaining, escape_surrogates(self.internal_errors.message))

    def take_values(self) -> tuple[tuple[Any, ...], ...]:
        """Remove and return the values of `stat` as built-ins, because execnet refuses their subclasses."""
        return tuple(map(_make_portable, super().take_values()))


def escape_surrogates(text: str) -> str:
    """Return `text` as a plain `str` that UTF-8 can encode, with lone surrogates as escapes."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _make_portable(value: tuple[Any, ...]) -> tuple[Any, ...]:
    timestamp, label, number, context = value
    if context is not None:
        context = bytes(context) if isinstance(context, bytes) else escape_surrogates(context)
    return float(timestamp), escape_surrogates(label), float(number), context


class FixtureTimer:
    """Adds up the seconds of each fixture, without those of fixtures that it requests inside its body."""

    def __init__(self, clock: Callable[[], float], internal_errors: InternalErrors) -> None:
        self.clock = clock
        self.internal_errors = internal_errors
        # For each open measurement, innermost last: the seconds of measurements inside it.
        self.nested: list[float] = []
        # Node id of the running test.
        self.nodeid = ""
        # Setups of fixtures with a scope beyond a function: base id, name, node id, seconds.
        self._builds: list[tuple[str, str, str, float]] = []
        self.totals: dict[pytest.FixtureDef[Any], list[float]] = {}

    def begin(self, fixturedef: pytest.FixtureDef[Any]) -> TimedFixture:
        """Begin to measure one setup and its teardown."""
        totals = self.totals.get(fixturedef)
        if totals is None:
            totals = self.totals[fixturedef] = [0, 0.0, 0.0]
        return TimedFixture(self, fixturedef, totals)

    def add_build(self, fixturedef: pytest.FixtureDef[Any], seconds: float) -> None:
        """Note the setup of a fixture whose scope is larger than a function."""
        if not _is_internal(fixturedef):
            name = get_visible_name(fixturedef.argname)
            baseid, nodeid = escape_surrogates(fixturedef.baseid), escape_surrogates(self.nodeid)
            self._builds.append((baseid, name, nodeid, seconds))

    def take_builds(self) -> tuple[tuple[str, str, str, float], ...]:
        """Remove and return the setups since the last call."""
        taken, self._builds = self._builds, []
        return tuple(taken)

    def take(self) -> tuple[tuple[Any, ...], ...]:
        """Remove and return the times since the last call.

        Each is (base id, name, scope, number of setups, setup seconds, teardown seconds).
        """
        taken = []
        for fixturedef, totals in self.totals.items():
            if totals != [0, 0.0, 0.0] and not _is_internal(fixturedef):
                count, setup, teardown = totals
                totals[:] = [0, 0.0, 0.0]
                name = get_visible_name(fixturedef.argname)
                taken.append(
                    (escape_surrogates(fixturedef.baseid), name, fixturedef.scope, count, setup, teardown)
                )
        return tuple(taken)


class TimedFixture:
    """Measures one setup and teardown of a fixture.

    pytest calls finalizers in reverse order, so the two finalizers of this class run before and after those of the
    fixture.
    """

    __slots__ = ("_fixturedef", "_owner", "_start", "_totals")

    def __init__(self, owner: FixtureTimer, fixturedef: pytest.FixtureDef[Any], totals: list[float]) -> None:
        self._owner, self._fixturedef, self._totals = owner, fixturedef, totals
        self._start = owner.clock()
        fixturedef.addfinalizer(self._finish_teardown)
        owner.nested.append(0.0)

    def set_up(self) -> None:
        """Note the end of the setup, and add a finalizer for the start of the teardown."""
        self._totals[0] += 1
        own = self._close()
        self._totals[1] += own
        if self._fixturedef.scope != "function":
            self._owner.add_build(self._fixturedef, own)
        self._fixturedef.addfinalizer(self._begin_teardown)

    def _begin_teardown(self) -> None:
        try:
            self._owner.nested.append(0.0)
            self._start = self._owner.clock()
        except Exception as error:
            self._owner.internal_errors.note(error)

    def _finish_teardown(self) -> None:
        try:
            self._totals[2] += self._close()
        except Exception as error:
            self._owner.internal_errors.note(error)

    def _close(self) -> float:
        elapsed = self._owner.clock() - self._start
        nested = self._owner.nested
        own = elapsed - nested.pop()
        if nested:
            nested[-1] += elapsed
        return own


# Fixtures that are not measured: those of this plugin, and those that start pytest-asyncio's event loops.
_INTERNAL_MODULE = "pytest_akastats"
_INTERNAL_SUFFIX = "_scoped_runner"


def _is_internal(fixturedef: pytest.FixtureDef[Any]) -> bool:
    function = fixturedef.func
    is_ours = getattr(function, "__module__", "") == _INTERNAL_MODULE
    name = fixturedef.argname
    is_runner = not fixturedef.baseid and name.startswith("_") and name.endswith(_INTERNAL_SUFFIX)
    return is_ours or is_runner or getattr(function, "__name__", "") == _PARAMETER


def _list_requested(names: list[str], definitions: Mapping[str, Any]) -> set[str]:
    """Return the names of fixtures, and of all fixtures that they request directly or indirectly."""
    requested: set[str] = set()
    while names:
        name = names.pop()
        if name in definitions and name not in requested:
            requested.add(name)
            names += definitions[name][-1].argnames
    return requested


# Name of the function of the fixtures that pytest creates for direct parameters of a test.
_PARAMETER = "get_direct_param_fixture_func"

# pytest runs xunit-style setup functions as fixtures with generated names; users know the function's name.
_GENERATED_NAMES = (
    ("_xunit_setup_module_fixture_", "setup_module"),
    ("_xunit_setup_function_fixture_", "setup_function"),
    ("_xunit_setup_class_fixture_", "setup_class"),
    ("_xunit_setup_method_fixture_", "setup_method"),
    ("_unittest_setUpClass_fixture_", "setUpClass"),
    ("_unittest_setup_method_fixture_", "setup_method"),
    ("_unittest_skip_fixture_", "skip"),
)


def get_visible_name(argname: str) -> str:
    """Return a fixture's name; for a generated name, the name of its setup function."""
    return next((name for prefix, name in _GENERATED_NAMES if argname.startswith(prefix)), argname)
