"""Replay a suite with another number of workers, another distribution or other costs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from akastats.analysis.schedule.costs import (
    CONTROLLER_OVERHEAD,
    WORKER_OVERHEAD,
    SuiteCosts,
    advance,
    crowd,
    crowd_startup,
)
from akastats.analysis.schedule.crowding import share_cpus
from akastats.analysis.schedule.schedulers import MIN_PENDING, SCOPES, make_scheduler


@dataclass(frozen=True)
class Replay:
    """The predicted course of a run, in seconds.

    wall: from the start of the process to the end of the recording.
    before: from the start of the process to the first test.
    workers: for each worker, the time of its tests; one entry without workers.
    """

    wall: float
    before: float
    workers: tuple[float, ...]


def replay(costs: SuiteCosts, workers: int, dist: str) -> Replay:
    """Simulate a run of the suite and return its times; `workers` is 0 without pytest-xdist."""
    workers = 0 if dist == "no" else workers
    before = _compute_before(costs, workers)
    busy = (
        _Simulation(costs, workers, dist).run() if workers else [_Worker(costs).run_all(range(len(costs.tests)))]
    )
    reporting = CONTROLLER_OVERHEAD * costs.overhead * len(costs.tests) if workers else 0.0
    duration = max(reporting, *busy)
    return Replay(before + duration + _compute_finish(costs, workers), before, tuple(busy))


def _compute_before(costs: SuiteCosts, workers: int) -> float:
    """Return the seconds until all workers can begin with their tests."""
    if not workers:
        return costs.startup + costs.collect
    of_worker = costs.startup * crowd_startup(workers, costs.cpus) + costs.collect * crowd(workers, costs.cpus)
    return costs.startup + of_worker


def _compute_finish(costs: SuiteCosts, workers: int) -> float:
    """Return the seconds after the last test, in which hooks of the suite run and processes end."""
    if workers == costs.workers:
        return costs.finish
    recorded = _compute_ending(costs, costs.workers)
    return costs.finish - min(costs.finish, recorded) + _compute_ending(costs, workers)


def _compute_ending(costs: SuiteCosts, workers: int) -> float:
    """Return the seconds in which the processes end, without the main process if its end was not observed.

    All workers end at the same time. Then the main process ends, as fast as it started, because it collected no
    tests.
    """
    if not workers:
        return costs.ending if costs.exit else 0.0
    return costs.ending * crowd(workers, costs.cpus) + min(costs.exit, costs.startup)


def compute_floor(costs: SuiteCosts, dist: str) -> float:
    """Return the minimum wall time with any number of workers.

    It consists of the longest chain of tests that this `dist` keeps in one worker, and the time before and after
    it.
    """
    chains: dict[str, list[int]] = defaultdict(list)
    for position, test in enumerate(costs.tests):
        chains[_find_chain(dist, test.nodeid)].append(position)
    longest = max((_Worker(costs).run_all(chain) for chain in chains.values()), default=0.0)
    workers = 0 if dist == "no" else 1
    finish = min(costs.finish, _compute_finish(costs, workers)) if workers else _compute_finish(costs, 0)
    return (1 + workers) * costs.startup + costs.collect + longest + finish


def _find_chain(dist: str, nodeid: str) -> str:
    """Return the name of the chain of a test: tests of one chain run in one worker."""
    return "" if dist in ("no", "each") else SCOPES.get(dist, str)(nodeid)


@dataclass
class _Worker:
    """A process that runs tests.

    overhead: seconds of pytest-xdist for each test
    active: session, package, module or class of the value of each shared fixture, by position of the fixture
    """

    costs: SuiteCosts
    overhead: float = 0.0
    active: dict[int, str] = field(default_factory=dict)

    def run(self, position: int) -> float:
        """Return the seconds of a test with the shared fixtures that begin and end with it."""
        test, fixtures = self.costs.tests[position], self.costs.fixtures
        ended, begun = advance(self.active, fixtures, test.fixtures, test.nodeid)
        return (
            test.seconds
            + self.overhead
            + sum(fixtures[each].teardown for each in ended)
            + sum(fixtures[each].setup for each in begun)
        )

    def run_all(self, positions: Iterable[int]) -> float:
        """Return the seconds of some tests alone in this worker."""
        return sum(map(self.run, positions)) + self.finish()

    def finish(self) -> float:
        """Return the seconds of the teardowns at the end."""
        return sum(self.costs.fixtures[each].teardown for each in self.active)


class _Simulation:
    """The tests of all workers. Each test first waits, then computes; tests that compute share the CPUs equally.

    Computing tests have a clock of their own. It runs slower while more tests compute than there are CPUs. So an
    event changes one entry of a heap, and not the end of every running test.
    """

    def __init__(self, costs: SuiteCosts, workers: int, dist: str) -> None:
        self._costs = costs
        self._scheduler = make_scheduler(dist, workers, [test.nodeid for test in costs.tests], costs.is_ordered)
        overhead = (WORKER_OVERHEAD - 1.0) * costs.overhead
        self._workers = [_Worker(costs, overhead) for _ in range(workers)]
        self._controller = costs.controller
        # Seconds since the first test, on the wall clock and on the clock of the computing tests.
        self._now = self._computed = 0.0
        # When each worker started its test; `None` without a test.
        self._started: list[float | None] = [None] * workers
        # Tests that wait: end, worker, CPU seconds; tests that compute: end on their clock, worker.
        self._waiting: list[tuple[float, int, float]] = []
        self._computing: list[tuple[float, int]] = []

    def run(self) -> list[float]:
        """Return the time at which each worker ends."""
        busy = [0.0] * len(self._workers)
        self._scheduler.start()
        self._start_tests()
        while self._waiting or self._computing:
            worker = self._advance()
            if worker is not None:
                busy[worker] = self._now
                self._complete(worker)
        return [end + worker.finish() for end, worker in zip(busy, self._workers, strict=True)]

    def _advance(self) -> int | None:
        """Move to the next event; return the worker whose test ends, `None` if a test begins to compute."""
        crowding = share_cpus(len(self._computing), self._controller, self._costs.cpus)
        end = self._now + (self._computing[0][0] - self._computed) * crowding if self._computing else inf
        if not self._waiting or end <= self._waiting[0][0]:
            self._now = end
            self._computed, worker = heapq.heappop(self._computing)
            return worker
        now, worker, cpu = heapq.heappop(self._waiting)
        self._computed += (now - self._now) / crowding
        self._now = now
        heapq.heappush(self._computing, (self._computed + cpu, worker))
        return None

    def _complete(self, worker: int) -> None:
        started = self._started[worker] or 0.0
        self._scheduler.queues[worker].popleft()
        self._started[worker] = None
        self._scheduler.complete(worker, self._now - started)
        self._start_tests()

    def _start_tests(self) -> None:
        """Start a test in each idle worker that has two tests, or whose last test this is."""
        for worker, queue in enumerate(self._scheduler.queues):
            is_ready = len(queue) >= MIN_PENDING or (queue and self._scheduler.closed[worker])
            if is_ready and self._started[worker] is None:
                seconds = self._workers[worker].run(queue[0])
                cpu = seconds * self._costs.tests[queue[0]].cpu
                self._started[worker] = self._now
                heapq.heappush(self._waiting, (self._now + seconds - cpu, worker, cpu))
