"""Rules about tests: waiting, children, reruns, parameters, slow tests."""

from __future__ import annotations

import pytest

from akastats.analysis.findings.durations import (
    find_long_test,
    find_parametrised_family,
    find_reruns,
    find_slow_tests,
    find_waiting,
)
from tests.analysis.findings.suites import Row, Suite


def test_tests_that_use_no_cpu_wait() -> None:
    """Their CPU time would remain."""
    suite = Suite([Row(f"test_a.py::test_poll[{at}]", call=0.5, cpu=0.03125) for at in range(4)])
    (cost,) = find_waiting(suite.record())

    assert "Waiting keeps 4 tests for 1.88 s, most in test_a.py::test_poll" == cost.title
    assert ("waiting", 1.875) == (cost.kind, pytest.approx(cost.saved))


def test_tests_that_await_programs_are_named_apart() -> None:
    """Most of the wait is CPU time of children."""
    suite = Suite([Row("test_a.py::test_run", call=1.0, cpu=0.0, children=0.75), Row("test_a.py::test_b")])
    (cost,) = find_waiting(suite.record())

    assert "child-processes" == cost.kind


def test_a_fixture_that_waits_is_named() -> None:
    """In proportion to its share of the setup."""
    suite = Suite(
        [Row(f"test_a.py::test_{at}", setup=0.5, cpu_setup=0.125, fixtures=("service",)) for at in range(4)],
        fixtures={"name": ["service"], "scope": ["function"], "count": [4], "setup": [2.0]},
    )
    (cost,) = find_waiting(suite.record())

    assert "Fixture service waits for 1.5 s in total" == cost.title
    assert pytest.approx(1.5) == cost.saved


def test_a_shared_fixture_that_waits_is_named() -> None:
    """Its builds say which tests paid for it."""
    suite = Suite(
        [
            Row("test_a.py::test_a", setup=1.0, cpu_setup=0.0, fixtures=("service",)),
            Row("test_a.py::test_b", fixtures=("service",)),
        ],
        fixtures={"name": ["service"], "scope": ["session"], "count": [1], "setup": [1.0]},
        builds={"name": ["service"], "baseid": [""], "nodeid": ["test_a.py::test_a"], "setup": [1.0]},
    )
    (cost,) = find_waiting(suite.record())

    assert ("::service", 1.0) == (cost.where[0].fixture, pytest.approx(cost.saved))


def test_repeated_attempts_cost_time() -> None:
    """The last attempt of a test would remain."""
    suite = Suite(
        [Row("a", call=1.0, outcome="rerun"), Row("a", call=1.0, outcome="rerun"), Row("a", call=1.0), Row("b")]
    )
    (cost,) = find_reruns(suite.record())

    assert ("reruns", 1, 2.0) == (cost.kind, cost.tests, pytest.approx(cost.saved))


def test_a_family_of_parameters_saves_half() -> None:
    """A function with few parameters is not a family."""
    suite = Suite(
        [Row(f"test_a.py::test_rate[{at}]", call=0.25) for at in range(8)]
        + [Row(f"test_a.py::test_tax[{at}]") for at in range(3)]
    )
    (cost,) = find_parametrised_family(suite.record())

    assert "test_a.py::test_rate" == cost.where[0].nodeid
    assert pytest.approx(1.0) == cost.saved


def test_few_tests_take_most_of_the_time() -> None:
    """They could be as fast as the median test."""
    suite = Suite([Row("slow", call=10.0), *(Row(f"fast_{at}") for at in range(20))])
    (cost,) = find_slow_tests(suite.record())

    assert "1 of 21 tests take 80% of the computing time, most slow" == cost.title
    assert pytest.approx(9.875) == cost.saved


def test_a_test_longer_than_a_share_is_split() -> None:
    """The other worker waits for it."""
    rows = [Row("long", call=4.0, worker="gw0"), *(Row(f"b{at}", worker="gw1") for at in range(8))]
    suite = Suite(rows, workers=2)
    (cost,) = find_long_test(suite.record())

    assert "long takes 4 s, longer than the share of a worker, 2.5 s" == cost.title
    # The parts of 1.5 s that the other worker gets, and the end of a test that both await.
    assert 1.0 < cost.saved < 2.0


@pytest.mark.parametrize(
    "rule", [find_waiting, find_reruns, find_parametrised_family, find_slow_tests, find_long_test]
)
def test_an_empty_run_has_no_findings(rule) -> None:
    """Nothing was recorded."""
    assert [] == list(rule(Suite([]).record()))


def test_tests_that_wait_for_a_cpu_do_not_wait() -> None:
    """Other programs use the machine: most tests compute for a third of their time, and one for less."""
    rows = [Row(f"a.py::t{at}", call=1.0, cpu=0.375 if at else 0.25) for at in range(8)]

    assert [] == list(find_waiting(Suite(rows).record()))


def test_a_test_that_sleeps_on_a_busy_machine_waits() -> None:
    """It hardly uses a CPU when it has one."""
    rows = [Row(f"a.py::t{at}", call=1.0, cpu=0.5 if at else 0.0625) for at in range(8)]

    (cost,) = find_waiting(Suite(rows).record())

    assert "Waiting keeps 1 test for 0.875 s, most in a.py::t0" == cost.title
