"""Simulate the schedulers of pytest-xdist 3.8: which tests each worker gets, and when.

A scheduler has a number of workers, and node ids in the order of the collection. `start` fills the queues of the
workers, `complete` is called at the end of a test. A closed worker gets no further tests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

#: Minimum number of tests in the queue of a worker that starts a test, because pytest needs the next test for the
#: teardown. A closed worker also starts its last test.
MIN_PENDING = 2
# Minimum seconds of a test after which `load` does not refill the queue, if another test waits in it.
LONG_TEST_S = 0.1


class Scheduler:
    """Queues of the workers, each a list of positions of tests, the running one first.

    queues: the queues.
    closed: for each worker, whether it gets no further tests.
    """

    def __init__(self, workers: int, nodeids: Sequence[str]) -> None:
        self.queues: list[deque[int]] = [deque() for _ in range(workers)]
        self.closed = [False] * workers
        self.nodeids = nodeids
        self.pending = deque(range(len(nodeids)))

    def start(self) -> None:
        """Fill the queues for the first time."""
        raise NotImplementedError

    def complete(self, worker: int, seconds: float) -> None:
        """Update the queues after the first test of a worker's queue, which took `seconds`, has ended."""
        raise NotImplementedError

    def send(self, worker: int, number: int) -> None:
        """Move the next `number` tests to a worker."""
        for _ in range(min(number, len(self.pending))):
            self.queues[worker].append(self.pending.popleft())

    def close_all(self) -> None:
        """Close all workers."""
        self.closed = [True] * len(self.closed)


class Load(Scheduler):
    """`--dist load`: chunks that become smaller."""

    def start(self) -> None:
        """Give each worker a quarter of its even share, at least two tests."""
        workers = len(self.queues)
        if len(self.pending) < 2 * workers:
            for position in range(len(self.pending)):
                self.send(position % workers, 1)
        else:
            chunk = max(len(self.pending) // workers // 4, 2)
            for worker in range(workers):
                self.send(worker, chunk)
        if not self.pending:
            self.close_all()

    def complete(self, worker: int, seconds: float) -> None:
        """Refill a queue that has become short."""
        queue = self.queues[worker]
        if not self.pending:
            self.closed[worker] = True
            return
        share = len(self.pending) // len(self.queues)
        if len(queue) >= max(2, share // 4) or (seconds >= LONG_TEST_S and len(queue) >= MIN_PENDING):
            return
        self.send(worker, max(2, share // 2) - len(queue))


class LoadScope(Scheduler):
    """`--dist loadscope` and `loadfile`: all tests of a scope run in one worker."""

    def __init__(
        self, workers: int, nodeids: Sequence[str], find_scope: Callable[[str], str], is_ordered: bool = False
    ) -> None:
        super().__init__(workers, nodeids)
        scopes: dict[str, list[int]] = {}
        for position, nodeid in enumerate(nodeids):
            scopes.setdefault(find_scope(nodeid), []).append(position)
        # Without --no-loadscope-reorder, pytest-xdist begins with the scopes that have most tests.
        units = scopes.values() if is_ordered else sorted(scopes.values(), key=lambda unit: -len(unit))
        self._units = deque(units)

    def start(self) -> None:
        """Give each worker one scope, and a second one to those with few tests."""
        used = min(len(self.queues), len(self._units))
        self.closed[used:] = [True] * (len(self.queues) - used)
        for worker in range(used):
            self.queues[worker].extend(self._units.popleft())
        for worker in range(used):
            self.complete(worker, 0.0)
        if not self._units:
            self.close_all()

    def complete(self, worker: int, seconds: float) -> None:
        """Give the worker another scope if at most two tests wait."""
        if self.closed[worker]:
            return
        if not self._units:
            self.closed[worker] = True
        elif len(self.queues[worker]) <= MIN_PENDING:
            self.queues[worker].extend(self._units.popleft())


class WorkSteal(Scheduler):
    """`--dist worksteal`: even shares, of which idle workers take tests from the end."""

    def start(self) -> None:
        """Divide the tests evenly."""
        self._balance()

    def complete(self, worker: int, seconds: float) -> None:
        """Fill the queues of idle workers."""
        self._balance()

    def _balance(self) -> None:
        while idle := self._find_idle():
            for remaining, worker in zip(range(len(idle), 0, -1), idle, strict=True):
                self.send(worker, len(self.pending) // remaining)
            idle = self._find_idle()
            if not idle:
                return
            if not self._steal():
                self._close(idle)

    def _find_idle(self) -> list[int]:
        queues = enumerate(self.queues)
        return [worker for worker, queue in queues if len(queue) < MIN_PENDING and not self.closed[worker]]

    def _steal(self) -> bool:
        """Take half of the longest queue from its end; return whether it was long enough."""
        victim = max(self.queues, key=len)
        number = min(len(victim) // 2, max(0, len(victim) - MIN_PENDING))
        stolen = [victim.pop() for _ in range(number)]
        self.pending.extend(reversed(stolen))
        return number > 0

    def _close(self, idle: Sequence[int]) -> None:
        for worker in idle:
            self.closed[worker] = True


class Each(Scheduler):
    """`--dist each`: every worker runs every test."""

    def start(self) -> None:
        """Give all tests to each worker."""
        for queue in self.queues:
            queue.extend(self.pending)
        self.close_all()

    def complete(self, worker: int, seconds: float) -> None:
        """Do nothing, because every worker has all its tests."""


def make_scheduler(dist: str, workers: int, nodeids: Sequence[str], is_ordered: bool = False) -> Scheduler:
    """Return the scheduler of a `--dist`; raises `KeyError` for an unknown one.

    is_ordered: whether scopes keep their order, as with `--no-loadscope-reorder`
    """
    if dist in SCOPES:
        return LoadScope(workers, nodeids, SCOPES[dist], is_ordered)
    return SCHEDULERS[dist](workers, nodeids)


#: Functions that return the scope of a node id, by `--dist`. All tests of a scope run in one worker. Recorded node
#: ids lack their group, so with `loadgroup` each test is a scope of its own.
SCOPES: Mapping[str, Callable[[str], str]] = {
    "loadscope": lambda nodeid: nodeid.rpartition("::")[0],
    "loadfile": lambda nodeid: nodeid.partition("::")[0],
    "loadgroup": lambda nodeid: nodeid,
}

SCHEDULERS: Mapping[str, Callable[[int, Sequence[str]], Scheduler]] = {
    "load": Load,
    **{dist: partial(LoadScope, find_scope=find_scope) for dist, find_scope in SCOPES.items()},
    "worksteal": WorkSteal,
    "each": Each,
}
