"""Replay a suite with another number of workers, another distribution or other costs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from akastats.analysis.schedule.costs import SuiteCosts, advance
from akastats.analysis.schedule.schedulers import MIN_PENDING, SCOPES, Scheduler, make_scheduler


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
    """Return the course of a run of the suite; `workers` is 0 without pytest-xdist."""
    if workers == 0 or dist == "no":
        busy = [_Worker(costs).run_all(range(len(costs.tests)))]
        before = costs.startup + costs.collect
    else:
        crowding = max(1.0, workers / costs.cpus)
        busy = _run_workers(costs, workers, dist, crowding)
        before = costs.startup + (costs.startup + costs.collect) * crowding
    return Replay(before + max(busy, default=0.0) + costs.finish, before, tuple(busy))


def compute_floor(costs: SuiteCosts, dist: str) -> float:
    """Return the wall time that no number of workers reduces with this `dist`: the longest chain, and the rest."""
    chains: dict[str, list[int]] = defaultdict(list)
    for position, test in enumerate(costs.tests):
        chains[_find_chain(dist, test.nodeid)].append(position)
    longest = max((_Worker(costs).run_all(chain) for chain in chains.values()), default=0.0)
    starts = 1 if dist == "no" else 2
    return starts * costs.startup + costs.collect + longest + costs.finish


def _find_chain(dist: str, nodeid: str) -> str:
    """Return what runs in one worker together with a test."""
    return "" if dist in ("no", "each") else SCOPES.get(dist, str)(nodeid)


@dataclass
class _Worker:
    """Shared fixtures that are set up in one process, by position, with what their values belong to."""

    costs: SuiteCosts
    crowding: float = 1.0
    active: dict[int, str] = field(default_factory=dict)

    def run(self, position: int) -> float:
        """Return the seconds of a test with the shared fixtures that begin and end with it."""
        test, fixtures = self.costs.tests[position], self.costs.fixtures
        seconds = test.seconds * (1.0 + test.cpu * (self.crowding - 1.0))
        ended, begun = advance(self.active, fixtures, test.fixtures, test.nodeid)
        seconds += sum(fixtures[each].teardown for each in ended)
        seconds += sum(fixtures[each].setup for each in begun)
        return seconds

    def run_all(self, positions: Iterable[int]) -> float:
        """Return the seconds of some tests alone in this worker."""
        return sum(map(self.run, positions)) + self.finish()

    def finish(self) -> float:
        """Return the seconds of the teardowns at the end."""
        return sum(self.costs.fixtures[each].teardown for each in self.active)


def _run_workers(costs: SuiteCosts, workers: int, dist: str, crowding: float) -> list[float]:
    scheduler = make_scheduler(dist, workers, [test.nodeid for test in costs.tests])
    states = [_Worker(costs, crowding) for _ in range(workers)]
    busy = [0.0] * workers
    # Ends of running tests: time, worker, seconds of the test.
    running: list[tuple[float, int, float]] = []
    is_running = [False] * workers
    scheduler.start()
    _start_tests(scheduler, states, is_running, running, 0.0)
    while running:
        now, worker, seconds = heapq.heappop(running)
        scheduler.queues[worker].popleft()
        is_running[worker] = False
        busy[worker] = now
        scheduler.complete(worker, seconds)
        _start_tests(scheduler, states, is_running, running, now)
    return [end + state.finish() for end, state in zip(busy, states, strict=True)]


def _start_tests(
    scheduler: Scheduler,
    states: Sequence[_Worker],
    is_running: list[bool],
    running: list[tuple[float, int, float]],
    now: float,
) -> None:
    """Start a test in each idle worker that has the next one, or knows that none follows."""
    for worker, queue in enumerate(scheduler.queues):
        is_ready = len(queue) >= MIN_PENDING or (queue and scheduler.closed[worker])
        if is_ready and not is_running[worker]:
            seconds = states[worker].run(queue[0])
            is_running[worker] = True
            heapq.heappush(running, (now + seconds, worker, seconds))
