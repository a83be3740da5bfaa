"""Rules about processes: distribution, workers, collection, hooks and the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.analysis.findings.processes import (
    find_collection,
    find_distribution,
    find_end,
    find_hooks,
    find_shards,
    find_workers,
)
from tests.analysis.findings.suites import Row, Suite


def test_a_better_distribution_is_named() -> None:
    """All tests are in one file, which `loadfile` gives to one worker."""
    rows = [Row(f"test_a.py::test_{at}", call=1.0, worker="gw0") for at in range(8)]
    (cost,) = find_distribution(Suite(rows, workers=2, dist="loadfile").record())

    assert "--dist load would distribute the tests better over 2 workers than --dist loadfile" == cost.title
    assert pytest.approx(4.0) == cost.saved


def test_a_single_process_is_advised_to_use_workers() -> None:
    """If its tests are long enough."""
    (cost,) = find_workers(Suite([Row(f"t{at}", call=1.0) for at in range(8)]).record())

    assert ("-n 2 would be faster than one process on 2 CPUs", 4.0) == (cost.title, pytest.approx(cost.saved))
    assert [] == list(find_workers(Suite([Row("t", call=1.0)]).record()))


def test_files_without_a_test_are_named_by_directory() -> None:
    """Those with tests are needed."""
    suite = Suite(
        [Row("tests/test_a.py::test_a")],
        files={
            "path": ["tests/test_a.py", "scripts/test_x.py", "scripts/old/test_y.py"],
            "seconds": [0.5, 0.25, 0.5],
        },
    )
    (cost,) = find_collection(suite.record())

    assert ("scripts", 0.75) == (cost.where[0].file, cost.evidence["total_s"])


def test_time_around_tests_belongs_to_hooks() -> None:
    """More than 1 ms for each test is unusual."""
    (cost,) = find_hooks(Suite([Row(f"t{at}") for at in range(8)], around=0.126).record())

    assert pytest.approx(1.0, rel=0.01) == cost.saved
    assert [] == list(find_hooks(Suite([Row("t")]).record()))


def test_the_time_after_the_last_test_is_named() -> None:
    """All of it could be saved."""
    (cost,) = find_end(Suite([Row("t")], finish=1.5).record())

    assert ("The run takes 1.5 s after its last test", 1.5) == (cost.title, pytest.approx(cost.saved))


def test_waiting_for_the_delivery_is_not_time_of_the_suite() -> None:
    """Nor is the end of the interpreter."""
    run = replace(Suite([Row("test_a.py::test_a")], finish=2.0).record(), delivery=1.5)
    (cost,) = find_end(run)

    assert "The run takes 0.5 s after its last test" == cost.title
    assert pytest.approx(0.375) == cost.saved
    assert [] == list(find_end(replace(run, delivery=1.9)))


def test_a_group_that_keeps_one_worker_busy_is_an_imbalance() -> None:
    """The assignment that was recorded has the groups, which node ids lack."""
    rows = [Row(f"test_{at}.py::test_a", call=1.0, worker="gw1" if at > 5 else "gw0") for at in range(8)]
    (cost,) = find_distribution(Suite(rows, workers=2, dist="loadgroup").record())
    (even,) = find_distribution(Suite([*rows[2:6], *rows[6:]], workers=2, dist="loadgroup").record())

    assert "Remove xdist_group from tests" in cost.advice
    assert pytest.approx(2.0) == cost.saved
    assert even.saved < 1.5


@pytest.mark.parametrize(("shards", "saved"), [((2.0, 1.5), [1.5]), ((5.0, 1.0), []), ((), [])])
def test_only_the_slowest_shard_has_a_finding(shards: tuple[float, ...], saved: list[float]) -> None:
    """The others wait for it; the saving is its difference to the mean."""
    run = replace(Suite([Row("t", call=4.0)]).record(), shards=shards)

    assert saved == [cost.saved for cost in find_shards(run)]
