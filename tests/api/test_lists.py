"""Tests, grid, errors and labels over the API, from the index that runs have written."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from akastats.store import keys
from tests.api.conftest import walk
from tests.delivered_runs import STARTED, deliver_run

NAMESPACE = "AKA-STATS"
BOOM = "shop/io.py:9: in load\n    boom()\nE   ValueError: no order {}\n\nshop/io.py:9: ValueError"


def deliver_runs(server, tmp_path, *runs, **fields):
    """Deliver runs with these tests, a hundred seconds apart; return their ids."""
    return [
        deliver_run(
            server, tmp_path, tests, run_id=f"20231114T22132{at:04d}-000001", started=STARTED + 100 * at, **fields
        )
        for at, tests in enumerate(runs)
    ]


@pytest.mark.parametrize("path", ["tests", "errors"])
def test_nothing_is_an_empty_list(call_api, path):
    """A server without runs returns an empty page."""
    assert {"items": [], "next": None, "total": 0} == call_api("GET", f"/api/v1/{path}").json()


def test_the_row_of_a_test_summarises_its_history(call_api, server, tmp_path):
    """It has attempts, failures and durations, newest first."""
    outcomes = ["passed", "failed", "rerun", "error", "passed"]
    deliver_runs(server, tmp_path, *[[("a.py::b", outcome, 0.1 * at)] for at, outcome in enumerate(outcomes)])

    (row,) = call_api("GET", "/api/v1/tests").json()["items"]

    assert {
        "nodeid": "a.py::b",
        "suite": None,
        "runs": 5,
        "failure_rate": 0.6,
        "avg": 0.2,
        "last": 0.4,
        "p50": 0.2,
        "p95": 0.38,
        "last_time": STARTED + 400.4,
        "last_outcome": "passed",
        "outcomes": "perfp",
        "durations": [0.4, 0.3, 0.2, 0.1, 0.0],
    } == row


def test_a_skipped_test_is_not_listed(call_api, server, tmp_path):
    """It has no duration and no result."""
    deliver_run(server, tmp_path, [("a.py::b", "skipped", 0.0)])

    assert 0 == call_api("GET", "/api/v1/tests").json()["total"]


SORTED = {
    "nodeid": ["a.py::one", "b.py::TWO", "b.py::three"],
    "-nodeid": ["b.py::three", "b.py::TWO", "a.py::one"],
    "last": ["b.py::TWO", "b.py::three", "a.py::one"],
    "-p95": ["a.py::one", "b.py::three", "b.py::TWO"],
    "-failure_rate": ["b.py::TWO", "b.py::three", "a.py::one"],
    "-runs": ["b.py::three", "b.py::TWO", "a.py::one"],
}


@pytest.fixture
def three(server, tmp_path):
    """Three tests on the server: one in a suite, one failing."""
    tests = [("a.py::one", "passed", 0.3), ("b.py::TWO", "failed", 0.1), ("b.py::three", "passed", 0.2)]
    deliver_run(server, tmp_path, tests)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("sort", SORTED)
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_lists_are_sorted_and_pages_are_complete(call_api, sort, limit):
    """Each page continues the previous one, also among equal items."""
    rows = [row["nodeid"] for row in walk(call_api, f"/api/v1/tests?sort={sort}&limit={limit}")]

    assert SORTED[sort] == rows


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=two", ["b.py::TWO"]),
        ("q=B.PY%20t", ["b.py::TWO", "b.py::three"]),
        ("q=none", []),
        ("outcome=failed", ["b.py::TWO"]),
        ("suite=", ["a.py::one", "b.py::TWO", "b.py::three"]),
        ("suite=py312", ["c.py::four"]),
        ("q=o", ["a.py::one", "b.py::TWO", "c.py::four"]),
    ],
)
def test_filters_combine(call_api, server, tmp_path, query, expected):
    """Words in any case, one suite, none or all, the newest outcome; `total` counts the matches."""
    deliver_run(
        server, tmp_path, [("c.py::four", "passed", 0.1)], suite="py312", run_id="20231114T221320001-000002"
    )

    answer = call_api("GET", f"/api/v1/tests?sort=nodeid&{query}").json()

    assert expected == [row["nodeid"] for row in answer["items"]]
    assert len(expected) == answer["total"]


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WzEsMiwzXQ", "W2ZhbHNlLE5hTiwiIl0"])
@pytest.mark.parametrize("path", ["tests", "grid", "errors"])
def test_foreign_cursors_are_a_problem(call_api, path, cursor):
    """An invalid cursor is refused by name."""
    answer = call_api("GET", f"/api/v1/{path}?cursor={cursor}")

    assert (422, "cursor") == (answer.status_code, answer.json()["field"])


def test_a_list_follows_what_happens(call_api, server, tmp_path, redis_client):
    """A process that listed tests before sees new tests, changes, and an empty server."""
    seen = []
    for at, test in enumerate(
        [("a.py::b", "passed", 1.0), ("a.py::c", "passed", 2.0), ("a.py::b", "failed", 3.0)]
    ):
        deliver_run(server, tmp_path, [test], run_id=f"20231114T22132{at:04d}-000001", started=STARTED + 100 * at)
        items = call_api("GET", "/api/v1/tests?sort=nodeid").json()["items"]
        seen.append([(row["nodeid"], row["outcomes"]) for row in items])
    redis_client.flushall()

    assert [
        [("a.py::b", "p")],
        [("a.py::b", "p"), ("a.py::c", "p")],
        [("a.py::b", "fp"), ("a.py::c", "p")],
    ] == seen
    assert 0 == call_api("GET", "/api/v1/tests").json()["total"]


def test_an_unchanged_list_costs_one_round_trip(call_api, server, tmp_path, redis_client):
    """Rows are fetched once; later requests only check for changes."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 1.0)])
    call_api("GET", "/api/v1/tests")
    redis_client.config_resetstat()

    call_api("GET", "/api/v1/tests")

    assert "cmdstat_hmget" not in redis_client.info("commandstats")


