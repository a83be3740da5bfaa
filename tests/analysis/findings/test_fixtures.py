"""Rules about fixtures: scope, repeated setups, teardowns."""

from __future__ import annotations

import pytest

from akastats.analysis.findings.fixtures import (
    find_autouse,
    find_fixture_scope,
    find_rebuilt_fixture,
    find_session_fixture,
    find_shared_scope,
    find_slow_teardown,
)
from tests.analysis.findings.suites import Row, Suite

#: Twelve tests in three files, each of which sets up a catalogue in 0.25 s.
CATALOGUE = Suite(
    [
        Row(f"test_{file}.py::test_{number}", setup=0.25, fixtures=("catalogue",))
        for file in "abc"
        for number in range(4)
    ],
    fixtures={"name": ["catalogue"], "scope": ["function"], "count": [12], "setup": [3.0]},
)


def test_a_fixture_for_each_test_is_cheaper_with_a_wider_scope() -> None:
    """The session would set it up once, module scope three times; the wider one saves a tenth more."""
    (cost,) = find_fixture_scope(CATALOGUE.record())

    assert "fixture-scope" == cost.kind
    assert "Fixture catalogue is set up 12 times; session scope would set it up once" == cost.title
    assert pytest.approx(2.75) == cost.saved
    assert ("::catalogue", 12) == (cost.where[0].fixture, cost.tests)


def test_a_fixture_of_a_file_is_given_the_scope_of_a_module() -> None:
    """Other files cannot request it."""
    suite = Suite(
        [Row(f"test_a.py::test_{number}", setup=0.25, fixtures=("rates",)) for number in range(4)],
        fixtures={
            "name": ["rates"],
            "baseid": ["test_a.py"],
            "scope": ["function"],
            "count": [4],
            "setup": [1.0],
        },
    )
    (cost,) = find_fixture_scope(suite.record())

    assert "module scope would set it up once" in cost.title
    assert pytest.approx(0.75) == cost.saved


def test_a_fixture_of_pytest_keeps_its_scope() -> None:
    """`tmp_path` belongs to one test."""
    suite = Suite(
        [Row(f"test_a.py::test_{number}", fixtures=("tmp_path",)) for number in range(4)],
        fixtures={"name": ["tmp_path"], "scope": ["function"], "count": [4], "setup": [1.0]},
    )
    assert [] == list(find_fixture_scope(suite.record()))


def test_a_module_fixture_of_a_directory_is_cheaper_for_the_session() -> None:
    """Each file sets it up, although all files can share it."""
    suite = Suite(
        [Row(f"test_{file}.py::test_{at}", fixtures=("index",)) for file in "abcd" for at in range(2)],
        fixtures={"name": ["index"], "baseid": ["."], "scope": ["module"], "count": [4], "setup": [2.0]},
    )
    (cost,) = find_shared_scope(suite.record())

    assert "Fixture index is set up 4 times; session scope would set it up once" == cost.title
    assert pytest.approx(1.5) == cost.saved


def test_a_module_fixture_of_two_workers_needs_another_distribution() -> None:
    """`loadfile` keeps the tests of a file together."""
    rows = [
        Row(f"test_{file}.py::test_{number}", worker=f"gw{number % 2}", fixtures=("tables",))
        for file in "ab"
        for number in range(4)
    ]
    suite = Suite(
        rows,
        fixtures={"name": ["tables"], "scope": ["module"], "count": [4], "setup": [4.0]},
        workers=2,
    )
    (cost,) = find_rebuilt_fixture(suite.record())

    assert ("::tables", "--dist loadfile") == (cost.where[0].fixture, cost.where[0].option)
    assert "is set up 4 times for 2 modules" in cost.title
    assert cost.saved > 0.5


def test_a_session_fixture_is_set_up_by_each_worker() -> None:
    """One of two could wait half as long."""
    rows = [Row(f"test_a.py::test_{at}", worker=f"gw{at % 2}", fixtures=("database",)) for at in range(8)]
    suite = Suite(
        rows,
        fixtures={"name": ["database"], "scope": ["session"], "count": [2], "setup": [4.0]},
        workers=2,
    )
    (cost,) = find_session_fixture(suite.record())

    assert "Session fixture database is set up by each of 2 workers" == cost.title
    assert pytest.approx(1.0) == cost.saved


def test_a_teardown_longer_than_its_setup_is_slow() -> None:
    """Of function and of wider scope."""
    suite = Suite(
        [Row(f"test_a.py::test_{at}", teardown=0.25, fixtures=("orders", "server")) for at in range(4)],
        fixtures={
            "name": ["orders", "server", "quick"],
            "scope": ["function", "session", "function"],
            "count": [4, 1, 4],
            "setup": [0.0, 0.0, 1.0],
            "teardown": [0.75, 0.125, 0.0],
        },
    )
    function, session = find_slow_teardown(suite.record())

    assert pytest.approx(0.75) == function.saved
    assert pytest.approx(0.125) == session.saved


def autouse_suite(scope: str, requesters: int) -> Suite:
    """Return twelve tests in three files with an autouse fixture, some of which request it."""
    names = [f"test_{file}.py::test_{number}" for file in "abc" for number in range(4)]
    own = 0.25 if scope == "function" else 0.0
    rows = [
        Row(name, setup=own, fixtures=("clock",), implicit=() if at < requesters else ("clock",))
        for at, name in enumerate(names)
    ]
    count, builds = (12, names) if scope == "function" else (3, names[::4])
    fixtures = {"name": ["clock"], "scope": [scope], "count": [count], "setup": [0.25 * count]}
    shared = {"name": ["clock"] * 3, "nodeid": builds, "setup": [0.25] * 3} if scope != "function" else {}
    return Suite(rows, fixtures=fixtures, builds=shared)


def test_an_autouse_fixture_that_few_tests_request_is_named() -> None:
    """The other tests would not set it up."""
    (cost,) = find_autouse(autouse_suite("function", requesters=2).record())

    assert "Autouse fixture clock is set up 12 times for 12 tests; 2 of them request it" == cost.title
    assert pytest.approx(2.5) == cost.saved


def test_an_autouse_fixture_of_modules_is_saved_where_no_test_requests_it() -> None:
    """Two of three modules."""
    (cost,) = find_autouse(autouse_suite("module", requesters=1).record())

    assert pytest.approx(0.5, abs=0.001) == cost.saved


@pytest.mark.parametrize("requesters", [0, 4])
def test_an_autouse_fixture_is_not_named_if_many_or_no_tests_request_it(requesters: int) -> None:
    """If no test requests it, all may need its effect."""
    assert [] == list(find_autouse(autouse_suite("function", requesters).record()))
