"""Runs over the API: lists, filters, pages, one run and its profile."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats.config import config
from akastats.model.verdicts import FailureVerdict, Outlier, Verdicts, pack
from akastats.queries import runs as reading
from akastats.store import keys
from tests.api.conftest import walk
from tests.delivered_runs import STARTED, TRACEBACK, deliver_run

NAMESPACE = "AKA-STATS"


def put_run(client: Redis, number: int, *, started: float | None = None, **fields: Any) -> str:
    """Store the record of a run and index it, as the end of a run does; return its id."""
    run_id = f"run-{number:05d}"
    at = STARTED + number if started is None else started
    stored = {"id": run_id, "started": repr(at), "status": "passed", **fields}
    client.hset(keys.run(NAMESPACE, run_id), mapping=stored)
    client.zadd(keys.runs(NAMESPACE), {run_id: at})
    for dimension in ("branch", "suite", "commit", "status"):
        if dimension in stored:
            client.zadd(keys.runs(NAMESPACE, dimension, stored[dimension]), {run_id: at})
    return run_id


def walk_ids(call_api, query: str) -> list[str]:
    """Return the ids of the runs on all pages."""
    return [run["id"] for run in walk(call_api, f"/api/v1/runs?{query}")]


def test_no_runs_are_an_empty_list(call_api):
    """A server without runs returns an empty page."""
    assert call_api("GET", "/api/v1/runs").json() == {"items": [], "next": None}


def test_a_recorded_run_is_listed_with_numbers_as_numbers(call_api, server, tmp_path):
    """Values of the spool have their types, and unknown ones are null."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)], branch="main", workers=2, python="3.13.1")

    (run,) = call_api("GET", "/api/v1/runs").json()["items"]

    assert (run["id"], run["branch"], run["python"]) == (run_id, "main", "3.13.1")
    assert (run["started"], run["duration"], run["tests"], run["workers"]) == (STARTED, 60.0, 1, 2)
    assert (run["commit"], run["build_url"], run["dirty"]) == (None, None, None)
    assert set(run) == set(reading.Run.__dataclass_fields__)


def test_pages_are_newest_first_and_complete(call_api, redis_client):
    """Following `next` visits each run once, in order."""
    ids = [put_run(redis_client, number) for number in range(25)]

    assert walk_ids(call_api, "limit=7") == ids[::-1]


def test_runs_of_one_moment_are_all_visited(call_api, redis_client):
    """300 runs with one start time are each visited once."""
    ids = [put_run(redis_client, number, started=STARTED) for number in range(300)]

    assert walk_ids(call_api, "limit=5") == ids[::-1]


def test_a_walk_is_not_disturbed_by_new_runs(call_api, redis_client):
    """A run that begins between two pages neither repeats nor hides another."""
    ids = [put_run(redis_client, number) for number in range(10)]
    first = call_api("GET", "/api/v1/runs?limit=5").json()

    put_run(redis_client, 99)
    second = call_api("GET", f"/api/v1/runs?limit=5&cursor={first['next']}").json()

    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]


def test_a_cursor_survives_the_run_it_stands_on(call_api, redis_client):
    """If a run leaves the list, because it is no longer running, its neighbours stay."""
    ids = [put_run(redis_client, number, status="running") for number in range(4)]
    first = call_api("GET", "/api/v1/runs?status=running&limit=2").json()

    redis_client.zrem(keys.runs(NAMESPACE, "status", "running"), ids[2])
    second = call_api("GET", f"/api/v1/runs?status=running&limit=2&cursor={first['next']}").json()

    assert [item["id"] for item in second["items"]] == [ids[1], ids[0]]


@pytest.mark.parametrize("seed", range(3))
def test_filters_combine(call_api, redis_client, seed):
    """Any filters together list the runs with all of these values, whichever set is the smallest."""
    chance = random.Random(seed)
    values = {"branch": ["main", "a/b?c&d", "é"], "suite": ["unit", "e2e"], "status": ["passed", "failed"]}
    stored = [{name: chance.choice(of) for name, of in values.items()} for _ in range(120)]
    ids = [put_run(redis_client, number, **fields) for number, fields in enumerate(stored)]
    selected = {name: chance.choice(of) for name, of in values.items() if chance.random() < 0.8}

    query = "&".join(f"{name}={value.replace('?', '%3F').replace('&', '%26')}" for name, value in selected.items())
    visited = walk_ids(call_api, f"limit=4&{query}")

    expected = [i for i, fields in zip(ids, stored, strict=True) if selected.items() <= fields.items()]
    assert visited == expected[::-1]


