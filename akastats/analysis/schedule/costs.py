"""The costs of a suite, to replay its schedule: tests, shared fixtures, start-up and collection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import fmean, median

from akastats.analysis.ledger import Ledger, ProcessLedger
from akastats.analysis.schedule.crowding import measure_crowding, take_turns
from akastats.analysis.schedule.order import sort_longest_first
from akastats.model.profile import Profile

_PHASES = ("setup", "call", "teardown")
# Time of pytest around a test in a worker, and CPU time of the main process for its reports. Both are multiples of
# the time of pytest around a test in a single process, measured with more-itertools and attrs. Time above the
# maximum, in seconds, belongs to other plugins.
WORKER_OVERHEAD, CONTROLLER_OVERHEAD, MAX_OVERHEAD_S = 1.4, 2.0, 0.0005


@dataclass(frozen=True, slots=True)
class SharedFixture:
    """A fixture that several tests of a process share.

    name: name of the fixture.
    baseid: node id below which tests can request it; empty for all.
    scope: class, module, package or session.
    setup: mean seconds of a setup, without those of other fixtures; of all parameters together.
    teardown: mean seconds of a teardown.
    """

    name: str
    baseid: str
    scope: str
    setup: float
    teardown: float


@dataclass(frozen=True, slots=True)
class TestCost:
    """A test and its cost.

    nodeid: node id.
    seconds: seconds of all attempts and of pytest around them, without shared fixtures.
    cpu: share of these seconds in which the process or its children used a CPU, from 0 to 1.
    fixtures: positions of the shared fixtures that the test can use.
    """

    __test__ = False

    nodeid: str
    seconds: float
    cpu: float
    fixtures: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SuiteCosts:
    """Costs of a suite in one run, in seconds.

    tests: the tests in the order in which they started, which in a single process is that of the collection.
    fixtures: the shared fixtures.
    startup: time from the start of a process until pytest is configured.
    collect: time of the collection in one process.
    finish: time from the last test to the last recorded moment.
    ending: time in which a process that ran tests ends, after its last recorded moment.
    exit: time in which the main process ends; 0 if it was not observed.
    is_ordered: whether pytest-xdist keeps the order of the scopes of `loadscope` and `loadfile`.
    workers: number of pytest-xdist workers of the run; 0 without workers.
    dist: `--dist` of the run.
    cpus: number of CPUs of the machine.
    spread: half the range of the costs that several workers have, relative to their mean; 0 if no cost has several
        values.
    overhead: time of pytest itself around each test without workers.
    """

    tests: tuple[TestCost, ...]
    fixtures: tuple[SharedFixture, ...]
    startup: float
    collect: float
    finish: float
    workers: int
    dist: str
    cpus: int
    spread: float = 0.0
    overhead: float = 0.0
    ending: float = 0.0
    exit: float = 0.0
    is_ordered: bool = False

    @property
    def controller(self) -> float:
        """The number of CPUs that the main process needs to report the tests of one computing worker."""
        computing = sum(test.seconds * test.cpu for test in self.tests)
        return CONTROLLER_OVERHEAD * self.overhead * len(self.tests) / computing if computing else 0.0


def make_costs(
    content: Profile, ledger: Ledger, workers: int, dist: str, cpus: int, delivery: float = 0.0
) -> SuiteCosts:
    """Return the costs of a suite from one run with this number of workers, `--dist` and number of CPUs.

    delivery: seconds after the recording in which the process waited for akastats
    """
    running = [each for each in ledger.processes if each.worker or not workers]
    fixtures = _make_fixtures(content)
    shared = _list_shared(content, fixtures)
    around, overhead = _split_around(_around_test(content, running) / crowd(workers, cpus), workers)
    startup = _median_span(running, ("startup", "conftest")) / crowd_startup(workers, cpus)
    ending, exit_ = _find_endings(content, delivery)
    return SuiteCosts(
        tests=tuple(_make_tests(content, fixtures, shared, around, _measure_crowding(content, overhead, cpus))),
        fixtures=_scale_setups(content, fixtures, shared),
        startup=startup,
        collect=_median_span(running, ("collect",)) / crowd(workers, cpus),
        finish=_find_finish(content),
        workers=workers,
        dist=dist if workers else "no",
        cpus=cpus,
        spread=_find_spread(content, running),
        overhead=overhead,
        ending=ending / crowd(workers, cpus) or startup,
        exit=exit_,
    )


def _split_around(around: float, workers: int) -> tuple[float, float]:
    """Return the time around each test without workers, and the part of it that pytest itself needs."""
    overhead = min(around, MAX_OVERHEAD_S)
    if not workers:
        return around, overhead
    return around - overhead * (1.0 - 1.0 / WORKER_OVERHEAD), overhead / WORKER_OVERHEAD


def _measure_crowding(content: Profile, overhead: float, cpus: int) -> list[float]:
    tests = content.tests
    rows = range(len(tests.nodeid))
    computed = sum(_cpu_of(content, phase, row, getattr(tests, phase)[row]) for phase in _PHASES for row in rows)
    controller = CONTROLLER_OVERHEAD * overhead * len(rows) * 1e6 / computed if computed else 0.0
    return measure_crowding(tests, cpus, controller)


def crowd(workers: int, cpus: int) -> float:
    """Return the number of workers per CPU, at least 1."""
    return max(1.0, workers / cpus)


def crowd_startup(workers: int, cpus: int) -> float:
    """Return the factor by which sharing the CPUs slows the start of a process down, at least 1.

    The main process needs a CPU as well. With two workers on two CPUs, workers of more-itertools were configured
    in 0.27 s, a single worker in 0.18 s.
    """
    return take_turns(workers + 1, cpus) if workers else 1.0


def _median_span(processes: Iterable[ProcessLedger], spans: Sequence[str]) -> float:
    sums = [sum(process.spans.get(span, 0.0) for span in spans) for process in processes]
    return median(sums) if sums else 0.0


def _find_spread(content: Profile, running: Sequence[ProcessLedger]) -> float:
    """Return half the range of start-up, collection and fixture setups over workers, as a share of the mean."""
    repeated: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for process in running:
        for span in ("startup", "conftest", "collect"):
            repeated[(span,)].append(process.spans.get(span, 0.0))
    builds = content.builds
    for name, baseid, setup in zip(builds.name, builds.baseid, builds.setup, strict=True):
        repeated[name, baseid].append(setup / 1e6)
    groups = [group for group in repeated.values() if len(group) > 1]
    total = sum(map(fmean, groups))
    return sum(max(group) - min(group) for group in groups) / 2 / total if total else 0.0


def _find_finish(content: Profile) -> float:
    """Return the seconds from the last test of the last worker to the end of the recording."""
    processes = content.processes
    ends = [end for end in (*processes.end, *processes.exited) if end is not None]
    rows = zip(processes.worker, processes.finished, strict=True)
    finished = {worker: moment for worker, moment in rows if moment is not None}
    workers = {worker: moment for worker, moment in finished.items() if worker} or finished
    return max(0.0, max(ends) - max(workers.values())) / 1e6 if ends and workers else 0.0


def _find_endings(content: Profile, delivery: float) -> tuple[float, float]:
    """Return the seconds in which a process that ran tests ends, and those of the main process; 0 if unknown.

    The recording and the wait for akastats are not part of them. The interpreter needs 1.8 s to end after the
    collection of the 33,000 tests of click. With pytest-xdist, the main process waits until its workers have
    ended.
    """
    table = content.processes
    exits = {worker: _subtract(*each) for worker, *each in zip(table.worker, table.exited, table.end, strict=True)}
    finishes = {
        worker: _subtract(*each) for worker, *each in zip(table.worker, table.end, table.finished, strict=True)
    }
    main = max(0.0, exits.pop("", 0.0) - delivery)
    if not exits:
        return main, main
    return median([each for each in exits.values() if each] or [finishes.get("", 0.0)]), main


def _subtract(until: int | None, begin: int | None) -> float:
    return 0.0 if until is None or begin is None else (until - begin) / 1e6


def _around_test(content: Profile, running: Sequence[ProcessLedger]) -> float:
    """Return the mean seconds of pytest and its plugins for each test."""
    attempts = len(content.tests.nodeid)
    return sum(process.spans.get("pytest", 0.0) for process in running) / attempts if attempts else 0.0


def _make_fixtures(content: Profile) -> tuple[SharedFixture, ...]:
    return tuple(
        SharedFixture(each.name, each.baseid, each.scope, each.setup / count, each.teardown / count)
        for each in content.fixtures.rows()
        if each.scope != "function" and (count := max(1, each.count))
    )


def _scale_setups(
    content: Profile, fixtures: Sequence[SharedFixture], shared: Mapping[str, tuple[int, ...]]
) -> tuple[SharedFixture, ...]:
    """Return the fixtures with setups whose sum in a replay of the recorded order is the measured one.

    A fixture with parameters is set up more often than its scope begins, an overridden fixture less often.
    """
    totals = [each.setup for each in content.fixtures.rows() if each.scope != "function"]
    begun = [0] * len(fixtures)
    for nodeids in _list_by_worker(content).values():
        active: dict[int, str] = {}
        for nodeid in nodeids:
            for position in advance(active, fixtures, shared[nodeid], nodeid)[1]:
                begun[position] += 1
    return tuple(
        replace(fixture, setup=total / count) if count else fixture
        for fixture, total, count in zip(fixtures, totals, begun, strict=True)
    )


def _make_tests(
    content: Profile,
    fixtures: Sequence[SharedFixture],
    shared: Mapping[str, tuple[int, ...]],
    around: float,
    crowding: Sequence[float],
) -> Iterator[TestCost]:
    attempts = _sum_attempts(content, crowding)
    for nodeid, seconds in _find_fixture_costs(content, fixtures, shared):
        attempts[nodeid].own -= seconds
    for nodeid, sums in attempts.items():
        # With `--dist each` every worker runs every test.
        own, cpu = max(0.0, sums.own) / len(sums.workers), sums.cpu / len(sums.workers)
        busy = min(own, cpu)
        seconds = own + around
        yield TestCost(nodeid, seconds, min(1.0, (busy + around) / seconds) if seconds else 1.0, shared[nodeid])


def subtract_crowding(waited: float, cpu: float, crowding: float) -> float:
    """Return the seconds of a wait, without the wait for a CPU that `crowding` processes share."""
    return max(0.0, waited - cpu * (crowding - 1.0))


@dataclass
class _Attempts:
    """The attempts of one test: seconds, CPU seconds, and the workers that ran it."""

    own: float = 0.0
    cpu: float = 0.0
    workers: set[str] = field(default_factory=set)


def _sum_attempts(content: Profile, crowding: Sequence[float]) -> dict[str, _Attempts]:
    """Return the attempts of each test in collection order, without the time in which other tests used its CPU.

    Files are in the order in which they were collected, the tests of a file in that of their first start.
    """
    tests = content.tests
    attempts: dict[str, _Attempts] = defaultdict(_Attempts)
    files = {path: number for number, path in enumerate(content.files.path)}
    last = len(files)

    def order(row: int) -> tuple[int, int]:
        return files.get(tests.nodeid[row].partition("::")[0], last), tests.start[row]

    for row in sorted(range(len(tests.nodeid)), key=order):
        sums = attempts[tests.nodeid[row]]
        sums.workers.add(tests.worker[row])
        for phase in _PHASES:
            wall: int = getattr(tests, phase)[row]
            cpu = min(_cpu_of(content, phase, row, wall), wall / crowding[row])
            sums.own += (wall - cpu * (crowding[row] - 1.0)) / 1e6
            sums.cpu += cpu / 1e6
    return attempts


def _cpu_of(content: Profile, phase: str, row: int, wall: int) -> int:
    """Return the CPU microseconds of a phase and of its child processes.

    A phase whose CPU time was not recorded counts as computing all the time.
    """
    recorded = getattr(content.tests, f"cpu_{phase}")
    own: int | None = recorded[row] if recorded else None
    if own is None:
        return wall
    children = getattr(content.tests, f"children_{phase}")
    awaited: int = (children[row] or 0) if children else 0
    return min(wall, own + awaited)


def _list_shared(content: Profile, fixtures: Sequence[SharedFixture]) -> dict[str, tuple[int, ...]]:
    """Return the positions of the shared fixtures that each test can use."""
    by_name: dict[str, list[int]] = defaultdict(list)
    for position, fixture in enumerate(fixtures):
        by_name[fixture.name].append(position)
    shared = {}
    for row, nodeid in enumerate(content.tests.nodeid):
        positions = [
            position
            for name in sorted(content.get_fixture_set(row) or ())
            for position in by_name.get(name, ())
            if is_below(nodeid, fixtures[position].baseid)
        ]
        shared[nodeid] = tuple(positions)
    return shared


def is_below(nodeid: str, baseid: str) -> bool:
    """Return whether a test can request the fixtures that are defined at `baseid`."""
    return baseid in ("", ".") or nodeid.startswith((f"{baseid}/", f"{baseid}::"))


def find_instance(fixture: SharedFixture, nodeid: str) -> str:
    """Return the session, package, module or class to which the value of a fixture belongs, for one test."""
    path, _, rest = nodeid.partition("::")
    if fixture.scope == "session":
        return ""
    if fixture.scope == "package":
        return fixture.baseid if fixture.baseid and is_below(nodeid, fixture.baseid) else path.rpartition("/")[0]
    name = rest.partition("[")[0]
    return f"{path}::{name.rpartition('::')[0]}" if fixture.scope == "class" else path


def advance(
    active: dict[int, str], fixtures: Sequence[SharedFixture], used: Iterable[int], nodeid: str
) -> tuple[list[int], list[int]]:
    """Return the positions of the shared fixtures that end before a test of a process, and of those that begin.

    active: session, package, module or class to which the value of each fixture belongs, by position; it is
        changed
    """
    ended = [each for each, instance in active.items() if find_instance(fixtures[each], nodeid) != instance]
    for each in ended:
        del active[each]
    begun = [each for each in used if each not in active]
    active.update((each, find_instance(fixtures[each], nodeid)) for each in begun)
    return ended, begun


def order_longest_first(costs: SuiteCosts, workers: int, dist: str) -> SuiteCosts:
    """Return the costs with the tests in the order of `--akastats-order=longest-first`."""
    narrow = [at for at, fixture in enumerate(costs.fixtures) if fixture.scope != "session"]
    instances = [
        frozenset(f"{at} {find_instance(costs.fixtures[at], test.nodeid)}" for at in narrow if at in test.fixtures)
        for test in costs.tests
    ]
    order = sort_longest_first([test.seconds for test in costs.tests], instances, workers, dist)
    return replace(costs, tests=tuple(costs.tests[at] for at in order), is_ordered=True)


def _find_fixture_costs(
    content: Profile, fixtures: Sequence[SharedFixture], shared: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, float]]:
    """Yield tests with the seconds of shared fixtures that their phases contain."""
    builds = content.builds
    for name, baseid, nodeid, setup in zip(builds.name, builds.baseid, builds.nodeid, builds.setup, strict=True):
        used = (fixtures[position] for position in shared.get(nodeid, ()))
        # The time of a fixture that a test requests with `getfixturevalue` stays part of the test.
        if any((each.name, each.baseid) == (name, baseid) for each in used):
            yield nodeid, setup / 1e6
    for nodeids in _list_by_worker(content).values():
        yield from _find_teardowns(fixtures, shared, nodeids)


def _find_teardowns(
    fixtures: Sequence[SharedFixture], shared: Mapping[str, tuple[int, ...]], nodeids: Sequence[str]
) -> Iterator[tuple[str, float]]:
    """Yield the tests of a process with the seconds of shared fixtures that end with them.

    A fixture ends with the last test of its scope, even if that test does not use the fixture.
    """
    active: dict[int, str] = {}
    for before, nodeid in pairwise(["", *nodeids]):
        ended, _ = advance(active, fixtures, shared[nodeid], nodeid)
        if ended:
            yield before, sum(fixtures[each].teardown for each in ended)
    if nodeids:
        yield nodeids[-1], sum(fixtures[each].teardown for each in active)


def _list_by_worker(content: Profile) -> dict[str, list[str]]:
    """Return the tests of each worker, in the order in which they started."""
    rows = sorted(zip(content.tests.start, content.tests.worker, content.tests.nodeid, strict=True))
    by_worker: dict[str, list[str]] = defaultdict(list)
    for _, worker, nodeid in rows:
        by_worker[worker].append(nodeid)
    return by_worker
