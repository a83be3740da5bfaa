"""Build a run from the records of its spool: results, and the points that each record adds.

The same records in the same order give the same points. Therefore a spool can be delivered in pieces, by any
process, any number of times.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import MappingProxyType
from typing import Any, NamedTuple

from akastats.model.fingerprint import PROCESS_CRASH, WORKER_CRASH, class_in, fingerprint
from akastats.model.points import check_label, check_value
from akastats.model.profile import METRICS, is_metric_value
from akastats.model.results import Budget, Error, FixtureResult, TestResult, fit_label, label
from akastats.spool.format import FAILED, PHASES, RERUN, SKIPPED, XFAILED, XPASSED
from akastats.spool.records import (
    Attempt,
    BudgetMarker,
    CollectedFiles,
    CollectionError,
    Content,
    Costs,
    Failure,
    FixtureBuild,
    FixtureBuilds,
    Fixtures,
    FixtureSet,
    Imports,
    ImportTime,
    Metrics,
    PlannedTests,
    Process,
    PushedValues,
    RunEnd,
    RunHeader,
    StartedTest,
)
from akastats.store.push import Context, Entry, make_context

#: Maximum number of stored setups per run, for fixtures whose scope is larger than a function.
MAX_BUILDS = 10_000
#: Maximum number of stored combinations of fixtures per run.
MAX_FIXTURE_SETS = 10_000
#: Maximum number of distinct tracebacks per run; further failures share one with the same fingerprint or class.
MAX_TRACEBACKS = 200


@dataclass(frozen=True)
class Retention:
    """Retention of contexts.

    outcomes_s: seconds for outcomes and pushed contexts.
    tracebacks_s: seconds for tracebacks.
    """

    outcomes_s: int
    tracebacks_s: int


class AddedPoint(NamedTuple):
    """A point that a record adds.

    label: label of the point.
    entry: its time, value and context id.
    contexts: contexts that must be stored with it.
    """

    label: str
    entry: Entry
    contexts: tuple[Context, ...] = ()


class ProcessSample(NamedTuple):
    """A process at one moment.

    time: epoch seconds.
    memory: resident memory in bytes, the maximum since the previous sample.
    peak: peak resident memory since the start of the process, in bytes.
    cpu: CPU seconds since the start of the process.
    threads: number of threads, the maximum since the previous sample.
    children: number of child processes, the maximum since the previous sample; `None` if unknown.
    """

    time: float
    memory: int
    peak: int
    cpu: float
    threads: int
    children: int | None


class Observations(NamedTuple):
    """Observations of a run's processes by the shipper, which are not part of the spool.

    samples: samples of each process in the order of time, by worker.
    exits: epoch seconds of the end of a process, by worker.
    """

    samples: Mapping[str, tuple[ProcessSample, ...]] = MappingProxyType({})
    exits: Mapping[str, float] = MappingProxyType({})

    def shift(self, seconds: float) -> Observations:
        """Return the observations with times shifted by `seconds`, to correct a wrong clock."""
        return Observations(
            {
                worker: tuple(each._replace(time=each.time + seconds) for each in samples)
                for worker, samples in self.samples.items()
            },
            {worker: time + seconds for worker, time in self.exits.items()},
        )


@dataclass
class RunBuilder:
    """A run, from the records that were added so far.

    retention: retention of its contexts.
    header: its first record; `None` if no record was added.
    results: attempts, in the order in which they ended.
    errors: failures, in the order in which they happened.
    metrics: metrics of the following attempts, by worker.
    costs: metrics of only the next attempt, by worker.
    fixture_sets: fixtures that tests can use, by the value of the metric `fixture_set`.
    processes: times that each process recorded about itself, by worker.
    imports: imports, by worker, phase, package and node id.
    builds: worker and setup of each fixture whose scope is larger than a function.
    observed: observations of the processes by the shipper.
    budgets: budgets from markers, by node id.
    fixtures: fixture times, by base id and name.
    collected: seconds of the collection, by file and worker.
    uncollected: node ids of the files that cannot be collected.
    planned: number of tests that pytest will run; 0 before the end of the collection.
    running: start of each running test in epoch seconds, by node id.
    end: last record of the run; `None` if the run has not ended.
    died_in: tests that were running when the process died; empty before `crash` is called.
    last_time: latest time in the records, in epoch seconds.
    """

    retention: Retention
    header: RunHeader | None = None
    results: list[TestResult] = field(default_factory=list)
    errors: list[Error] = field(default_factory=list)
    metrics: dict[str, Mapping[str, int]] = field(default_factory=dict)
    costs: dict[str, Mapping[str, int]] = field(default_factory=dict)
    fixture_sets: dict[int, FixtureSet] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    imports: dict[tuple[str, str, str, str], ImportTime] = field(default_factory=dict)
    builds: list[tuple[str, FixtureBuild]] = field(default_factory=list)
    observed: Observations = field(default_factory=Observations)
    budgets: dict[str, Budget] = field(default_factory=dict)
    fixtures: dict[tuple[str, str], FixtureResult] = field(default_factory=dict)
    collected: dict[str, dict[str, float]] = field(default_factory=dict)
    uncollected: set[str] = field(default_factory=set)
    planned: int = 0
    running: dict[str, float] = field(default_factory=dict)
    end: RunEnd | None = None
    died_in: tuple[str, ...] = ()
    last_time: float = 0.0
    # These mappings hold ids, not texts. The number of running tests or MAX_TRACEBACKS limits their size.
    _subtests: dict[tuple[str, str], int] = field(default_factory=dict)
    _fingerprints: dict[str, str] = field(default_factory=dict)
    _shared: dict[str, str] = field(default_factory=dict)
    _stats: dict[str, dict[str, None]] = field(default_factory=dict)
    _last_error: dict[tuple[str, str], str] = field(default_factory=dict)
    _crash_points: list[AddedPoint] | None = None
    _context_by_result: dict[tuple[str, str], Context] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """Return the id of the run; empty before its first record."""
        return self.header.id if self.header else ""

    @property
    def suite(self) -> str:
        """Return the suite of the run; empty if there is none, and before its first record."""
        return (self.header.suite if self.header else None) or ""

    @property
    def started(self) -> float:
        """Return the start of the run in epoch seconds; 0 before its first record."""
        return self.header.started if self.header else 0.0

    def add(self, content: Content) -> list[AddedPoint]:
        """Add one record; return the points that it adds."""
        return list(_ADD[type(content)](self, content))

    def _add_header(self, header: RunHeader) -> Iterator[AddedPoint]:
        self.header = header
        self.last_time = header.started
        return iter(())

    def _add_start(self, test: StartedTest) -> Iterator[AddedPoint]:
        self.running[self._without_group(test.nodeid)] = test.time_us / 1e6
        self.last_time = max(self.last_time, test.time_us / 1e6)
        return iter(())

    def _add_failure(self, failure: Failure) -> Iterator[AddedPoint]:
        nodeid, worker, kind = self._without_group(failure.nodeid), failure.worker, failure.kind
        now = failure.time_us / 1e6
        if kind == "failed" and not failure.exception and (nodeid, worker) in self._subtests:
            # pytest also reports the test of failed subtests as failed, and each subtest has its own record.
            return
        text = _WORKER_LINE.sub("", failure.text)
        exception = WORKER_CRASH if kind == "crash" else failure.exception or class_in(text)
        phase = kind if kind in ("crash", "subtest") else failure.phase
        traceback, contexts = self._add_error(nodeid, phase, exception, text)
        yield from _errors(exception, now, traceback, contexts)
        if kind == "crash":
            yield from self._crash(nodeid, worker, now, traceback)
            return
        if kind == "subtest":
            self._subtests[nodeid, worker] = self._subtests.get((nodeid, worker), 0) + 1
        self._last_error[nodeid, worker] = traceback

    def _add_error(self, nodeid: str, phase: str, raised: str, text: str) -> tuple[str, tuple[Context, ...]]:
        """Add a failure; return the id of its traceback, and the contexts to store: none if it is shared."""
        context = make_context(text, self.retention.tracebacks_s)
        if context is None:
            self.errors.append(Error(nodeid, phase, self._shared.get(raised, ""), raised, ""))
            return self._shared.get(raised, ""), ()
        earlier = self._fingerprints.get(context.id)
        failure_id = earlier or fingerprint(text, raised).id
        if earlier is None and len(self._fingerprints) >= MAX_TRACEBACKS:
            shared = self._shared.get(failure_id) or self._shared.get(raised, "")
            self.errors.append(Error(nodeid, phase, shared, raised, failure_id))
            return shared, ()
        self._fingerprints[context.id] = failure_id
        self._shared[raised] = self._shared[failure_id] = context.id
        self.errors.append(Error(nodeid, phase, context.id, raised, failure_id))
        return context.id, (context,)

    def _crash(self, nodeid: str, worker: str, now: float, traceback: str) -> Iterator[AddedPoint]:
        began = self.running.pop(nodeid, now)
        self._subtests.pop((nodeid, worker), None)
        self._last_error.pop((nodeid, worker), None)
        crashed = TestResult(nodeid, "failed", worker, began, 0.0, now - began, 0.0, ran=True)
        yield from self._result(crashed, traceback)

    def crash(self, died_at: float = 0.0) -> list[AddedPoint]:
        """Add the death of the process at `died_at` (epoch seconds, 0 if unknown); return the points that it adds.

        If one test was running, it has failed. If several were running, under pytest-xdist, the cause is unknown:
        `died_in` names them, and they get no attempt. Later calls return the points of the first call.
        """
        if self._crash_points is None:
            self.died_in = tuple(sorted(self.running))
            self.last_time = max(self.last_time, died_at)
            self._crash_points = list(self._fail_running(*self.died_in)) if len(self.running) == 1 else []
        return self._crash_points

    def _fail_running(self, nodeid: str) -> Iterator[AddedPoint]:
        began, now = self.running[nodeid], self.last_time
        text = f"the process of the tests died while running {nodeid!r}"
        traceback, contexts = self._add_error(nodeid, "crash", PROCESS_CRASH, text)
        yield from _errors(PROCESS_CRASH, now, traceback, contexts)
        yield from self._result(
            TestResult(nodeid, "failed", "", began, 0.0, now - began, 0.0, ran=True), traceback
        )

    def _add_attempt(self, attempt: Attempt) -> Iterator[AddedPoint]:
        nodeid, worker, letters = self._without_group(attempt.nodeid), attempt.worker, attempt.letters
        self.running.pop(nodeid, None)
        outcome = outcome_of(letters, self._subtests.pop((nodeid, worker), 0))
        traceback = self._last_error.pop((nodeid, worker), "")
        if outcome is None:
            return
        result = TestResult(
            nodeid,
            outcome,
            worker,
            attempt.start_us / 1e6,
            attempt.setup_us / 1e6,
            attempt.call_us / 1e6,
            attempt.teardown_us / 1e6,
            ran=letters[PHASES.index("call")] != "-",
            stats=tuple(self._stats.pop(nodeid, ())),
            metrics={**self.metrics.get(worker, {}), **self.costs.pop(worker, {}), **_cpu_times(attempt)},
        )
        yield from self._result(result, traceback)

    def _result(self, result: TestResult, traceback: str) -> Iterator[AddedPoint]:
        if not isfinite(result.end * 1e6):
            raise ValueError("the end time of the test is not finite")
        self.results.append(result)
        self.last_time = max(self.last_time, result.end)
        if result.outcome != "skipped":
            name = self._label("test", result.nodeid)
            yield self.make_point(name, result.end, result.value, result.outcome, traceback)

    def make_point(self, label: str, time: float, value: float, outcome: str = "", error: str = "") -> AddedPoint:
        """Return a point at `time` (epoch seconds), with the run id, the outcome and the error as context."""
        context = self._context_by_result.get((outcome, error))
        if context is None:
            context = self._context_by_result[outcome, error] = self._context(outcome, error)
        return AddedPoint(label, Entry(time, round(value, 6), context.id), (context,))

    def _context(self, outcome: str, error: str) -> Context:
        facts = {"error": error, "outcome": outcome, "run": self.run_id}
        present = {name: fact for name, fact in facts.items() if fact}
        context = make_context(
            json.dumps(present, sort_keys=True, separators=(",", ":")), self.retention.outcomes_s
        )
        assert context is not None
        return context

    def _add_values(self, pushed: PushedValues) -> Iterator[AddedPoint]:
        for time, name, number, written in pushed.values:
            value = check_value(check_label(name), number)
            if pushed.nodeid:
                # Labels of values that were pushed outside of tests belong to no attempt.
                self._stats.setdefault(self._without_group(pushed.nodeid), {})[name] = None
            context = make_context(_context_bytes(written), self.retention.outcomes_s)
            if context is None:
                about = self.make_point(name, time, value)
                yield AddedPoint(name, Entry(time, value, about.entry.context_id), about.contexts)
            else:
                yield AddedPoint(name, Entry(time, value, context.id), (context,))

    def _add_metrics(self, metrics: Metrics) -> Iterator[AddedPoint]:
        values = _check_metrics(metrics.values)
        self.metrics[metrics.worker] = {**self.metrics.get(metrics.worker, {}), **values}
        return iter(())

    def _add_costs(self, costs: Costs) -> Iterator[AddedPoint]:
        self.costs[costs.worker] = _check_metrics(costs.values)
        return iter(())

    def _add_fixture_set(self, fixtures: FixtureSet) -> Iterator[AddedPoint]:
        if len(self.fixture_sets) < MAX_FIXTURE_SETS:
            self.fixture_sets[fixtures.number] = fixtures
        return iter(())

    def _add_process(self, process: Process) -> Iterator[AddedPoint]:
        if not all(map(is_metric_value, [*process.moments.values(), *process.durations.values()])):
            raise ValueError(f"a time of a process is out of range: {process}")
        earlier = self.processes.get(process.worker, Process(process.worker, {}, {}))
        self.processes[process.worker] = Process(
            process.worker,
            {**earlier.moments, **process.moments},
            {**earlier.durations, **process.durations},
            process.pid or earlier.pid,
        )
        return iter(())

    def _add_imports(self, record: Imports) -> Iterator[AddedPoint]:
        for package, modules, seconds, nodeid, compiled in record.imports:
            nodeid = self._without_group(nodeid)
            key = record.worker, record.phase, package, nodeid
            earlier = self.imports.get(key, ImportTime(package, 0, 0.0))
            self.imports[key] = ImportTime(
                package,
                earlier.modules + int(modules),
                earlier.seconds + _check_seconds(seconds),
                nodeid,
                earlier.compiled + _check_seconds(compiled),
            )
        return iter(())

    def _add_builds(self, record: FixtureBuilds) -> Iterator[AddedPoint]:
        for build in record.builds[: MAX_BUILDS - len(self.builds)]:
            seconds = _check_seconds(build.seconds)
            nodeid = self._without_group(build.nodeid)
            self.builds.append((record.worker, build._replace(nodeid=nodeid, seconds=seconds)))
        return iter(())

    def _add_budget(self, budget: BudgetMarker) -> Iterator[AddedPoint]:
        self.budgets[self._without_group(budget.nodeid)] = Budget(budget.max_seconds, budget.max_slowdown)
        return iter(())

    def _add_planned(self, planned: PlannedTests) -> Iterator[AddedPoint]:
        # Every worker reports the number, including one that replaces a crashed worker.
        self.planned = max(self.planned, int(planned.tests))
        return iter(())

    def _add_fixtures(self, record: Fixtures) -> Iterator[AddedPoint]:
        for baseid, name, scope, count, setup, teardown in record.fixtures:
            total = self.fixtures.get((baseid, name), FixtureResult(baseid, name, scope, 0, 0.0, 0.0))
            self.fixtures[baseid, name] = FixtureResult(
                baseid, name, scope, total.count + int(count), total.setup + setup, total.teardown + teardown
            )
        return iter(())

    def _add_files(self, collected: CollectedFiles) -> Iterator[AddedPoint]:
        for path, seconds in collected.files:
            by_worker = self.collected.setdefault(path, {})
            by_worker[collected.worker] = by_worker.get(collected.worker, 0.0) + seconds
        return iter(())

    def _add_collection_error(self, error: CollectionError) -> Iterator[AddedPoint]:
        # Every worker reports a file that cannot be imported.
        if error.nodeid in self.uncollected:
            return
        self.uncollected.add(error.nodeid)
        exception = error.exception or class_in(error.text)
        noted = self._add_error(error.nodeid, "collect", exception, error.text)
        yield from _errors(exception, error.time_us / 1e6, *noted)

    def _add_end(self, end: RunEnd) -> Iterator[AddedPoint]:
        self.end, self.last_time = end, end.finished
        for fixture in self.fixtures.values():
            name = self._label("fixture", f"{fixture.baseid}::{fixture.name}")
            yield self.make_point(name, end.finished, fixture.setup + fixture.teardown)
        for path, seconds in self.files():
            yield self.make_point(self._label("collect", path), end.finished, seconds)
        for name, value in self._totals():
            yield self.make_point(self._label("run", name), end.finished, value)

    def _totals(self) -> Iterator[tuple[str, float]]:
        counts = self.counts()
        yield "duration", self.duration
        yield "collect", sum(seconds for _, seconds in self.files())
        yield "tests", counts["tests"]
        yield "failed", counts["failed"]
        yield "errors", counts["errors"]
        yield "skipped", counts["skipped"]

    @property
    def duration(self) -> float:
        """Return the seconds from the start of the run to its latest record."""
        return max(0.0, self.last_time - self.started)

    def files(self) -> Iterator[tuple[str, float]]:
        """Yield each collected file with its seconds in the slowest worker."""
        for path, by_worker in self.collected.items():
            yield path, max(by_worker.values())

    def counts(self) -> dict[str, int]:
        """Return the numbers of tests by outcome, of reruns and of collection errors, by field name of a run."""
        outcomes = [result.outcome for result in self.results]
        counted = {name: outcomes.count(outcome) for name, outcome in _COUNTED.items()}
        tests = len(outcomes) - counted["reruns"]
        return {"tests": tests, **counted, "collect_errors": len(self.uncollected)}

    @property
    def status(self) -> str:
        """Return the status of the run; `running` before its last record."""
        if self.end is None:
            return "running"
        if self.end.interrupted:
            return "interrupted"
        exit_code = self.end.exit_code
        return "passed" if exit_code == 0 else "empty" if exit_code == 5 else "failed"

    def _label(self, word: str, rest: str) -> str:
        return label(word, rest, self.suite)

    def _without_group(self, nodeid: str) -> str:
        """Return the node id without the `@group` that pytest-xdist appends with `--dist loadgroup`.

        If the header has `ungrouped`, the plugin has removed it: only the plugin knows which tests have a group.
        """
        header = self.header
        is_grouped = header is not None and header.dist == "loadgroup" and not header.ungrouped
        if is_grouped and nodeid.rfind("@") > nodeid.rfind("]"):
            return nodeid[: nodeid.rfind("@")]
        return nodeid


def _errors(raised: str, now: float, traceback: str, contexts: tuple[Context, ...]) -> Iterator[AddedPoint]:
    for name in (f"errors__EXC:{raised}", "errors__all"):
        yield AddedPoint(fit_label(name), Entry(now, 1.0, traceback), contexts)


# Minimum duration in microseconds of a phase whose CPU time is stored. A shorter phase is mostly work of pytest.
_MIN_CPU_US = 1000


def _cpu_times(attempt: Attempt) -> dict[str, int]:
    """Return the CPU times of the phases that are long enough, by column of the profile."""
    times = (
        ("cpu_setup", attempt.setup_us, attempt.cpu_setup_us),
        ("cpu_call", attempt.call_us, attempt.cpu_call_us),
        ("cpu_teardown", attempt.teardown_us, attempt.cpu_teardown_us),
    )
    return _check_metrics({name: int(cpu) for name, wall, cpu in times if wall >= _MIN_CPU_US and cpu >= 0})


def _check_metrics(values: Mapping[str, int]) -> dict[str, int]:
    """Return the values that the profile has columns for; raises `ValueError` if one is not a whole number."""
    numbers = {name: value for name, value in values.items() if name in METRICS}
    if not all(map(is_metric_value, numbers.values())):
        raise ValueError(f"a metric is not a whole number: {numbers}")
    return numbers


def _check_seconds(seconds: float) -> float:
    if not isfinite(seconds * 1e6):
        raise ValueError("a duration is not finite")
    return float(seconds)


_COUNTED = {
    "passed": "passed",
    "failed": "failed",
    "errors": "error",
    "skipped": "skipped",
    "xfailed": "xfailed",
    "xpassed": "xpassed",
    "reruns": "rerun",
}


def outcome_of(letters: str, failed_subtests: int = 0) -> str | None:
    """Return the outcome of an attempt from the letters of its phases; `None` if it did not finish."""
    setup, call, teardown = tuple(letters)
    if RERUN in letters:
        return "rerun"
    if call == FAILED or failed_subtests:
        return "failed"
    if FAILED in (setup, teardown):
        return "error"
    for letter, outcome in ((SKIPPED, "skipped"), (XFAILED, "xfailed"), (XPASSED, "xpassed")):
        if letter in letters:
            return outcome
    return "passed" if call == "p" else None


# pytest-xdist writes this line above each failure. Without the line, a failure has the same text in every worker.
_WORKER_LINE = re.compile(r"\A\[\w+\] \S+ -- Python .*\n")


def _context_bytes(written: Any) -> str | bytes | None:
    if isinstance(written, dict):
        return base64.b64decode(written["base64"])
    return written if isinstance(written, str) else None


_ADD: Mapping[type[Any], Callable[[RunBuilder, Any], Iterator[AddedPoint]]] = {
    RunHeader: RunBuilder._add_header,
    PlannedTests: RunBuilder._add_planned,
    StartedTest: RunBuilder._add_start,
    Failure: RunBuilder._add_failure,
    Attempt: RunBuilder._add_attempt,
    Metrics: RunBuilder._add_metrics,
    Costs: RunBuilder._add_costs,
    FixtureSet: RunBuilder._add_fixture_set,
    Process: RunBuilder._add_process,
    Imports: RunBuilder._add_imports,
    FixtureBuilds: RunBuilder._add_builds,
    BudgetMarker: RunBuilder._add_budget,
    PushedValues: RunBuilder._add_values,
    Fixtures: RunBuilder._add_fixtures,
    CollectedFiles: RunBuilder._add_files,
    CollectionError: RunBuilder._add_collection_error,
    RunEnd: RunBuilder._add_end,
}