def test_few_matches_among_thousands_take_bounded_steps(call_api, redis_client, monkeypatch):
    """If few runs match, a page ends early with a cursor, so that every request is limited."""
    monkeypatch.setattr("akastats.store.runs.STEP_RUNS", 10)
    monkeypatch.setattr("akastats.store.runs.STEPS", 3)
    needle = put_run(redis_client, 0, branch="main", suite="s")
    for number in range(1, 100):
        put_run(redis_client, number, branch="main")
        put_run(redis_client, 100 + number, suite="s")

    first = call_api("GET", "/api/v1/runs?branch=main&suite=s").json()

    assert (first["items"], first["next"] is None) == ([], False)
    assert walk_ids(call_api, "branch=main&suite=s") == [needle]


def test_expired_runs_are_left_out(call_api, redis_client):
    """A run with an expired record is skipped."""
    ids = [put_run(redis_client, number) for number in range(6)]
    redis_client.delete(*(keys.run(NAMESPACE, run_id) for run_id in ids[1:5]))

    assert walk_ids(call_api, "limit=1") == [ids[5], ids[0]]


@pytest.mark.parametrize("cursor", ["zz", "!", "WzEsIDJd", "W05hTiwgIngiXQ", "WzEuMCwgIlx1ZDgwMCJd", "x" * 600])
def test_a_foreign_cursor_is_a_problem(call_api, cursor):
    """An invalid cursor is refused by name."""
    answer = call_api("GET", f"/api/v1/runs?cursor={cursor}")

    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_out_of_range_is_a_problem(call_api, limit):
    """The response contains the limits."""
    answer = call_api("GET", f"/api/v1/runs?limit={limit}")

    assert (answer.status_code, answer.json()["field"]) == (422, "limit")


def test_numbers_that_are_none_are_null(call_api, redis_client):
    """A field with text from another writer does not break the list."""
    put_run(redis_client, 1, tests="many", duration="nan", later_field="x")

    (run,) = call_api("GET", "/api/v1/runs").json()["items"]

    assert (run["tests"], run["duration"], "later_field" in run) == (None, None, False)


def test_one_run_has_its_failures_by_traceback(call_api, server, tmp_path):
    """Tests with the same traceback are one group, with class, message and context id."""
    other = "a.py:9: in f\n    boom()\nE   ValueError: boom\n\na.py:9: ValueError"
    tests = [("a.py::one", "failed", 0.1), ("a.py::two", "failed", 0.1), ("a.py::three", "error", 0.1, other)]
    run_id = deliver_run(server, tmp_path, [*tests, ("a.py::four", "passed", 0.1)])

    failures = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert [(f["exception"], f["message"], f["tests"]) for f in failures] == [
        ("AssertionError", "assert 12 == 13", ["a.py::one", "a.py::two"]),
        ("ValueError", "boom", ["a.py::three"]),
    ]
    texts = call_api("POST", "/api/v1/stat-contexts", json=[failures[0]["error_id"]]).json()
    assert texts == {failures[0]["error_id"]: TRACEBACK}


def test_failures_of_an_old_run_are_read_from_the_history(call_api, server, tmp_path):
    """The run may be 80 points back, behind runs with other failures."""
    old = deliver_run(server, tmp_path, [("a.py::b", "failed", 0.1)], run_id="20231114T000000000-000000")
    for number in range(1, 80):
        later = {"run_id": f"20231115T{number:09d}-000000", "started": STARTED + 100 * number}
        deliver_run(server, tmp_path, [("a.py::b", "failed", 0.1, f"E   KeyError: {number}")], **later)

    (failure,) = call_api("GET", f"/api/v1/runs/{old}").json()["failures"]

    assert (failure["exception"], failure["count"]) == ("AssertionError", 1)


def test_expired_tracebacks_and_histories_leave_the_tests(call_api, server, tmp_path, redis_client):
    """The profile has the failed tests, and the failure index has the details."""
    run_id = deliver_run(server, tmp_path, [("a.py::gone", "failed", 0.1), ("a.py::kept", "failed", 0.1)])
    redis_client.delete(keys.history(NAMESPACE, "test::a.py::gone"))
    redis_client.delete(*redis_client.keys("*CONTEXTS*"))

    (failure,) = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["exception"], failure["message"]) == ("AssertionError", "assert <n> == <n>")
    assert (failure["count"], failure["first_seen"]) == (2, STARTED)


