"""The schedulers of pytest-xdist: which tests each worker gets."""

from __future__ import annotations

import pytest

from akastats.analysis.schedule.schedulers import SCHEDULERS, Scheduler, make_scheduler

SUITE = [f"test_{file}.py::test_{number}" for file in "abcd" for number in range(4)]


def queues_of(scheduler: Scheduler) -> list[list[int]]:
    """Return the tests that wait in each worker."""
    return list(map(list, scheduler.queues))


def finish_first(scheduler: Scheduler, worker: int, seconds: float = 0.0) -> None:
    """End the first test of a worker."""
    scheduler.queues[worker].popleft()
    scheduler.complete(worker, seconds)


def started(dist: str, workers: int, nodeids: list[str] = SUITE) -> Scheduler:
    """Return a scheduler that has filled its queues."""
    scheduler = make_scheduler(dist, workers, nodeids)
    scheduler.start()
    return scheduler


@pytest.mark.parametrize("dist", sorted(SCHEDULERS))
@pytest.mark.parametrize("workers", [1, 2, 3, 5, 40])
def test_each_test_runs_once(dist: str, workers: int) -> None:
    """Whatever the order in which workers finish; with `each`, once in each worker."""
    scheduler = started(dist, workers)
    ran = []
    while any(scheduler.queues):
        worker = max(range(workers), key=lambda each: len(scheduler.queues[each]))
        ran.append(scheduler.queues[worker][0])
        finish_first(scheduler, worker)

    copies = workers if dist == "each" else 1
    assert sorted([*range(len(SUITE))] * copies) == sorted(ran)


def test_load_starts_with_a_quarter_of_an_even_share() -> None:
    """At least two tests."""
    assert [[0, 1], [2, 3]] == queues_of(started("load", 2))
    assert [6, 6] == list(map(len, started("load", 2, SUITE * 3).queues))


def test_load_refills_a_short_queue_with_half_of_the_remaining_share() -> None:
    """After a long test it waits until the queue is nearly empty."""
    scheduler = started("load", 2)
    finish_first(scheduler, 0)
    assert [[1, 4, 5], [2, 3]] == queues_of(scheduler)

    finish_first(scheduler, 0, seconds=0.2)
    assert [[4, 5], [2, 3]] == queues_of(scheduler)


def test_load_distributes_few_tests_in_turn() -> None:
    """Then no worker gets another one."""
    scheduler = started("load", 2, SUITE[:3])

    assert [[0, 2], [1]] == queues_of(scheduler)
    assert [True, True] == scheduler.closed


def test_a_file_stays_in_one_worker() -> None:
    """A worker gets the next file when at most two tests wait."""
    scheduler = started("loadfile", 2)
    assert [[0, 1, 2, 3], [4, 5, 6, 7]] == queues_of(scheduler)

    finish_first(scheduler, 0)
    assert [1, 2, 3] == queues_of(scheduler)[0]
    finish_first(scheduler, 0)
    assert [2, 3, 8, 9, 10, 11] == queues_of(scheduler)[0]


def test_the_largest_scope_comes_first() -> None:
    """pytest-xdist sorts them by their number of tests."""
    nodeids = ["a.py::test_a", "a.py::TestB::test_b", "a.py::TestB::test_c"]

    assert [[1, 2, 0]] == queues_of(started("loadscope", 1, nodeids))


def test_workers_without_a_scope_are_closed() -> None:
    """There are fewer files than workers."""
    scheduler = started("loadfile", 5)

    assert [4, 4, 4, 4, 0] == list(map(len, scheduler.queues))
    assert all(scheduler.closed)


def test_an_idle_worker_steals_from_the_longest_queue() -> None:
    """Half of it, from its end."""
    scheduler = started("worksteal", 2)
    assert [8, 8] == list(map(len, scheduler.queues))

    for _ in range(7):
        finish_first(scheduler, 0)

    assert [[7, 12, 13, 14, 15], [8, 9, 10, 11]] == queues_of(scheduler)


def test_an_unknown_distribution_is_refused() -> None:
    """The caller knows the values that exist."""
    with pytest.raises(KeyError):
        make_scheduler("alphabetical", 2, SUITE)
