"""How many tests shared a CPU while a test ran."""

from __future__ import annotations

import pytest

from akastats.analysis.schedule import crowding
from akastats.analysis.schedule.crowding import measure_crowding, share_cpus, take_turns
from tests.profiles import profile_with

WORKERS = ["gw0", "gw1", "gw2", "gw3"]


def test_tests_that_run_at_once_share_the_cpus() -> None:
    """Four for one second, then two of them on two CPUs, then one alone."""
    tests = profile_with({"worker": WORKERS, "start": [0, 0, 0, 0], "call": [100, 100, 200, 400]}).tests

    assert pytest.approx([2.0, 2.0, 1.5, 1.25]) == measure_crowding(tests, 2)


def test_every_phase_of_a_test_counts() -> None:
    """A test runs from the start of its setup to the end of its teardown."""
    tests = profile_with({"worker": ["gw0", "gw1"], "setup": [10, 0], "call": [10, 20], "teardown": [0, 20]}).tests

    assert pytest.approx([2.0, 1.5]) == measure_crowding(tests, 1)


def test_with_a_cpu_for_each_worker_nothing_is_shared() -> None:
    """Also for attempts without a duration."""
    tests = profile_with({"worker": WORKERS, "start": [0, 0, 0, 0], "call": [100, 100, 100, 0]}).tests

    assert [1.0] * 4 == measure_crowding(tests, 4)
    assert 1.0 == measure_crowding(tests, 2)[-1]


def test_the_process_that_reports_needs_a_cpu_as_well() -> None:
    """A tenth of a CPU for each worker that computes, and never more than one CPU."""
    assert 1.1 == pytest.approx(share_cpus(2, 0.1, 2))
    assert 1.0 == share_cpus(1, 0.1, 2)
    assert 2.5 == share_cpus(4, 9.0, 2)
    assert 1.0 == share_cpus(0, 9.0, 2)


def test_pytest_computes_between_two_tests() -> None:
    """A short pause is time of pytest and needs a CPU; a long one is a wait."""
    short = {"worker": ["gw0", "gw1", "gw1"], "start": [0, 0, 6000], "call": [10_000, 2000, 4000]}
    long = {"worker": ["gw0", "gw1", "gw1"], "start": [0, 0, 60_000], "call": [100_000, 20_000, 40_000]}

    assert pytest.approx([2.0, 2.0, 2.0]) == measure_crowding(profile_with(short).tests, 1)
    assert pytest.approx([1.6, 2.0, 2.0]) == measure_crowding(profile_with(long).tests, 1)


@pytest.mark.parametrize(("processes", "factor"), [(0, 1.0), (1, 1.0), (2, 1.0), (4, 2.5), (8, 5.5)])
def test_taking_turns_needs_additional_time(
    monkeypatch: pytest.MonkeyPatch, processes: int, factor: float
) -> None:
    """The more processes share a CPU, the more."""
    monkeypatch.setattr(crowding, "TURNS", 0.5)

    assert factor == take_turns(processes, 2)
