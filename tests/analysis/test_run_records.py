"""Records of runs from their profiles."""

from __future__ import annotations

import pytest

from akastats.analysis.run_records import record_of
from tests.analysis.records import content, facts


def test_fixtures_and_files_by_name_in_seconds():
    """A fixture takes its setup and its teardown; the names are those of the labels."""
    fixtures = {"baseid": ["a.py", ""], "name": ["db", "tmp"], "setup": [1_000_000, 1], "teardown": [500_000, 0]}
    files = {"path": ["a.py"], "seconds": [250_000]}

    record = record_of(facts(1), content([], fixtures=fixtures, files=files), {})

    assert {"a.py::db": 1.5, "::tmp": 1e-6} == record.fixtures
    assert {"a.py": 0.25} == record.files


def test_a_test_that_ended_in_setup_took_its_setup():
    """As in its history."""
    profile = content([("a", "error", 0.0)], {"setup": [2_000_000]})

    assert [2.0] == list(record_of(facts(1), profile, {}).seconds)


def test_what_a_worker_ran_right_before_a_failure():
    """Per worker, because tests of other workers share no state; an earlier attempt is not another test."""
    profile = content(
        [
            *(("a", "passed", 0.1), ("x", "passed", 0.1), ("b", "rerun", 0.1), ("b", "failed", 0.1)),
            *(("y", "failed", 0.1), ("c", "passed", 0.1)),
        ],
        {"worker": ["gw0", "gw1", "gw0", "gw0", "gw1", "gw0"]},
    )

    record = record_of(facts(1), profile, {})

    assert ["a", "a", "x", "b"] == [record.before(at) for at in (2, 3, 4, 5)]


def test_the_first_test_of_a_worker_has_nothing_before_it():
    """Its order has no meaning."""
    assert record_of(facts(1), content([("a", "failed", 0.1)]), {}).before(0) == ""


@pytest.mark.parametrize(
    ("outcomes", "failing", "passing", "came_to"),
    [
        (["rerun", "passed"], {"t"}, {"t"}, "p"),
        (["rerun", "failed"], {"t"}, set(), "f"),
        (["error"], {"t"}, set(), "e"),
        (["skipped"], set(), set(), "s"),
        (["xfailed"], set(), {"t"}, "x"),
        (["xpassed"], set(), {"t"}, "X"),
        (["of a later release"], set(), set(), "?"),
    ],
)
def test_what_attempts_come_to(outcomes, failing, passing, came_to):
    """The last attempt counts, and an earlier failed attempt is recorded."""
    record = record_of(facts(1), content([("t", outcome, 0.1) for outcome in outcomes]), {})

    assert (failing, passing, came_to) == (record.failing, record.passing, record.letters[-1])
    assert (["t"] if came_to in "fe" else []) == record.failed()


def test_names_are_held_once():
    """Otherwise 200 runs of 10,000 tests contain each name 200 times."""
    names: dict[str, str] = {}
    first = record_of(facts(1), content([("".join(["a", "b"]), "passed", 0.1)]), names)
    second = record_of(facts(2), content([("".join(["a", "b"]), "passed", 0.1)]), names)

    assert first.nodeids[0] is second.nodeids[0]
