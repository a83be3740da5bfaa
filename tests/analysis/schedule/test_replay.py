"""Replay of a suite: wall time by number of workers and distribution, with shared fixtures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.analysis.schedule.costs import SharedFixture, SuiteCosts, TestCost
from akastats.analysis.schedule.replay import compute_floor, replay

DATABASE = SharedFixture("database", "", "session", 1.0, 0.5)
MODULE = SharedFixture("tables", "", "module", 0.25, 0.125)


def suite(*tests: TestCost, fixtures: tuple[SharedFixture, ...] = (), cpus: int = 8) -> SuiteCosts:
    """Return a suite: start-up 0.5 s, collection 0.25 s, hooks at the end 0.125 s, end of a process 0.5 s."""
    return SuiteCosts(tests, fixtures, 0.5, 0.25, 0.125, workers=0, dist="no", cpus=cpus, ending=0.5)


def make_tests(*seconds: float, cpu: float = 1.0, fixtures: tuple[int, ...] = ()) -> list[TestCost]:
    """Return tests of one file each."""
    return [TestCost(f"test_{number}.py::test_it", cost, cpu, fixtures) for number, cost in enumerate(seconds)]


def test_without_workers_all_costs_add_up() -> None:
    """Start-up, collection, tests, and the end."""
    result = replay(suite(*make_tests(1.0, 2.0)), 0, "no")

    assert (0.75, (3.0,), 3.875) == (result.before, result.workers, result.wall)


def test_workers_start_and_collect_after_the_controller() -> None:
    """Each of two workers runs half of the tests."""
    result = replay(suite(*make_tests(*[1.0] * 8)), 2, "load")

    assert 1.25 == result.before
    assert (4.0, 4.0) == result.workers


def test_the_longest_test_limits_the_wall_time() -> None:
    """The other worker runs all other tests meanwhile."""
    result = replay(suite(*make_tests(9.0, 1.0, 1.0, 1.0)), 2, "worksteal")

    assert 9.0 <= max(result.workers) <= 10.0


def test_a_session_fixture_costs_each_worker() -> None:
    """Once without workers, twice with two, setup and teardown."""
    costs = suite(*make_tests(*[1.0] * 4, fixtures=(0,)), fixtures=(DATABASE,))

    assert (5.5,) == replay(costs, 0, "no").workers
    assert (3.5, 3.5) == replay(costs, 2, "load").workers


def test_a_module_fixture_is_built_for_each_module() -> None:
    """Its teardown belongs to the test that follows, or to the end."""
    costs = suite(*make_tests(1.0, 1.0, fixtures=(0,)), fixtures=(MODULE,))

    assert (2.75,) == replay(costs, 0, "no").workers


def test_more_workers_than_cpus_share_them() -> None:
    """Computing tests take longer; sleeping ones do not."""
    computing = suite(*make_tests(*[1.0] * 8), cpus=2)
    sleeping = suite(*make_tests(*[1.0] * 8, cpu=0.0), cpus=2)

    assert pytest.approx(4.0) == max(replay(computing, 4, "load").workers)
    assert pytest.approx(2.0) == max(replay(sleeping, 4, "load").workers)
    # The first process, then five processes that share two CPUs, then four that collect.
    assert 0.5 + 1.25 + 0.5 == replay(sleeping, 4, "load").before


def test_workers_that_have_ended_need_no_cpu() -> None:
    """The last test runs alone: two seconds with half a CPU for each, then two more with a whole one."""
    computing = suite(*make_tests(3.0, 1.0, 1.0, 1.0), cpus=2)

    assert pytest.approx((4.0, 2.0, 2.0, 2.0)) == replay(computing, 4, "load").workers


def test_a_test_waits_before_it_computes() -> None:
    """Only the computing halves share a CPU."""
    costs = suite(*make_tests(2.0, 2.0, cpu=0.5), cpus=1)

    assert pytest.approx((3.0, 3.0)) == replay(costs, 2, "load").workers


def test_the_end_of_workers_depends_on_their_number() -> None:
    """The rest of the time after the tests belongs to the suite."""
    recorded = replace(suite(cpus=2), workers=2, dist="load", finish=1.0)

    walls = [replay(recorded, workers, dist).wall for workers, dist in ((0, "no"), (2, "load"), (4, "load"))]

    assert [0.75 + 0.5, 1.5 + 1.0, 2.25 + 1.5] == walls


def test_workers_end_as_slowly_as_a_single_process() -> None:
    """The main process then ends as fast as it started, because it has collected no tests."""
    recorded = replace(suite(cpus=2), finish=2.5, ending=2.0, exit=2.0)

    # Start-up and collection, the hooks of the suite, the end of the worker, that of the main process.
    assert 1.25 + 0.5 + 2.0 + 0.5 == replay(recorded, 1, "load").wall
    assert 0.75 + 2.5 == replay(recorded, 0, "no").wall


def test_a_single_process_ends_as_slowly_as_a_worker() -> None:
    """Its hooks need the rest."""
    recorded = replace(suite(cpus=2), workers=2, dist="load", finish=3.0, ending=2.0, exit=0.25)

    assert 0.75 + 0.75 + 2.0 == replay(recorded, 0, "no").wall


def test_every_worker_runs_every_test_with_each() -> None:
    """The wall time is that of one process."""
    assert (3.0, 3.0) == replay(suite(*make_tests(1.0, 2.0)), 2, "each").workers


def test_a_suite_without_tests_takes_its_overhead() -> None:
    """With and without workers."""
    assert 0.875 == replay(suite(), 0, "no").wall
    assert 1.875 == replay(suite(), 2, "load").wall


def test_a_cost_that_is_removed_saves_only_on_the_critical_path() -> None:
    """A worker that ends early gains nothing."""
    tests = make_tests(5.0, 1.0)
    costs = suite(*tests)
    faster = replace(costs, tests=(tests[0], replace(tests[1], seconds=0.0)))

    assert replay(costs, 2, "load").wall == replay(faster, 2, "load").wall


def test_the_floor_is_the_longest_chain() -> None:
    """One test, all tests of a file, or all tests, each with its shared fixtures."""
    files = [TestCost(f"test_{file}.py::test_{at}", 1.0, 1.0, (0,)) for file in "ab" for at in range(3)]
    costs = suite(*files, fixtures=(DATABASE,))

    assert 1.375 + 2.5 == compute_floor(costs, "load")
    assert 1.375 + 4.5 == compute_floor(costs, "loadfile")
    assert 0.875 + 7.5 == compute_floor(costs, "no") == replay(costs, 0, "no").wall


def test_no_choice_is_below_its_floor() -> None:
    """Workers and distributions only change the rest."""
    costs = suite(*make_tests(3.0, 1.0, 1.0, 2.0, 1.0, fixtures=(0,)), fixtures=(MODULE,))

    for dist in ("load", "loadfile", "worksteal", "each"):
        for workers in (1, 2, 5):
            assert replay(costs, workers, dist).wall >= compute_floor(costs, dist)


def test_workers_send_reports() -> None:
    """Each test costs its worker more, and the process that receives the reports can be the slowest."""
    tests = make_tests(*[0.001] * 1000, cpu=0.0)
    costs = replace(suite(*tests), overhead=0.0005)

    assert pytest.approx(1.0) == replay(costs, 0, "no").workers[0]
    assert pytest.approx(1.2) == replay(costs, 1, "load").workers[0]
    result, empty = replay(costs, 8, "load"), replay(suite(), 8, "load")
    assert max(result.workers) < 0.2
    assert pytest.approx(1.0) == result.wall - empty.wall
