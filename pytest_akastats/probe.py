"""Measure inside the process that runs the tests: true times, exception classes, fixtures, collection, `stat`.

One probe a process. Where that process is a worker, its readings travel on the reports, as one attribute of
plain built-ins. Clocks are those of `clocks`, which tests cannot freeze or patch.

Whatever goes wrong in here is caught where it happens, hook by hook: a `try` costs nothing where nothing is
raised, a guard around each hook would cost a call.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from akastats.collector import Collector
from pytest_akastats import clocks
from pytest_akastats.failure_text import text_of
from pytest_akastats.internal_errors import Mishaps

#: The attribute that carries a worker's readings on a report.
ATTRIBUTE = "_akastats"

#: The attribute that says, on the report of a test in quarantine, what its outcome was.
QUARANTINED = "_akastats_quarantined"

# The phase of an exception that broke a collection.
COLLECT = "collect"

# A worker that dies takes at most this long of its fixtures' times with it.
FLUSH_S = 1.0

# What a report can carry: times of the attempt, exception class, fixtures, collection, stat values, and
# failed attempts that were retried without a report: (phase, class, text, start, duration) each.
Readings = tuple[Any, ...]


class Probe:
    """Reads the clock at the joints of each test and adds up what fixtures and collection cost."""

    # pluggy lists the attributes of a plugin, after which CPython finds those in a dictionary more slowly: without
    # slots a test costs 24,000 instructions more, which is 1 % of a trivial one.
    __slots__ = (
        "_began",
        "_clock",
        "_collecting",
        "_ended",
        "_epoch",
        "_flushed",
        "_logged",
        "_overlaps",
        "_raised",
        "_unlogged",
        "collected",
        "collectors",
        "fixtures",
        "internal_errors",
        "lasting",
    )

    def __init__(
        self, clock: Callable[[], float] = clocks.perf_counter, epoch: Callable[[], float] = clocks.epoch
    ) -> None:
        self._clock = clock
        # Wall clock minus performance counter at one moment: later moments follow from the counter alone,
        # so that a frozen or moved clock does not reach them.
        self._epoch = epoch()
        self._began = 0.0
        self._ended: dict[str, float] = {}
        # Whether the running test began before the one before it ended: then our readings are of several tests.
        self._overlaps = False
        # The class of the exception by node id and phase.
        self._raised: dict[tuple[str, str], str] = {}
        # The last failure that was logged, and failures that no plugin has logged yet, by node id.
        self._logged: pytest.TestReport | None = None
        self._unlogged: dict[str, list[tuple[pytest.TestReport, str]]] = {}
        self._flushed = 0.0
        # The file that is being collected, and since when.
        self._collecting = ("", 0.0)
        self.internal_errors = Mishaps()
        self.fixtures = FixtureTimes(clock, self.internal_errors)
        self.collected: dict[str, float] = {}
        # What the `stat` of a test and `akastats_stat` collect in.
        self.collectors: list[Collector] = []
        self.lasting: list[Collector] = []

    def wall(self) -> float:
        """Return the true time, in epoch seconds."""
        try:
            return self._epoch + self._clock()
        except Exception as error:
            # The `stat` of a test reads this clock in the midst of the test.
            self.internal_errors.note(error)
            return self._epoch + self._began

    def begin(self) -> float:
        """Note that a test begins; return when, in epoch seconds."""
        self._overlaps = bool(self._ended)
        self._began = began = self._clock()
        return self._epoch + began

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
        # Called right behind each phase, also by plugins that run a test without logging it (reruns).
        try:
            self._ended[call.when] = self._clock()
            if call.excinfo is not None:
                self._raised[item.nodeid, call.when] = encodable(call.excinfo.typename)
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: Any, report: Any) -> None:
        try:
            if isinstance(node, pytest.Collector):
                # pytest wraps what a module raised at import; people look for what it raised.
                raised = call.excinfo.value
                wrapped = raised.__cause__ if isinstance(raised, pytest.Collector.CollectError) else None
                name = type(raised if wrapped is None else wrapped).__name__
                self._raised[node.nodeid, COLLECT] = encodable(name)
            elif report is not self._logged:
                # Logged later, or never: pytest-retry and flaky log no attempt that they retry.
                name = encodable(call.excinfo.typename)
                self._unlogged.setdefault(node.nodeid, []).append((report, name))
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        # Hides this frame in the traceback of a fixture that fails.
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
    def pytest_make_collect_report(self, collector: pytest.Collector) -> None:
        # No wrapper: a module that ends the session at import would carry our frame into pytest's traceback.
        # A file ends where the next one begins.
        try:
            path = "" if isinstance(collector, (pytest.Session, pytest.Directory)) else collector.nodeid
            self._collect(path.partition("::")[0])
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        try:
            self._collect("")
        except Exception as error:
            self.internal_errors.note(error)

    def _collect(self, path: str) -> None:
        """Note that a file begins to be collected, and so that the one before it has been."""
        before, start = self._collecting
        self._collecting = (path, now := self._clock())
        if before:
            self.collected[before] = self.collected.get(before, 0.0) + now - start

    def reading(self, report: pytest.TestReport) -> Readings | None:
        """Return the measurements that a report lacks; `None` if there are none."""
        ended, when = self._ended, report.when
        if report.outcome != "passed":
            self._see(report)
        if when == "teardown" and when in ended:
            return self._finish(ended, report)
        if self._raised and report.outcome != "passed":
            return (None, self._raised.pop((report.nodeid, str(when)), ""), (), (), (), ())
        return None

    def _see(self, report: pytest.TestReport) -> None:
        """Note that a failure is logged, so that it does not count as an attempt retried without a report."""
        self._logged = report
        attempts = self._unlogged.pop(report.nodeid, ())
        # pytest-retry logs the failure of the last attempt in the report of the first.
        left = [each for each in attempts if each[0] is not report and each[0].longrepr is not report.longrepr]
        if left:
            self._unlogged[report.nodeid] = left

    def _finish(self, ended: dict[str, float], report: pytest.TestReport) -> Readings:
        """Return an attempt's times (start in epoch seconds, three durations, pytest's drift) and other readings.

        The times are `None` where tests overlap, because then our readings are of several of them.
        """
        began, teardown = self._began, ended["teardown"]
        setup = ended.get("setup", began)
        call = ended.get("call", setup)
        times = None
        if not self._overlaps:
            # A test can move the clock of pytest, by which its report says when the teardown ended.
            drift = report.stop - self._epoch - teardown
            times = (self._epoch + began, setup - began, call - setup, teardown - call, drift)
        raised = self._take_raised(report.nodeid) if self._raised else ""
        retried = self._take_unlogged(report.nodeid) if self._unlogged else ()
        # A rerun without a start of its own begins where the attempt before it ended.
        self._began = teardown
        ended.clear()
        values = self.take_values() if self.collectors or self.lasting else ()
        if teardown - self._flushed < FLUSH_S:
            return (times, raised, (), (), values, retried)
        self._flushed = teardown
        return (times, raised, self.fixtures.take(), self.take_collected(), values, retried)

    def _take_raised(self, nodeid: str) -> str:
        """Return the class of the teardown's exception, and discard those of other phases."""
        raised = {when: self._raised.pop((nodeid, when), "") for when in ("setup", "call", "teardown")}
        return raised["teardown"]

    def _take_unlogged(self, nodeid: str) -> tuple[tuple[Any, ...], ...]:
        """Take out and return a test's failed attempts that were retried without a report, oldest first."""
        return tuple(
            (str(report.when), raised, encodable(text_of(report)), float(report.start), float(report.duration))
            for report, raised in self._unlogged.pop(nodeid, ())
        )

    def take_values(self) -> tuple[tuple[Any, ...], ...]:
        """Take what tests gave their `stat`: (time, label, value, context) each."""
        taken: list[tuple[Any, ...]] = []
        for collector in (*self.lasting, *self.collectors):
            points, collector.recorded_stats = collector.recorded_stats, []
            taken += map(tuple, points)
        # A test's own collector ends with it: 10,000 of them would be looked through 10,000 times.
        self.collectors.clear()
        return tuple(taken)

    def take_collected(self) -> tuple[tuple[str, float], ...]:
        """Take the seconds that each file's import and collection took."""
        taken, self.collected = self.collected, {}
        return tuple(taken.items())

    def raised_in(self, nodeid: str) -> str:
        """Return the class of the exception that broke the collection of a node."""
        return self._raised.pop((nodeid, COLLECT), "")