def test_a_row_that_was_removed_is_no_longer_listed(call_api, server, tmp_path, redis_client):
    """A row can be deleted on the server."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 1.0), ("a.py::c", "passed", 1.0)])
    call_api("GET", "/api/v1/tests")

    redis_client.zrem(keys.tests_at(NAMESPACE), "test::a.py::b")
    redis_client.hdel(keys.tests(NAMESPACE), "test::a.py::b")

    assert ["a.py::c"] == [row["nodeid"] for row in call_api("GET", "/api/v1/tests").json()["items"]]


def test_a_grid_has_a_cell_a_run(call_api, server, tmp_path):
    """One letter per run, newest first; `.` if the test did not run. The last attempt counts."""
    ids = deliver_runs(
        server,
        tmp_path,
        [("a.py::b", "passed", 1.0), ("a.py::c", "failed", 1.0)],
        [("a.py::b", "rerun", 1.0), ("a.py::b", "passed", 1.0)],
        [("a.py::b", "error", 1.0), ("a.py::c", "passed", 1.0)],
        branch="main",
    )

    grid = call_api("GET", "/api/v1/grid").json()

    assert ids[::-1] == [run["id"] for run in grid["runs"]]
    assert [("a.py::b", "epp"), ("a.py::c", "p.f")] == [(row["nodeid"], row["cells"]) for row in grid["items"]]
    assert call_api("GET", "/api/v1/grid?branch=main&q=C").json()["items"] == grid["items"][1:]
    assert ["...", "..."] != [row["cells"] for row in call_api("GET", "/api/v1/grid?branch=topic").json()["items"]]


def test_a_grid_reads_back_as_far_as_reruns_reach(call_api, server, tmp_path):
    """A repeated test has more points than runs, and still one cell per run."""
    tried = [("a.py::b", "rerun", 1.0)] * 3 + [("a.py::b", "passed", 1.0)]
    deliver_runs(server, tmp_path, [("a.py::b", "failed", 1.0)], tried, tried)

    (row,) = call_api("GET", "/api/v1/grid").json()["items"]

    assert "ppf" == row["cells"]


def test_a_grid_has_pages(call_api, server, tmp_path):
    """Following `next` visits each test once."""
    deliver_run(server, tmp_path, [(f"a.py::t{at}", "passed", 1.0) for at in range(7)])

    rows = [row["nodeid"] for row in walk(call_api, "/api/v1/grid?limit=3")]

    assert [f"a.py::t{at}" for at in range(7)] == rows
    assert 422 == call_api("GET", "/api/v1/grid?limit=201").status_code


def test_one_test_has_numbers_failures_phases_and_fixtures(call_api, server, tmp_path):
    """One response contains all data of the page about a test."""
    fixtures = [
        ["", "db", "session", 1, 0.5, 0.25],
        ["a.py", "tmp", "function", 1, 1.0, 0.0],
        ["z", "no", "function", 1, 9, 9],
    ]
    deliver_runs(
        server,
        tmp_path,
        [("a.py::b", "failed", 0.5, BOOM.format(1))],
        [("a.py::b", "failed", 0.5, BOOM.format(2))],
        [("a.py::b", "passed", 0.25)],
        fixtures=fixtures,
    )

    test = call_api("GET", "/api/v1/tests/a.py::b").json()

    (failure,) = test["failures"]
    assert ("test::a.py::b", 3, 3.0, "pff") == (
        test["label"],
        test["runs"],
        test["numbers"]["count"],
        test["outcomes"],
    )
    assert ("ValueError", "no order 2", 2, ["a.py::b"], ["shop/io.py::load"], STARTED) == tuple(
        failure[name] for name in ("exception", "message", "count", "tests", "frames", "first_seen")
    )
    assert (0.0, 0.25, 0.0) == tuple(test["latest"][phase] for phase in ("setup", "call", "teardown"))
    assert [("tmp", None), ("db", None)] == [
        (fixture["name"], fixture["is_requested"]) for fixture in test["fixtures"]
    ]


def test_one_test_without_a_profile_is_a_test_all_the_same(call_api, server, tmp_path, redis_client):
    """The details of its newest run have expired."""
    run_id = deliver_run(server, tmp_path, [("a/b c.py::b[/x?]", "passed", 0.5)], suite="py312")
    redis_client.delete(keys.profile(NAMESPACE, run_id))

    test = call_api("GET", f"/api/v1/tests/{quote('a/b c.py::b[/x?]')}?suite=py312").json()

    assert (None, [], "py312", 0.5) == (test["latest"], test["fixtures"], test["suite"], test["last"])
    assert 404 == call_api("GET", f"/api/v1/tests/{quote('a/b c.py::b[/x?]')}").status_code
