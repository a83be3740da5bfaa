"""Moments of the processes of a run, setups of shared fixtures, fixtures of each test, and CPU times."""

from __future__ import annotations

import os
import sys
import time
from itertools import pairwise
from typing import Any

import pytest

from akastats.model import profile
from akastats.model.profile import ProcessColumns, columns_of
from akastats.redis import sync_redis
from akastats.store import runs
from conftest import eventually
from pytest_akastats.process_times import ProcessTimes, read_start
from tests.plugin.conftest import NAMESPACE, Record, Recorded

MOMENTS = ("start", "configured", "collection", "collected", "finished", "end")

SUITE = """
    import subprocess
    import sys
    import time

    import pytest


    @pytest.fixture(scope="module")
    def database():
        time.sleep(0.02)
        return 1


    @pytest.fixture
    def client(database):
        return database


    def test_alone():
        pass


    def test_with_client(client):
        time.sleep(0.02)


    @pytest.mark.parametrize("number", [1, 2])
    def test_with_numbers(client, number):
        # Of the CPU's time, because other programs may use the CPU too.
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass


    def test_with_a_child():
        subprocess.run([sys.executable, "-c", "sum(range(10 ** 6))"], check=True)
"""


def processes(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """Return what each process recorded, by worker."""
    return {row["worker"]: row for row in profile.rows(recorded.profile["processes"])}


def rows_of(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """Return the attempts by the name of the test."""
    rows = profile.rows(recorded.profile["tests"])
    return {row["nodeid"].partition("::")[2]: row for row in rows}


def check_order(moments: dict[str, Any]) -> None:
    """Fail unless the moments of a process follow each other."""
    present = [moments[name] for name in MOMENTS if moments[name] is not None]
    assert all(earlier <= later for earlier, later in pairwise(present)), moments
    assert all(moments[name] is None or moments[name] >= 0 for name in ("conftest", "wait"))


def test_a_single_process_records_its_moments(pytester: pytest.Pytester, record: Record) -> None:
    """They follow each other, and the tests run between `collected` and `finished`."""
    pytester.makepyfile(test_one=SUITE)

    recorded = record()

    (moments,) = processes(recorded).values()
    check_order(moments)
    assert None not in [moments[name] for name in MOMENTS[1:]]
    starts = [row["start"] for row in rows_of(recorded).values()]
    assert moments["collected"] <= min(starts) <= max(starts) <= moments["finished"]
    assert moments["wait"] is None


def test_each_worker_records_its_moments(pytester: pytest.Pytester, record: Record) -> None:
    """Workers collect and wait; the controller does neither."""
    pytester.makepyfile(test_one=SUITE, test_two=SUITE)

    recorded = processes(record("-n2"))

    assert {"", "gw0", "gw1"} == set(recorded)
    for moments in recorded.values():
        check_order(moments)
    assert (None, None) == (recorded[""]["collection"], recorded[""]["collected"])
    assert None not in [recorded["gw0"][name] for name in (*MOMENTS[1:], "wait")]


@pytest.mark.parametrize("arguments", [["-x"], ["--maxfail=1", "-n2"]], ids=["single", "workers"])
def test_a_run_that_stops_early_has_ordered_moments(
    pytester: pytest.Pytester, record: Record, arguments: list[str]
) -> None:
    """The tests that did not run leave nothing behind."""
    pytester.makepyfile(test_one="def test_fails():\n    assert 0\n\n\ndef test_passes():\n    pass\n")

    for moments in processes(record(*arguments)).values():
        check_order(moments)


def test_a_worker_that_crashes_keeps_its_first_moments(pytester: pytest.Pytester, record: Record) -> None:
    """Its first test sent them; the worker that replaces it has its own."""
    pytester.makepyfile(
        test_one="""
        import os

        def test_first():
            pass

        def test_crashes():
            os._exit(1)

        def test_last():
            pass
        """
    )

    recorded = processes(record("-n1"))

    assert {"", "gw0", "gw1"} == set(recorded)
    assert recorded["gw0"]["collected"] is not None
    assert recorded["gw0"]["end"] is None
    check_order(recorded["gw1"])


def test_a_collection_that_fails_has_an_end(pytester: pytest.Pytester, record: Record) -> None:
    """No test runs."""
    pytester.makepyfile(test_one="raise ValueError")

    (moments,) = processes(record()).values()
    check_order(moments)
    assert None not in (moments["collection"], moments["end"])


def test_a_clock_that_a_conftest_moves_changes_nothing(pytester: pytest.Pytester, record: Record) -> None:
    """Moments come from the true clock."""
    pytester.makeconftest("import time\ntime.perf_counter = lambda: 1e9\ntime.time = lambda: 4e9\n")
    pytester.makepyfile(test_one="def test_one():\n    pass\n")

    (moments,) = processes(record()).values()
    check_order(moments)
    assert moments["end"] < 60e6


def test_setups_of_shared_fixtures_are_recorded(pytester: pytest.Pytester, record: Record) -> None:
    """With the test that requested each first, and without fixtures of a test."""
    pytester.makepyfile(test_one=SUITE)

    (build,) = profile.rows(record().profile["builds"])

    assert ("database", "test_one.py", "") == (build["name"], build["baseid"], build["worker"])
    assert "test_one.py::test_with_client" == build["nodeid"]
    assert build["setup"] >= 20_000


def test_each_test_has_its_fixtures(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Parameters are not fixtures; tests with the same fixtures share one combination."""
    pytester.makepyfile(test_one=SUITE)

    recorded = record(spread)

    combinations = recorded.profile["fixture_sets"]
    names = {
        name: set(combinations[row["fixture_set"]]) & {"client", "database", "number"}
        for name, row in rows_of(recorded).items()
    }
    assert set() == names["test_alone"] == names["test_with_a_child"]
    assert {"client", "database"} == names["test_with_client"] == names["test_with_numbers[1]"]


AUTOUSE = """
import pytest

@pytest.fixture(autouse=True)
def clock():
    pass

@pytest.fixture
def calendar(clock):
    pass

@pytest.fixture
def database():
    pass

def test_alone():
    pass

def test_with_clock(clock):
    pass

def test_with_calendar(calendar):
    pass

@pytest.mark.usefixtures("database")
def test_with_a_marker():
    pass
"""


def test_fixtures_that_only_autouse_adds_are_recorded(
    pytester: pytest.Pytester, record: Record, spread: str
) -> None:
    """A test requests the others itself, through other fixtures or with a marker."""
    pytester.makepyfile(test_one=AUTOUSE)

    recorded = record(spread)

    sets = recorded.profile["implicit_sets"]
    implicit = {name: sets[row["fixture_set"]] for name, row in rows_of(recorded).items()}
    assert ["clock"] == implicit["test_alone"] == implicit["test_with_a_marker"]
    assert [] == implicit["test_with_clock"] == implicit["test_with_calendar"]


def test_cpu_times_distinguish_work_from_waiting(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A phase that sleeps uses no CPU; one that computes does; a child's time is its own."""
    pytester.makepyfile(test_one=SUITE)

    recorded = rows_of(record(spread))

    assert recorded["test_with_client"]["cpu_call"] < 15_000 <= recorded["test_with_client"]["call"]
    assert recorded["test_with_numbers[1]"]["cpu_call"] > 5_000
    assert recorded["test_with_a_child"]["children_call"] > 0
    assert recorded["test_with_numbers[1]"]["children_call"] is None


def test_all_columns_are_recorded(pytester: pytest.Pytester, record: Record) -> None:
    """A column of processes that nobody writes would stay empty for ever."""
    pytester.makepyfile(test_one="def test_one():\n    pass\n")

    recorded = record("-n1").profile["processes"]

    unknown = {name for name in columns_of(ProcessColumns) if set(recorded[name]) <= {None}}
    assert unknown <= {"exited"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_the_start_of_a_process_is_before_now() -> None:
    """This process started at least the time ago that it has used the CPU, and at most an hour."""
    now = time.time()
    started = read_start(now)

    assert started is not None
    assert now - 3600 * 24 < started <= now - time.process_time() / (os.cpu_count() or 1) + 0.02


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_the_processes_of_a_run_are_part_of_its_profile(pytester: pytest.Pytester, record: Record) -> None:
    """Of the main process and of each worker, with the ends of the workers."""
    pytester.makepyfile(
        test_one="""
        import time
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_sleeps(number):
            time.sleep(0.5)
        """
    )

    recorded = record("-n2")

    rows = profile.rows(recorded.profile["samples"])
    assert {"", "gw0", "gw1"} == {row["worker"] for row in rows}
    assert all(0 < row["memory"] <= row["peak"] for row in rows)
    assert 2 == max(row["children"] for row in rows if not row["worker"])
    ends = {row["worker"]: row for row in profile.rows(recorded.profile["processes"])}
    for worker in ("gw0", "gw1"):
        assert ends[worker]["end"] <= ends[worker]["exited"]
        last = [row["time"] for row in rows if row["worker"] == worker][-1]
        assert ends[worker]["finished"] - 1e6 < last <= ends[worker]["exited"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_the_end_of_the_process_is_known_without_a_wait(pytester: pytest.Pytester, record: Record) -> None:
    """With `--akastats-wait=0` the process ends before the delivery."""
    pytester.makepyfile(test_one="def test_one():\n    pass\n")

    recorded = record(options=("--akastats", "--akastats-wait=0"))

    run = eventually(lambda: find_exit(recorded.run["id"]))
    (process,) = profile.rows(recorded.profile["processes"])
    end = float(recorded.run["started"]) + process["end"] / 1e6
    assert end <= float(run) < end + 2


def find_exit(run_id: str) -> str | None:
    """Return the end of the process of a run."""
    return sync_redis.run(runs.read_run(NAMESPACE, run_id)).get("exited")


def test_times_are_taken_once() -> None:
    """A second flush sends only what is new."""
    times = ProcessTimes(1000.0, clock=lambda: 5.0)
    times.note("configured")
    times.add_wait(0.25)
    times.add_wait(0.5)

    assert ({"configured": 1_005_000_000}, {"wait": 750_000}, os.getpid()) == times.take()
    assert () == times.take()
    times.set_duration("gc", 5)
    assert ({}, {"gc": 5}, 0) == times.take()
