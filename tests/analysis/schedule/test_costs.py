"""Costs of a suite from its profile: what belongs to tests, and what to shared fixtures and processes."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.analysis.ledger import make_ledger
from akastats.analysis.schedule.costs import SharedFixture, SuiteCosts, find_instance, make_costs
from tests.profiles import profile_with

SECOND = 1_000_000


def costs_of(tests: dict[str, list[Any]], workers: int = 0, **tables: Any) -> SuiteCosts:
    """Return the costs of a suite on two CPUs, with times in microseconds."""
    content = profile_with(tests=tests, **tables)
    return make_costs(content, make_ledger(content), workers, "load", cpus=2)


def test_the_setup_of_a_shared_fixture_is_not_part_of_its_first_test() -> None:
    """The test that requested it first would appear slow in every other schedule."""
    costs = costs_of(
        {
            "nodeid": ["a.py::test_a", "a.py::test_b"],
            "start": [0, 4 * SECOND],
            "setup": [3 * SECOND, 0],
            "call": [SECOND, SECOND],
            "teardown": [0, SECOND // 2],
            "fixture_set": [0, 0],
        },
        fixtures={
            "name": ["db"],
            "scope": ["session"],
            "count": [1],
            "setup": [3 * SECOND],
            "teardown": [SECOND // 2],
        },
        builds={"name": ["db"], "worker": [""], "nodeid": ["a.py::test_a"], "setup": [3 * SECOND]},
        fixture_sets=[["db"]],
    )

    assert (SharedFixture("db", "", "session", 3.0, 0.5),) == costs.fixtures
    assert [1.0, 1.0] == [test.seconds for test in costs.tests]
    assert [(0,), (0,)] == [test.fixtures for test in costs.tests]


def test_a_fixture_of_another_directory_is_not_used() -> None:
    """Two fixtures can have one name."""
    costs = costs_of(
        {"nodeid": ["a/test_a.py::test_a", "b/test_b.py::test_b"], "fixture_set": [0, 0]},
        fixtures={"name": ["db", "db"], "baseid": ["a", "b"], "scope": ["module", "session"], "count": [1, 1]},
        fixture_sets=[["db"]],
    )

    assert [(0,), (1,)] == [test.fixtures for test in costs.tests]


def test_the_cpu_share_counts_children() -> None:
    """A phase that awaits a child that computes needs a CPU as well; an unrecorded phase used it."""
    costs = costs_of(
        {
            "nodeid": ["sleeps", "child", "unknown"],
            "start": [0, 1, 2],
            "call": [SECOND, SECOND, SECOND],
            "cpu_call": [0, 0, None],
            "children_call": [None, SECOND // 2, None],
        }
    )

    assert [0.0, 0.5, 1.0] == [test.cpu for test in costs.tests]


def test_attempts_of_a_test_add_up() -> None:
    """A rerun costs time in every schedule."""
    costs = costs_of({"nodeid": ["a", "a"], "start": [5, 0], "call": [SECOND, SECOND]})

    assert [2.0] == [test.seconds for test in costs.tests]


def test_the_end_of_a_process_is_without_the_wait_for_the_delivery() -> None:
    """Workers end as slowly as the process that ran all tests."""
    moments = {"finished": [SECOND], "end": [SECOND], "exited": [4 * SECOND]}
    content = profile_with(tests={"nodeid": ["a"]}, processes={"worker": [""], **moments})

    costs = make_costs(content, make_ledger(content), 0, "no", cpus=2, delivery=1.0)

    assert (3.0, 2.0, 2.0) == (costs.finish, costs.ending, costs.exit)


def test_recorded_ends_of_workers_are_their_ends() -> None:
    """The median, because one worker may wait for a thread."""
    moments = {"finished": [0] * 4, "end": [9, 0, 0, 0], "exited": [None, SECOND, 2 * SECOND, 8 * SECOND]}
    content = profile_with(processes={"worker": ["", "gw0", "gw1", "gw2"], **moments})

    assert 2.0 == make_costs(content, make_ledger(content), 3, "load", cpus=4).ending


def test_processes_give_start_collection_and_the_time_around_tests() -> None:
    """The first process needs a CPU as well; the end begins with the last test of a worker."""
    costs = costs_of(
        {"nodeid": ["a", "b"], "worker": ["gw0", "gw1"], "start": [3 * SECOND] * 2, "call": [SECOND] * 2},
        workers=2,
        processes={
            "worker": ["", "gw0", "gw1"],
            "start": [-SECOND, 0, 0],
            "configured": [0, 3 * SECOND // 2, 3 * SECOND // 2],
            "collection": [None, 3 * SECOND // 2, 3 * SECOND // 2],
            "collected": [None, 5 * SECOND // 2, 5 * SECOND // 2],
            "finished": [5 * SECOND, 4 * SECOND, 4 * SECOND],
            "end": [6 * SECOND, 4 * SECOND, 4 * SECOND],
        },
    )

    assert (1.0, 1.0, 2.0, 1.0) == (costs.startup, costs.collect, costs.finish, costs.ending)
    assert pytest.approx([1.5, 1.5], abs=0.001) == [test.seconds for test in costs.tests]


def test_a_worker_needs_more_time_around_a_test() -> None:
    """It sends its reports; of 0.35 ms around each test, 0.25 ms are those of pytest without workers."""
    moments = {"configured": [0], "collection": [0], "collected": [0], "finished": [8000 + 4 * 350], "end": [9400]}
    tests = {"nodeid": ["a", "b", "c", "d"], "start": [0, 2350, 4700, 7050], "call": [2000] * 4}

    alone = costs_of(tests, processes={"worker": [""], **moments})
    shared = costs_of({**tests, "worker": ["gw0"] * 4}, workers=1, processes={"worker": ["gw0"], **moments})

    assert pytest.approx((0.00235, 0.00035)) == (alone.tests[0].seconds, alone.overhead)
    assert pytest.approx((0.00225, 0.00025)) == (shared.tests[0].seconds, shared.overhead)
    assert pytest.approx(2 * 0.25 / 2.25) == shared.controller


@pytest.mark.parametrize(
    ("scope", "instance"),
    [
        ("session", ""),
        ("package", "shop/orders"),
        ("module", "shop/orders/test_tax.py"),
        ("class", "shop/orders/test_tax.py::TestTax"),
    ],
)
def test_a_value_belongs_to_its_scope(scope: str, instance: str) -> None:
    """Parameters with colons do not matter."""
    fixture = SharedFixture("db", "", scope, 1.0, 0.0)

    assert instance == find_instance(fixture, "shop/orders/test_tax.py::TestTax::test_rate[a::b]")


def test_damaged_numbers_of_fixtures_are_ignored() -> None:
    """A profile can name a combination that it does not contain."""
    costs = costs_of({"nodeid": ["a"], "fixture_set": [7]}, fixture_sets=[["db"]])

    assert [()] == [test.fixtures for test in costs.tests]


def test_a_fixture_with_parameters_costs_all_of_them() -> None:
    """Its scope begins once in each process, and each parameter is set up."""
    costs = costs_of(
        {"nodeid": ["a.py::test_a[x]", "a.py::test_a[y]"], "start": [0, 1], "fixture_set": [0, 0]},
        fixtures={"name": ["db"], "scope": ["session"], "count": [2], "setup": [4 * SECOND], "teardown": [SECOND]},
        fixture_sets=[["db"]],
    )

    assert (SharedFixture("db", "", "session", 4.0, 0.5),) == costs.fixtures


def test_a_fixture_that_a_test_requests_by_itself_is_part_of_the_test() -> None:
    """With `getfixturevalue`; no list of fixtures has it."""
    costs = costs_of(
        {"nodeid": ["a.py::test_a"], "call": [3 * SECOND], "fixture_set": [0]},
        fixtures={"name": ["db"], "scope": ["session"], "count": [1], "setup": [2 * SECOND]},
        builds={"name": ["db"], "nodeid": ["a.py::test_a"], "setup": [2 * SECOND]},
        fixture_sets=[[]],
    )

    assert [(3.0, ())] == [(test.seconds, test.fixtures) for test in costs.tests]


def test_workers_that_shared_a_cpu_made_tests_slower() -> None:
    """Of four workers on two CPUs, each has half a CPU; a sleeping test does not need it."""
    costs = costs_of(
        {
            "nodeid": ["computes", "sleeps", "both", "unknown"],
            "worker": ["gw0", "gw1", "gw2", "gw3"],
            "start": [0, 0, 0, 0],
            "call": [2 * SECOND] * 4,
            "cpu_call": [SECOND, 0, SECOND // 2, None],
        },
        workers=4,
    )

    assert [(1.0, 1.0), (2.0, 0.0), (1.5, 1 / 3), (1.0, 1.0)] == [(test.seconds, test.cpu) for test in costs.tests]


def test_a_test_that_ran_alone_had_a_cpu() -> None:
    """Three of four workers have ended before it began."""
    costs = costs_of(
        {
            "nodeid": ["a", "b", "c", "d"],
            "worker": ["gw0", "gw1", "gw2", "gw3"],
            "start": [0, 0, 0, SECOND],
            "call": [SECOND, SECOND, SECOND, 4 * SECOND],
        },
        workers=4,
    )

    assert pytest.approx([2 / 3, 2 / 3, 2 / 3, 4.0]) == [test.seconds for test in costs.tests]


def test_a_test_that_every_worker_runs_counts_once() -> None:
    """With `--dist each`."""
    tests = {"nodeid": ["a", "a"], "worker": ["gw0", "gw1"], "start": [0, 0], "call": [SECOND, 3 * SECOND]}

    assert [2.0] == [test.seconds for test in costs_of(tests, workers=2).tests]


def test_a_package_fixture_ends_with_its_package() -> None:
    """A test of another directory belongs to another instance."""
    fixture = SharedFixture("db", "shop", "package", 1.0, 0.0)

    assert ["shop", "shop", "bank"] == [
        find_instance(fixture, f"{path}.py::test_it")
        for path in ("shop/test_a", "shop/orders/test_b", "bank/test_c")
    ]


def test_the_spread_is_that_of_costs_that_several_workers_had() -> None:
    """Half of their range: 0.5 of 2 seconds of start-up, and 1 of 3 seconds of setup."""
    costs = costs_of(
        {"nodeid": ["a", "b"], "worker": ["gw0", "gw1"], "start": [3 * SECOND] * 2},
        workers=2,
        processes={"worker": ["gw0", "gw1"], "start": [0, 0], "configured": [3 * SECOND // 2, 5 * SECOND // 2]},
        builds={"name": ["db", "db"], "worker": ["gw0", "gw1"], "setup": [2 * SECOND, 4 * SECOND]},
    )

    assert pytest.approx(1.5 / 5.0) == costs.spread
    assert 0.0 == costs_of({"nodeid": ["a"]}).spread


def test_a_teardown_belongs_to_the_last_test_of_its_scope() -> None:
    """Which does not use the fixture."""
    costs = costs_of(
        {
            "nodeid": ["a.py::test_a", "a.py::test_b", "b.py::test_a"],
            "start": [0, 1, 2],
            "call": [SECOND] * 3,
            "teardown": [0, SECOND // 2, SECOND // 4],
            "fixture_set": [0, 1, 1],
        },
        fixtures={
            "name": ["tables", "db"],
            "scope": ["module", "session"],
            "count": [1, 1],
            "teardown": [SECOND // 2, SECOND // 4],
        },
        fixture_sets=[["tables", "db"], []],
    )

    assert [1.0, 1.0, 1.0] == [test.seconds for test in costs.tests]