class WorkerProbe(Probe):
    """The probe of a worker of pytest-xdist: its readings travel on the reports."""

    __slots__ = ()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        try:
            self.begin()
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        try:
            readings = self.reading(report)
            if readings is not None and not self.internal_errors.is_off:
                setattr(report, ATTRIBUTE, readings)
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        try:
            if report.failed:
                setattr(report, ATTRIBUTE, self.raised_in(report.nodeid))
        except Exception as error:
            self.internal_errors.note(error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        try:
            left = (self.fixtures.take(), self.take_collected(), self.take_values())
            output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]  # set by xdist
            output[ATTRIBUTE] = (*left, encodable(self.internal_errors.told))
        except Exception as error:
            self.internal_errors.note(error)

    def take_values(self) -> tuple[tuple[Any, ...], ...]:
        """Take what tests gave their `stat`, as what can travel: execnet refuses a subclass of a built-in."""
        return tuple(map(_portable, super().take_values()))


def encodable(text: str) -> str:
    """Return `text` as a plain `str` that UTF-8 can spell: a lone surrogate written as an escape."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _portable(value: tuple[Any, ...]) -> tuple[Any, ...]:
    timestamp, label, number, context = value
    if context is not None:
        context = bytes(context) if isinstance(context, bytes) else encodable(context)
    return float(timestamp), encodable(label), float(number), context


class FixtureTimes:
    """Adds up seconds a fixture, each without those of fixtures that it set up from inside its own body."""

    def __init__(self, clock: Callable[[], float], internal_errors: Mishaps) -> None:
        self.clock = clock
        self.internal_errors = internal_errors
        # Open measurements, innermost last: seconds that nested ones took.
        self.nested: list[float] = []
        self.totals: dict[pytest.FixtureDef[Any], list[float]] = {}

    def begin(self, fixturedef: pytest.FixtureDef[Any]) -> TimedFixture:
        """Begin to time one set-up, and the teardown that belongs to it."""
        totals = self.totals.get(fixturedef)
        if totals is None:
            totals = self.totals[fixturedef] = [0, 0.0, 0.0]
        return TimedFixture(self, fixturedef, totals)

    def take(self) -> tuple[tuple[Any, ...], ...]:
        """Take (base id, name, scope, set-ups, setup seconds, teardown seconds) of what moved since."""
        taken = []
        for fixturedef, totals in self.totals.items():
            if totals != [0, 0.0, 0.0] and not _is_internal(fixturedef):
                count, setup, teardown = totals
                totals[:] = [0, 0.0, 0.0]
                name = visible_name(fixturedef.argname)
                taken.append((encodable(fixturedef.baseid), name, fixturedef.scope, count, setup, teardown))
        return tuple(taken)


class TimedFixture:
    """One life of a fixture. Its finalizers run last in, first out: around the fixture's own teardown."""

    __slots__ = ("_fixturedef", "_owner", "_start", "_totals")

    def __init__(self, owner: FixtureTimes, fixturedef: pytest.FixtureDef[Any], totals: list[float]) -> None:
        self._owner, self._fixturedef, self._totals = owner, fixturedef, totals
        self._start = owner.clock()
        fixturedef.addfinalizer(self._torn_down)
        owner.nested.append(0.0)

    def set_up(self) -> None:
        """Note that the set-up is over, and be there when the teardown begins."""
        self._totals[0] += 1
        self._totals[1] += self._close()
        self._fixturedef.addfinalizer(self._tear_down)

    def _tear_down(self) -> None:
        try:
            self._owner.nested.append(0.0)
            self._start = self._owner.clock()
        except Exception as error:
            self._owner.internal_errors.note(error)

    def _torn_down(self) -> None:
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