def test_slowest_tests_have_their_earlier_median(call_api, server, tmp_path):
    """Each of the ten slowest has its seconds, and the median of earlier runs only."""
    for number, seconds in enumerate((0.1, 0.3, 0.2, 9.0, 5.0)):
        fields = {"run_id": f"20231114T22132000{number}-000000", "started": STARTED + 100 * number}
        deliver_run(server, tmp_path, [("a.py::b", "passed", seconds), ("a.py::c", "passed", 0.01)], **fields)

    slowest = call_api("GET", "/api/v1/runs/20231114T221320003-000000").json()["slowest"]

    assert slowest == [
        {"name": "a.py::b", "outcome": "passed", "seconds": 9.0, "usual": 0.2},
        {"name": "a.py::c", "outcome": "passed", "seconds": 0.01, "usual": 0.01},
    ]


def test_a_suite_has_histories_of_its_own(call_api, server, tmp_path):
    """A run with a suite is read from labels with that suite."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "failed", 0.1)], suite="py312")

    run = call_api("GET", f"/api/v1/runs/{run_id}").json()

    assert (run["suite"], run["failures"][0]["exception"]) == ("py312", "AssertionError")


def test_a_run_without_profile_has_empty_details(call_api, redis_client):
    """A run in progress, or with an expired profile, has no failures and no slowest tests."""
    run_id = put_run(redis_client, 1, status="running")

    run = call_api("GET", f"/api/v1/runs/{run_id}").json()

    assert (run["status"], run["has_profile"], run["failures"], run["slowest"]) == ("running", False, [], [])


def test_more_failing_tests_than_are_named_are_counted(call_api, server, tmp_path):
    """Of 130 tests with the same failure 100 are listed, and the others are counted."""
    run_id = deliver_run(server, tmp_path, [(f"a.py::t{number}", "failed", 0.1) for number in range(130)])

    run = call_api("GET", f"/api/v1/runs/{run_id}").json()

    assert (run["failures"][0]["count"], len(run["failures"][0]["tests"]), run["failing_left_out"]) == (
        130,
        100,
        30,
    )


def test_failures_beyond_the_limit_are_counted(call_api, server, tmp_path):
    """Of 130 different failures the first 100 are listed."""
    tests = [(f"a.py::t{number}", "failed", 0.1, f"E   KeyError: 'x{number}'") for number in range(130)]
    run_id = deliver_run(server, tmp_path, tests)

    run = call_api("GET", f"/api/v1/runs/{run_id}").json()

    assert (len(run["failures"]), run["failing_left_out"]) == (100, 30)
    assert run["failures"][0]["tests"] == ["a.py::t0"]


FIRST = "a.py:9: in f\n    boom()\nE   ValueError: boom 1"
SECOND = FIRST.replace("boom 1", "boom 2")


def test_failures_that_differ_in_a_number_are_one(call_api, server, tmp_path, redis_client):
    """They have one fingerprint, with message and frames of the newest traceback."""
    run_id = deliver_run(
        server, tmp_path, [("a.py::one", "failed", 0.1, FIRST), ("a.py::two", "failed", 0.1, SECOND)]
    )

    (failure,) = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["exception"], failure["message"], failure["frames"]) == ("ValueError", "boom 2", ["a.py::f"])
    assert (failure["count"], failure["tests"]) == (2, ["a.py::one", "a.py::two"])
    texts = call_api("POST", "/api/v1/stat-contexts", json=[failure["error_id"]]).json()
    assert texts == {failure["error_id"]: SECOND}


def test_messages_and_frames_need_the_scope_contexts(call_api, server, tmp_path):
    """A token for numbers gets the tests and their counts, but nothing from a traceback."""
    run_id = deliver_run(server, tmp_path, [("a.py::one", "failed", 0.1, FIRST)])
    config.token = f"stats:{'s' * 32} contexts:{'c' * 32}"

    runs = [
        call_api("GET", f"/api/v1/runs/{run_id}", headers={"authorization": f"Bearer {letter * 32}"}).json()
        for letter in "sc"
    ]

    details = [(run["failures"][0]["exception"], run["failures"][0]["message"]) for run in runs]
    assert details == [("ValueError", None), ("ValueError", "boom 1")]
    assert [run["failures"][0]["frames"] for run in runs] == [[], ["a.py::f"]]
    assert [(run["failures"][0]["file"], run["failures"][0]["line"]) for run in runs] == [
        (None, None),
        ("a.py", 9),
    ]


@pytest.mark.parametrize(("first_seen", "before"), [(STARTED - 1, True), (STARTED, False), (None, None)])
def test_a_failure_has_seen_before(call_api, server, tmp_path, redis_client, first_seen, before):
    """Whether it occurred before this run; null if it is not in the index."""
    run_id = deliver_run(server, tmp_path, [("a.py::one", "failed", 0.1)])
    (failure,) = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]
    redis_client.delete(keys.error(NAMESPACE, failure["fingerprint"]))
    if first_seen is not None:
        redis_client.hset(keys.error(NAMESPACE, failure["fingerprint"]), "first_seen", repr(first_seen))

    (failure,) = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["first_seen"], failure["seen_before"]) == (first_seen, before)


def test_an_expired_failure_keeps_its_class(call_api, server, tmp_path, redis_client):
    """Without traceback and record, the profile still has the class."""
    run_id = deliver_run(server, tmp_path, [("a.py::one", "failed", 0.1, FIRST)])
    redis_client.delete(*redis_client.keys("*CONTEXTS*"), *redis_client.keys("*::ERROR::*"))

    (failure,) = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["exception"], failure["message"], failure["frames"]) == ("ValueError", None, [])
    assert (failure["tests"], failure["first_seen"], failure["seen_before"]) == (["a.py::one"], None, None)


def test_a_shared_traceback_gives_no_message(call_api, server, tmp_path, redis_client, monkeypatch):
    """A run stores a limited number of tracebacks; a failure that shares another one has no message."""
    monkeypatch.setattr("akastats.delivery.run_builder.MAX_TRACEBACKS", 1)
    tests = [("a.py::one", "failed", 0.1, FIRST), ("a.py::two", "failed", 0.1, "E   ValueError: otherwise")]
    run_id = deliver_run(server, tmp_path, tests)

    failures = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert [(failure["tests"], failure["message"]) for failure in failures] == [
        (["a.py::one"], "boom 1"),
        (["a.py::two"], None),
    ]


def test_a_repeated_test_that_passed_is_no_failure(call_api, server, tmp_path):
    """The last attempt counts, whatever failed before."""
    tests = [
        ("a.py::flaky", "rerun", 0.1, FIRST),
        ("a.py::flaky", "passed", 0.1),
        ("a.py::bad", "rerun", 0.1, FIRST),
    ]
    run_id = deliver_run(server, tmp_path, [*tests, ("a.py::bad", "failed", 0.1, SECOND)])

    failures = call_api("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert [failure["tests"] for failure in failures] == [["a.py::bad"]]


def test_slowest_fixtures_have_their_earlier_median(call_api, server, tmp_path):
    """Setup and teardown, with the median of earlier runs."""
    for number, seconds in enumerate((0.5, 0.7, 2.0)):
        fields = {"run_id": f"20231114T22132000{number}-000000", "started": STARTED + 100 * number}
        fixtures = [["tests", "db", "session", 1, seconds, 0.25], ["", "tmp", "function", 3, 0.1, 0.0]]
        deliver_run(server, tmp_path, [("a.py::b", "passed", 0.1)], fixtures=fixtures, **fields)

    fixtures = call_api("GET", "/api/v1/runs/20231114T221320002-000000").json()["slowest_fixtures"]

    assert [tuple(fixture.values()) for fixture in fixtures] == [
        ("db", "tests", "session", 1, 2.25, 0.85),
        ("tmp", "", "function", 3, 0.1, 0.1),
    ]


def test_a_run_has_its_changes(call_api, server, tmp_path, redis_client):
    """Newly failing, slower and so on, relative to the base in the response; noise is counted."""
    names = ("breaks", "flickers", "slower", "waits", "goes")
    before = [(f"a.py::{name}", "passed", 0.1) for name in names]
    now = [
        *(("a.py::breaks", "failed", 0.1), ("a.py::flickers", "failed", 0.1)),
        *(("a.py::slower", "passed", 0.5), ("a.py::waits", "passed", 0.5)),
    ]
    older = deliver_run(server, tmp_path, before, run_id="20231113T000000000-000000", started=STARTED - 100)
    run_id = deliver_run(server, tmp_path, now)
    made = Verdicts(
        *(run_id, "", "main", "main", 20),
        failures=(FailureVerdict("a.py::breaks", "new"), FailureVerdict("a.py::flickers", "known flaky", 0.3)),
        outliers=(Outlier("a.py::slower", 0.5, 0.1),),
    )
    redis_client.set(keys.verdicts("AKA-STATS", run_id), pack(made))

    run = call_api("GET", f"/api/v1/runs/{run_id}").json()

    lists = ("newly_failing", "slower", "faster")
    assert {name: [change["nodeid"] for change in run["changes"][name]] for name in lists} == {
        "newly_failing": ["a.py::breaks"],
        "slower": ["a.py::slower"],
        "faster": [],
    }
    assert (run["base"]["id"], run["changes"]["added"], run["changes"]["removed"]) == (older, 0, 1)
    assert run["changes"]["noise"] == 2


BASE = {"branch": "topic", "suite": "unit", "status": "passed"}


@pytest.mark.parametrize(
    ("earlier", "base"),
    [
        ([BASE, {**BASE, "branch": "main"}], 0),
        ([{**BASE, "branch": "main"}, {**BASE, "branch": "other"}], 0),
        ([{**BASE, "branch": "master"}, {**BASE, "branch": "other"}], 0),
        ([BASE, {**BASE, "branch": "other"}, {**BASE, "suite": "e2e"}], 0),
        ([{**BASE, "branch": "other"}, {**BASE, "suite": "e2e"}, {"status": "passed"}], 0),
        ([{**BASE, "status": "failed"}, *({**BASE, "status": each} for each in ("crashed", "interrupted"))], 0),
        ([BASE, BASE], 1),
        ([{**BASE, "suite": "e2e"}, {"status": "passed"}], None),
    ],
)
def test_a_base_is_the_nearest_of_its_kind(call_api, redis_client, earlier, base):
    """The base has the same suite and branch, else main or master, else any branch; it was not interrupted."""
    ids = [put_run(redis_client, number, **fields) for number, fields in enumerate(earlier)]
    run_id = put_run(redis_client, 100, **BASE)
    put_run(redis_client, 101, **BASE)

    base_run = call_api("GET", f"/api/v1/runs/{run_id}").json()["base"]

    assert (base_run and base_run["id"]) == (None if base is None else ids[base])


def test_a_run_without_a_suite_has_a_base_without_one(call_api, redis_client):
    """Runs of suites in between are skipped."""
    base = put_run(redis_client, 0, branch="topic")
    for number in range(1, 50):
        put_run(redis_client, number, branch="topic", suite="unit")
    run_id = put_run(redis_client, 100, branch="topic")

    assert call_api("GET", f"/api/v1/runs/{run_id}").json()["base"]["id"] == base


def test_the_profile_is_returned_as_stored(call_api, server, tmp_path):
    """One list per column, with durations in microseconds."""
    run_id = deliver_run(
        server, tmp_path, [("a.py::b", "passed", 0.5)], fixtures=[["a.py", "db", "module", 1, 0.25, 0.0]]
    )

    profile = call_api("GET", f"/api/v1/runs/{run_id}/profile").json()

    assert (profile["version"], profile["tests"]["nodeid"], profile["tests"]["call"]) == (
        1,
        ["a.py::b"],
        [500_000],
    )
    assert (profile["fixtures"]["name"], profile["fixtures"]["setup"]) == (["db"], [250_000])


@pytest.mark.parametrize("path", ["nope", "nope/profile", "%00", "a%0Ab", "x" * 200])
def test_an_unknown_run_is_404(call_api, path):
    """For every endpoint of a run."""
    answer = call_api("GET", f"/api/v1/runs/{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_profile_that_has_gone_is_404(call_api, redis_client):
    """The run exists, and the response has the possible reasons."""
    run_id = put_run(redis_client, 1)

    answer = call_api("GET", f"/api/v1/runs/{run_id}/profile")

    assert answer.status_code == 404
    assert "expired" in answer.json()["detail"]


def test_a_really_recorded_run(call_api, server, pytester: pytest.Pytester, tmp_path: Path):
    """A run of `pytest --akastats` is in the API with its failure's class."""
    pytester.makepyfile(test_it="def test_ok(): pass\n\ndef test_wrong():\n    assert 1 == 2\n")
    pytester.runpytest_subprocess(
        "--akastats", f"--akastats-url={server}", "--akastats-wait=60", "-p", "no:randomly"
    )

    (listed,) = call_api("GET", "/api/v1/runs?status=failed").json()["items"]
    run = call_api("GET", f"/api/v1/runs/{listed['id']}").json()

    assert (run["tests"], run["passed"], run["failed"], run["exit_code"]) == (2, 1, 1, 1)
    (failure,) = run["failures"]
    assert (failure["exception"], failure["message"]) == ("AssertionError", "assert 1 == 2")
    assert failure["tests"] == ["test_it.py::test_wrong"]
