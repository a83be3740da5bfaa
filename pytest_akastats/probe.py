"""What only the process that runs the tests knows: true times, exception classes, fixtures, collection, `stat`.

One probe a process. Where that process is a worker, its readings travel on the reports, as one attribute of
plain built-ins. Clocks are bound when the probe is made: tests freeze and patch them later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

from akastats.collector import Collector

#: The attribute that carries a worker's readings on a report.
ATTRIBUTE = "_akastats"

# A worker that dies takes at most this long of its fixtures' times with it.
FLUSH_S = 1.0

# What a report can carry: times of the attempt, exception class, fixtures, collection, stat values.
Readings = tuple[Any, ...]


class Probe:
    """Reads the clock at the joints of each test and adds up what fixtures and collection cost."""

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, now: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        # Wall clock and performance counter of one moment: later moments follow from the counter alone,
        # so that a frozen or moved clock does not reach them.
        self._epoch = now() - clock()
        self._began = 0.0
        self._ended: dict[str, float] = {}
        self._raised: dict[str, str] = {}
        self._flushed = 0.0
        self.fixtures = FixtureTimes(clock)
        self.collected: dict[str, float] = {}
        self.collectors: list[Collector] = []

    def wall(self) -> float:
        """Return the true time, in epoch seconds."""
        return self._epoch + self._clock()

    def begin(self) -> float:
        """Note that a test begins; return when, in epoch seconds."""
        self._began = began = self._clock()
        return self._epoch + began

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[Any]) -> None:
        # Called right behind each phase, also by plugins that run a test without logging it (reruns).
        self._ended[call.when] = self._clock()
        if call.excinfo is not None:
            self._raised[call.when] = call.excinfo.typename

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: Any) -> None:
        if isinstance(node, pytest.Collector):
            # pytest wraps what a module raised at import; people look for what it raised.
            error = call.excinfo.value
            wrapped = isinstance(error, pytest.Collector.CollectError) and error.__cause__
            self._raised[node.nodeid] = type(wrapped or error).__name__

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        timed = self.fixtures.begin(fixturedef)
        try:
            return (yield)
        finally:
            timed.set_up()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        start = self._clock()
        try:
            return (yield)
        finally:
            if not isinstance(collector, (pytest.Session, pytest.Directory)):
                path = collector.nodeid.partition("::")[0]
                self.collected[path] = self.collected.get(path, 0.0) + self._clock() - start

    def reading(self, report: pytest.TestReport) -> Readings | None:
        """Return what is known beyond the report itself, `None` if nothing is."""
        ended, when = self._ended, report.when
        if when == "teardown" and when in ended:
            return self._finish(ended)
        if self._raised and report.outcome != "passed":
            return (None, self._raised.pop(when, ""), (), (), ())
        return None

    def _finish(self, ended: dict[str, float]) -> Readings:
        """Return the attempt's start (epoch seconds) and our own three durations, with what else is due."""
        began, teardown = self._began, ended["teardown"]
        setup = ended.get("setup", began)
        call = ended.get("call", setup)
        times = (self._epoch + began, setup - began, call - setup, teardown - call)
        raised = self._raised.pop("teardown", "") if self._raised else ""
        # A rerun without a start of its own begins where the attempt before it ended.
        self._began = teardown
        ended.clear()
        self._raised.clear()
        values = self.take_values() if self.collectors else ()
        if teardown - self._flushed < FLUSH_S:
            return (times, raised, (), (), values)
        self._flushed = teardown
        return (times, raised, self.fixtures.take(), self.take_collected(), values)

    def take_values(self) -> tuple[tuple[Any, ...], ...]:
        """Take what tests gave their `stat`: (time, label, value, context) each."""
        taken: list[tuple[Any, ...]] = []
        for collector in self.collectors:
            points, collector.recorded_stats = collector.recorded_stats, []
            taken += map(tuple, points)
        return tuple(taken)

    def take_collected(self) -> tuple[tuple[str, float], ...]:
        """Take the seconds that each file's import and collection took."""
        taken, self.collected = self.collected, {}
        return tuple(taken.items())

    def raised_in(self, nodeid: str) -> str:
        """Return the class of the exception that broke the collection of a node."""
        return self._raised.pop(nodeid, "")


class WorkerProbe(Probe):
    """The probe of a worker of pytest-xdist: its readings travel on the reports."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self.begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        readings = self.reading(report)
        if readings is not None:
            setattr(report, ATTRIBUTE, readings)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            setattr(report, ATTRIBUTE, self.raised_in(report.nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]  # set by xdist
        output[ATTRIBUTE] = (self.fixtures.take(), self.take_collected(), self.take_values())


class FixtureTimes:
    """Adds up seconds a fixture, each without those of fixtures that it set up from inside its own body."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
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
            if totals != [0, 0.0, 0.0] and fixturedef.func.__name__ != _PARAMETER:
                count, setup, teardown = totals
                totals[:] = [0, 0.0, 0.0]
                name = visible_name(fixturedef.argname)
                taken.append((fixturedef.baseid, name, fixturedef.scope, count, setup, teardown))
        return tuple(taken)


class TimedFixture:
    """One life of a fixture. Its finalizers run last in, first out: around the fixture's own teardown."""

    __slots__ = ("_fixturedef", "_owner", "_start", "_totals")

    def __init__(self, owner: FixtureTimes, fixturedef: pytest.FixtureDef[Any], totals: list[float]) -> None:
        self._owner, self._fixturedef, self._totals = owner, fixturedef, totals
        fixturedef.addfinalizer(self._torn_down)
        owner.nested.append(0.0)
        self._start = owner.clock()

    def set_up(self) -> None:
        """Note that the set-up is over, and be there when the teardown begins."""
        self._totals[0] += 1
        self._totals[1] += self._close()
        self._fixturedef.addfinalizer(self._tear_down)

    def _tear_down(self) -> None:
        self._owner.nested.append(0.0)
        self._start = self._owner.clock()

    def _torn_down(self) -> None:
        self._totals[2] += self._close()

    def _close(self) -> float:
        elapsed = self._owner.clock() - self._start
        nested = self._owner.nested
        own = elapsed - nested.pop()
        if nested:
            nested[-1] += elapsed
        return own


# pytest makes a fixture of every parameter of a parametrised test; it costs nothing and nobody wrote it.
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