# Fixtures that are not measured: ours measure themselves, and pytest-asyncio's start its event loops.
_INTERNAL_MODULES = ("pytest_akastats.fixtures",)
_INTERNAL_SUFFIX = "_scoped_runner"


def _is_internal(fixturedef: pytest.FixtureDef[Any]) -> bool:
    function = fixturedef.func
    is_ours = getattr(function, "__module__", "") in _INTERNAL_MODULES
    name = fixturedef.argname
    is_runner = not fixturedef.baseid and name.startswith("_") and name.endswith(_INTERNAL_SUFFIX)
    return is_ours or is_runner or getattr(function, "__name__", "") == _PARAMETER


# pytest makes a fixture of every parameter of a parametrised test; it costs nothing.
_PARAMETER = "get_direct_param_fixture_func"

# pytest gives xunit-style set-up a fixture with a made-up name; people know it by the function's.
_MADE_UP = (
    ("_xunit_setup_module_fixture_", "setup_module"),
    ("_xunit_setup_function_fixture_", "setup_function"),
    ("_xunit_setup_class_fixture_", "setup_class"),
    ("_xunit_setup_method_fixture_", "setup_method"),
    ("_unittest_setUpClass_fixture_", "setUpClass"),
    ("_unittest_setup_method_fixture_", "setup_method"),
    ("_unittest_skip_fixture_", "skip"),
)


def visible_name(argname: str) -> str:
    """Return the name by which people know a fixture."""
    return next((name for prefix, name in _MADE_UP if argname.startswith(prefix)), argname)
