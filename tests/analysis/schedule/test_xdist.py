"""The schedulers decide as those of the installed pytest-xdist do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from xdist import scheduler as xdist
from xdist.remote import Producer

from akastats.analysis.schedule.schedulers import make_scheduler

THEIRS = {
    "load": xdist.LoadScheduling,
    "loadscope": xdist.LoadScopeScheduling,
    "loadfile": xdist.LoadFileScheduling,
    "worksteal": xdist.WorkStealingScheduling,
    "each": xdist.EachScheduling,
}


class Worker:
    """A worker as the schedulers of pytest-xdist see it; `queue` has the tests that it got."""

    def __init__(self, number: int, size: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}", spec=f"popen{number}")
        self.queue: list[int] = []
        self.shutting_down = False
        self.stolen: list[int] = []
        self._size = size

    def send_runtest_some(self, indices: list[int]) -> None:
        """Receive tests."""
        self.queue.extend(indices)

    def send_runtest_all(self) -> None:
        """Receive all tests."""
        self.queue.extend(range(self._size))

    def send_steal(self, indices: list[int]) -> None:
        """Receive the request to return tests."""
        self.stolen = list(indices)

    def shutdown(self) -> None:
        """Learn that no further test follows."""
        self.shutting_down = True


class Theirs:
    """A scheduler of pytest-xdist with its workers."""

    def __init__(self, dist: str, workers: int, nodeids: list[str]) -> None:
        option = SimpleNamespace(maxschedchunk=None, loadscopereorder=True, tx=["popen"] * workers)
        config: Any = SimpleNamespace(
            option=option, getoption=option.__dict__.get, getvalue=option.__dict__.__getitem__
        )
        self.scheduler = THEIRS[dist](config, Producer("", enabled=False))
        self.workers = [Worker(number, len(nodeids)) for number in range(workers)]
        for worker in self.workers:
            self.scheduler.add_node(worker)
        for worker in self.workers:
            self.scheduler.add_node_collection(worker, nodeids)
        self.scheduler.schedule()
        self._return_stolen()

    def complete(self, number: int, seconds: float) -> None:
        """End the first test of a worker."""
        worker = self.workers[number]
        self.scheduler.mark_test_complete(worker, worker.queue.pop(0), seconds)
        self._return_stolen()

    def _return_stolen(self) -> None:
        while victims := [worker for worker in self.workers if worker.stolen]:
            (victim,) = victims
            stolen, victim.stolen = victim.stolen, []
            # The first two tests are no longer in the queue of the process.
            granted = stolen if set(stolen) <= set(victim.queue[2:]) else []
            victim.queue = [each for each in victim.queue if each not in granted]
            self.scheduler.remove_pending_tests_from_node(victim, granted)


def make_suites() -> Iterator[list[str]]:
    """Yield suites with files and classes of random sizes."""
    numbers = random.Random(7)
    for size in (0, 1, 3, 10, 40, 150):
        files = [f"test_{numbers.randrange(1 + size // 8)}.py" for _ in range(size)]
        scopes = [f"{file}::{numbers.choice(['', 'TestA::', 'TestB::'])}" for file in files]
        yield sorted(f"{scope}test_{at}" for at, scope in enumerate(scopes))


@pytest.mark.parametrize("dist", sorted(THEIRS))
@pytest.mark.parametrize("workers", [1, 2, 3, 4, 8])
def test_each_decision_is_that_of_pytest_xdist(dist: str, workers: int) -> None:
    """For random suites, and in whichever order the workers end their tests."""
    for nodeids in make_suites():
        random_numbers = random.Random(len(nodeids))
        ours, theirs = make_scheduler(dist, workers, nodeids), Theirs(dist, workers, nodeids)
        ours.start()
        while True:
            assert [worker.queue for worker in theirs.workers] == list(map(list, ours.queues))
            if nodeids:
                assert [worker.shutting_down for worker in theirs.workers] == ours.closed
            runnable = [
                number
                for number, queue in enumerate(ours.queues)
                if len(queue) > 1 or (queue and ours.closed[number])
            ]
            if not runnable:
                break
            number = random_numbers.choice(runnable)
            seconds = random_numbers.choice([0.0, 0.2])
            ours.queues[number].popleft()
            ours.complete(number, seconds)
            theirs.complete(number, seconds)

        assert not any(ours.queues)
