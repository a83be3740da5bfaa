"""The wall time of each process: spans do not overlap and sum to it."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.analysis.ledger import ImportCost, Ledger, make_ledger
from tests.profiles import profile_with

SECOND = 1_000_000


def table(**columns: list[Any]) -> dict[str, list[Any]]:
    """Return columns of seconds as microseconds; texts and `None` stay."""
    return {
        name: [int(each * SECOND) if isinstance(each, (int, float)) else each for each in column]
        for name, column in columns.items()
    }


def ledger_of(
    tests: dict[str, list[Any]], processes: dict[str, list[Any]], imports: dict[str, list[Any]] | None = None
) -> Ledger:
    """Return the ledger of a run, with times in seconds."""
    return make_ledger(
        profile_with(tests=table(**tests), processes=table(**processes), imports=imports or {}),
    )


SINGLE = {
    "worker": [""],
    "start": [-1.0],
    "configured": [-0.25],
    "collection": [0.0],
    "collected": [1.0],
    "finished": [4.0],
    "end": [4.5],
    "exited": [5.0],
    "conftest": [0.25],
}
TESTS = {"nodeid": ["a", "b"], "worker": ["", ""], "start": [1.5, 2.5], "setup": [0.25, 0.25], "call": [0.5, 1.0]}


def test_the_spans_of_a_single_process_sum_to_its_wall_time() -> None:
    """Conftest files are part of the start; what is neither test nor collection belongs to pytest."""
    (process,) = ledger_of(TESTS, SINGLE).processes

    assert {
        "startup": 0.5,
        "conftest": 0.25,
        "collect": 1.0,
        "setup": 0.5,
        "call": 1.5,
        "pytest": 1.25,
        "finish": 0.5,
        "exit": 0.5,
    } == process.spans
    assert (-1.0, 6.0, 0.0) == (process.start, process.wall, process.unexplained)


def test_the_controller_waits_for_its_workers() -> None:
    """It collects nothing and runs no test; the workers wait as long as they recorded."""
    controller, worker = ledger_of(
        {**TESTS, "worker": ["gw0", "gw0"]},
        {
            "worker": ["", "gw0"],
            "start": [-1.0, 0.0],
            "configured": [0.0, 0.5],
            "collection": [None, 0.5],
            "collected": [None, 1.0],
            "finished": [4.5, 4.0],
            "end": [5.0, 4.0],
            "wait": [None, 0.75],
        },
    ).processes

    assert {"startup": 1.0, "wait": 4.5, "finish": 0.5} == controller.spans
    assert {
        "startup": 0.5,
        "collect": 0.5,
        "wait": 0.75,
        "setup": 0.5,
        "call": 1.5,
        "pytest": 0.25,
    } == worker.spans


def test_a_worker_that_crashed_ends_with_its_last_test() -> None:
    """Its later moments are unknown."""
    (process,) = ledger_of(
        {**TESTS, "worker": ["gw0", "gw0"]},
        {"worker": ["gw0"], "start": [0.0], "configured": [0.5], "collection": [0.5], "collected": [1.0]},
    ).processes

    assert 3.75 == process.wall
    assert pytest.approx(3.75) == sum(process.spans.values()) + process.unexplained


def test_a_process_without_a_known_start_begins_with_its_configuration() -> None:
    """Only on Linux can a process read when it started."""
    ledger = ledger_of(TESTS, {**SINGLE, "start": [None], "exited": [None]})

    assert -0.25 == ledger.processes[0].start
    assert 3 == len(ledger.lacks)


def test_tests_that_overlap_never_exceed_the_time_that_passed() -> None:
    """A plugin that runs tests at once gives durations that sum to more."""
    (process,) = ledger_of({**TESTS, "call": [30.0, 30.0]}, SINGLE).processes

    assert pytest.approx(process.wall) == sum(process.spans.values())
    assert "pytest" not in process.spans


def test_the_slowest_imports_come_first() -> None:
    """Each process has its own."""
    columns = {
        "worker": ["", ""],
        "phase": ["conftest", "collect"],
        "package": ["shop", "numpy"],
        "modules": [1, 9],
        "own": [5000, 90_000],
    }
    (process,) = ledger_of(TESTS, SINGLE, columns).processes

    assert (
        ImportCost("collect", "numpy", 9, 0.09),
        ImportCost("conftest", "shop", 1, 0.005),
    ) == process.imports


def test_a_run_of_an_earlier_release_says_what_it_lacks() -> None:
    """Its tests and files are known."""
    ledger = make_ledger(profile_with(tests=table(**TESTS), files={"path": ["a.py"], "seconds": [SECOND]}))

    (process,) = ledger.processes
    assert {"collect": 1.0, "setup": 0.5, "call": 1.5} == process.spans
    assert pytest.approx(3.75) == process.wall
    assert ledger.lacks


def test_a_run_without_tests_is_explained() -> None:
    """There is nothing to explain."""
    assert 1.0 == make_ledger(profile_with()).explained


def test_spans_add_up_over_all_processes() -> None:
    """In the order in which they occur."""
    ledger = ledger_of(TESTS, SINGLE)

    assert ["startup", "conftest", "collect", "setup", "call", "pytest", "finish", "exit"] == list(
        ledger.sum_spans()
    )
    assert 1.0 == ledger.explained
