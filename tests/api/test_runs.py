"""Runs over the API: lists, filters, pages, one run, its profile."""

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
from tests.telling import STARTED, TRACEBACK, tell

NAMESPACE = "AKA-STATS"


def put_run(client: Redis, number: int, *, started: float | None = None, **fields: Any) -> str:
    """Store a run's record and list it, as the end of a run does; return its id."""
    run_id = f"run-{number:05d}"
    at = STARTED + number if started is None else started
    stored = {"id": run_id, "started": repr(at), "status": "passed", **fields}
    client.hset(keys.run(NAMESPACE, run_id), mapping=stored)
    client.zadd(keys.runs(NAMESPACE), {run_id: at})
    for dimension in ("branch", "suite", "commit", "status"):
        if dimension in stored:
            client.zadd(keys.runs(NAMESPACE, dimension, stored[dimension]), {run_id: at})
    return run_id


def walk(ask, query: str) -> list[str]:
    """Return the ids of all pages of a list."""
    found, cursor = [], ""
    while True:
        answer = ask("GET", f"/api/v1/runs?{query}&cursor={cursor}").json()
        found += [item["id"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            return found


def test_no_runs_are_an_empty_list(ask):
    """A server that has seen no run answers an empty page."""
    assert ask("GET", "/api/v1/runs").json() == {"items": [], "next": None}


def test_a_recorded_run_is_listed_with_numbers_as_numbers(ask, server, tmp_path):
    """What the plugin's spool says comes back typed; what is unknown is null."""
    run_id = tell(server, tmp_path, [("a.py::b", "passed", 0.5)], branch="main", workers=2, python="3.13.1")

    (run,) = ask("GET", "/api/v1/runs").json()["items"]

    assert (run["id"], run["branch"], run["python"]) == (run_id, "main", "3.13.1")
    assert (run["started"], run["duration"], run["tests"], run["workers"]) == (STARTED, 60.0, 1, 2)
    assert (run["commit"], run["build_url"], run["dirty"]) == (None, None, None)
    assert set(run) == set(reading.Run.__dataclass_fields__)


def test_pages_are_newest_first_and_complete(ask, redis_client):
    """Following `next` visits each run once, in order."""
    ids = [put_run(redis_client, number) for number in range(25)]

    assert walk(ask, "limit=7") == ids[::-1]


def test_runs_of_one_moment_are_all_visited(ask, redis_client):
    """300 runs that began at one moment do not stop the walk, and none comes twice."""
    ids = [put_run(redis_client, number, started=STARTED) for number in range(300)]

    assert walk(ask, "limit=5") == ids[::-1]


def test_a_walk_is_not_disturbed_by_new_runs(ask, redis_client):
    """A run that begins between two pages neither repeats nor hides one."""
    ids = [put_run(redis_client, number) for number in range(10)]
    first = ask("GET", "/api/v1/runs?limit=5").json()

    put_run(redis_client, 99)
    second = ask("GET", f"/api/v1/runs?limit=5&cursor={first['next']}").json()

    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1]


def test_a_cursor_survives_the_run_it_stands_on(ask, redis_client):
    """A run that leaves the list (here: it is no longer running) does not cost its neighbours."""
    ids = [put_run(redis_client, number, status="running") for number in range(4)]
    first = ask("GET", "/api/v1/runs?status=running&limit=2").json()

    redis_client.zrem(keys.runs(NAMESPACE, "status", "running"), ids[2])
    second = ask("GET", f"/api/v1/runs?status=running&limit=2&cursor={first['next']}").json()

    assert [item["id"] for item in second["items"]] == [ids[1], ids[0]]


@pytest.mark.parametrize("seed", range(3))
def test_filters_combine(ask, redis_client, seed):
    """Any filters together list what has all of these values, whichever set is the smallest."""
    chance = random.Random(seed)
    values = {"branch": ["main", "a/b?c&d", "é"], "suite": ["unit", "e2e"], "status": ["passed", "failed"]}
    stored = [{name: chance.choice(of) for name, of in values.items()} for _ in range(120)]
    ids = [put_run(redis_client, number, **fields) for number, fields in enumerate(stored)]
    wanted = {name: chance.choice(of) for name, of in values.items() if chance.random() < 0.8}

    query = "&".join(f"{name}={value.replace('?', '%3F').replace('&', '%26')}" for name, value in wanted.items())
    found = walk(ask, f"limit=4&{query}")

    expected = [i for i, fields in zip(ids, stored, strict=True) if wanted.items() <= fields.items()]
    assert found == expected[::-1]


def test_a_needle_among_thousands_is_found_in_bounded_steps(ask, redis_client, monkeypatch):
    """Where few of many pass, a page ends early with a cursor that goes on: every request is bounded."""
    monkeypatch.setattr("akastats.store.runs.STEP_RUNS", 10)
    monkeypatch.setattr("akastats.store.runs.STEPS", 3)
    needle = put_run(redis_client, 0, branch="main", suite="s")
    for number in range(1, 100):
        put_run(redis_client, number, branch="main")
        put_run(redis_client, 100 + number, suite="s")

    first = ask("GET", "/api/v1/runs?branch=main&suite=s").json()

    assert (first["items"], first["next"] is None) == ([], False)
    assert walk(ask, "branch=main&suite=s") == [needle]


def test_expired_runs_are_left_out(ask, redis_client):
    """A run whose record has expired is no gap in the list."""
    ids = [put_run(redis_client, number) for number in range(6)]
    redis_client.delete(*(keys.run(NAMESPACE, run_id) for run_id in ids[1:5]))

    assert walk(ask, "limit=1") == [ids[5], ids[0]]


@pytest.mark.parametrize("cursor", ["zz", "!", "WzEsIDJd", "W05hTiwgIngiXQ", "WzEuMCwgIlx1ZDgwMCJd", "x" * 600])
def test_a_foreign_cursor_is_a_problem(ask, cursor):
    """What is not ours is refused by name, not an error of the server."""
    answer = ask("GET", f"/api/v1/runs?cursor={cursor}")

    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_out_of_range_is_a_problem(ask, limit):
    """The page's size has limits, which the answer names."""
    answer = ask("GET", f"/api/v1/runs?limit={limit}")

    assert (answer.status_code, answer.json()["field"]) == (422, "limit")


def test_numbers_that_are_none_are_null(ask, redis_client):
    """A field that another writer filled with words does not cost the list."""
    put_run(redis_client, 1, tests="many", duration="nan", later_field="x")

    (run,) = ask("GET", "/api/v1/runs").json()["items"]

    assert (run["tests"], run["duration"], "later_field" in run) == (None, None, False)


def test_one_run_tells_its_failures_by_traceback(ask, server, tmp_path):
    """Tests that failed with one traceback are one group, with its class, message and context id."""
    other = "a.py:9: in f\n    boom()\nE   ValueError: boom\n\na.py:9: ValueError"
    tests = [("a.py::one", "failed", 0.1), ("a.py::two", "failed", 0.1), ("a.py::three", "error", 0.1, other)]
    run_id = tell(server, tmp_path, [*tests, ("a.py::four", "passed", 0.1)])

    failures = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert [(f["exception"], f["message"], f["tests"]) for f in failures] == [
        ("AssertionError", "assert 12 == 13", ["a.py::one", "a.py::two"]),
        ("ValueError", "boom", ["a.py::three"]),
    ]
    texts = ask("POST", "/api/v1/stat-contexts", json=[failures[0]["error_id"]]).json()
    assert texts == {failures[0]["error_id"]: TRACEBACK}


def test_failures_of_an_old_run_are_found_deep_in_the_history(ask, server, tmp_path):
    """The run asked for may lie 80 points back, behind runs that failed otherwise."""
    old = tell(server, tmp_path, [("a.py::b", "failed", 0.1)], run_id="20231114T000000000-000000")
    for number in range(1, 80):
        later = {"run_id": f"20231115T{number:09d}-000000", "started": STARTED + 100 * number}
        tell(server, tmp_path, [("a.py::b", "failed", 0.1, f"E   KeyError: {number}")], **later)

    (failure,) = ask("GET", f"/api/v1/runs/{old}").json()["failures"]

    assert (failure["exception"], failure["count"]) == ("AssertionError", 1)


def test_expired_tracebacks_and_histories_leave_the_tests(ask, server, tmp_path, redis_client):
    """Which tests failed is known as long as the profile is; how, as all runs that failed alike have it."""
    run_id = tell(server, tmp_path, [("a.py::gone", "failed", 0.1), ("a.py::kept", "failed", 0.1)])
    redis_client.delete(keys.history(NAMESPACE, "test::a.py::gone"))
    redis_client.delete(*redis_client.keys("*CONTEXTS*"))

    (failure,) = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["exception"], failure["message"]) == ("AssertionError", "assert <n> == <n>")
    assert (failure["count"], failure["first_seen"]) == (2, STARTED)


def test_slowest_tests_stand_against_their_own_past(ask, server, tmp_path):
    """Each of the ten slowest has its seconds and the median of the runs before, not of those after."""
    for number, seconds in enumerate((0.1, 0.3, 0.2, 9.0, 5.0)):
        told = {"run_id": f"20231114T22132000{number}-000000", "started": STARTED + 100 * number}
        tell(server, tmp_path, [("a.py::b", "passed", seconds), ("a.py::c", "passed", 0.01)], **told)

    slowest = ask("GET", "/api/v1/runs/20231114T221320003-000000").json()["slowest"]

    assert slowest == [
        {"name": "a.py::b", "outcome": "passed", "seconds": 9.0, "usual": 0.2},
        {"name": "a.py::c", "outcome": "passed", "seconds": 0.01, "usual": 0.01},
    ]


def test_a_suite_has_histories_of_its_own(ask, server, tmp_path):
    """A run with a suite name is read from the labels that carry it."""
    run_id = tell(server, tmp_path, [("a.py::b", "failed", 0.1)], suite="py312")

    run = ask("GET", f"/api/v1/runs/{run_id}").json()

    assert (run["suite"], run["failures"][0]["exception"]) == ("py312", "AssertionError")


def test_a_run_without_profile_says_so(ask, redis_client):
    """A run that goes on, or whose profile has expired, is answered without failures and slowest."""
    run_id = put_run(redis_client, 1, status="running")

    run = ask("GET", f"/api/v1/runs/{run_id}").json()

    assert (run["status"], run["has_profile"], run["failures"], run["slowest"]) == ("running", False, [], [])


def test_more_failing_tests_than_are_named_are_counted(ask, server, tmp_path):
    """Of 130 tests that failed alike 100 are named, and the answer says how many are not."""
    run_id = tell(server, tmp_path, [(f"a.py::t{number}", "failed", 0.1) for number in range(130)])

    run = ask("GET", f"/api/v1/runs/{run_id}").json()

    assert (run["failures"][0]["count"], len(run["failures"][0]["tests"]), run["failing_left_out"]) == (
        130,
        100,
        30,
    )


def test_more_failures_than_are_told_are_counted(ask, server, tmp_path):
    """Of 130 that each failed otherwise the first 100 are told."""
    tests = [(f"a.py::t{number}", "failed", 0.1, f"E   KeyError: 'x{number}'") for number in range(130)]
    run_id = tell(server, tmp_path, tests)

    run = ask("GET", f"/api/v1/runs/{run_id}").json()

    assert (len(run["failures"]), run["failing_left_out"]) == (100, 30)
    assert run["failures"][0]["tests"] == ["a.py::t0"]


FIRST = "a.py:9: in f\n    boom()\nE   ValueError: boom 1"
SECOND = FIRST.replace("boom 1", "boom 2")


def test_failures_that_differ_in_a_number_are_one(ask, server, tmp_path, redis_client):
    """Grouped by fingerprint: message and frames are those of the newest traceback, which can be asked for."""
    run_id = tell(server, tmp_path, [("a.py::one", "failed", 0.1, FIRST), ("a.py::two", "failed", 0.1, SECOND)])

    (failure,) = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["exception"], failure["message"], failure["frames"]) == ("ValueError", "boom 2", ["a.py::f"])
    assert (failure["count"], failure["tests"]) == (2, ["a.py::one", "a.py::two"])
    texts = ask("POST", "/api/v1/stat-contexts", json=[failure["error_id"]]).json()
    assert texts == {failure["error_id"]: SECOND}


def test_messages_and_frames_are_for_those_who_may_read_tracebacks(ask, server, tmp_path):
    """A token for numbers alone learns what failed and how often, and nothing out of a traceback."""
    run_id = tell(server, tmp_path, [("a.py::one", "failed", 0.1, FIRST)])
    config.token = f"stats:{'s' * 32} contexts:{'c' * 32}"

    found = [
        ask("GET", f"/api/v1/runs/{run_id}", headers={"authorization": f"Bearer {letter * 32}"}).json()
        for letter in "sc"
    ]

    told = [(run["failures"][0]["exception"], run["failures"][0]["message"]) for run in found]
    assert told == [("ValueError", None), ("ValueError", "boom 1")]
    assert [run["failures"][0]["frames"] for run in found] == [[], ["a.py::f"]]
    assert [(run["failures"][0]["file"], run["failures"][0]["line"]) for run in found] == [
        (None, None),
        ("a.py", 9),
    ]


@pytest.mark.parametrize(("first_seen", "before"), [(STARTED - 1, True), (STARTED, False), (None, None)])
def test_a_failure_says_whether_it_was_seen_before(ask, server, tmp_path, redis_client, first_seen, before):
    """Known before this run began, or first seen in it; of one that nobody has listed nothing is said."""
    run_id = tell(server, tmp_path, [("a.py::one", "failed", 0.1)])
    (failure,) = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]
    redis_client.delete(keys.error(NAMESPACE, failure["fingerprint"]))
    if first_seen is not None:
        redis_client.hset(keys.error(NAMESPACE, failure["fingerprint"]), "first_seen", repr(first_seen))

    (failure,) = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["first_seen"], failure["seen_before"]) == (first_seen, before)


def test_a_failure_that_nobody_remembers_keeps_its_class(ask, server, tmp_path, redis_client):
    """Without its traceback and its record there is still what the profile says."""
    run_id = tell(server, tmp_path, [("a.py::one", "failed", 0.1, FIRST)])
    redis_client.delete(*redis_client.keys("*CONTEXTS*"), *redis_client.keys("*::ERROR::*"))

    (failure,) = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert (failure["exception"], failure["message"], failure["frames"]) == ("ValueError", None, [])
    assert (failure["tests"], failure["first_seen"], failure["seen_before"]) == (["a.py::one"], None, None)


def test_beyond_the_tracebacks_that_are_kept_no_words_are_another_s(
    ask, server, tmp_path, redis_client, monkeypatch
):
    """Of a run's distinct tracebacks only so many are kept; what shares another's does not get its message."""
    monkeypatch.setattr("akastats.delivery.run_builder.MAX_TRACEBACKS", 1)
    tests = [("a.py::one", "failed", 0.1, FIRST), ("a.py::two", "failed", 0.1, "E   ValueError: otherwise")]
    run_id = tell(server, tmp_path, tests)

    failures = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert [(failure["tests"], failure["message"]) for failure in failures] == [
        (["a.py::one"], "boom 1"),
        (["a.py::two"], None),
    ]


def test_what_was_run_again_and_passed_is_no_failure(ask, server, tmp_path):
    """A test counts by its last attempt, whatever it failed with before."""
    tests = [
        ("a.py::flaky", "rerun", 0.1, FIRST),
        ("a.py::flaky", "passed", 0.1),
        ("a.py::bad", "rerun", 0.1, FIRST),
    ]
    run_id = tell(server, tmp_path, [*tests, ("a.py::bad", "failed", 0.1, SECOND)])

    failures = ask("GET", f"/api/v1/runs/{run_id}").json()["failures"]

    assert [failure["tests"] for failure in failures] == [["a.py::bad"]]


def test_costly_fixtures_stand_against_their_own_past(ask, server, tmp_path):
    """Setting up and tearing down, with the median of the runs before."""
    for number, seconds in enumerate((0.5, 0.7, 2.0)):
        told = {"run_id": f"20231114T22132000{number}-000000", "started": STARTED + 100 * number}
        fixtures = [["tests", "db", "session", 1, seconds, 0.25], ["", "tmp", "function", 3, 0.1, 0.0]]
        tell(server, tmp_path, [("a.py::b", "passed", 0.1)], fixtures=fixtures, **told)

    found = ask("GET", "/api/v1/runs/20231114T221320002-000000").json()["slowest_fixtures"]

    assert [tuple(fixture.values()) for fixture in found] == [
        ("db", "tests", "session", 1, 2.25, 0.85),
        ("tmp", "", "function", 3, 0.1, 0.1),
    ]


def test_changes_stand_beside_a_run(ask, server, tmp_path, redis_client):
    """What fails newly, is slower and so on, against the base that the answer names; noise is counted."""
    names = ("breaks", "flickers", "slower", "waits", "goes")
    before = [(f"a.py::{name}", "passed", 0.1) for name in names]
    now = [
        *(("a.py::breaks", "failed", 0.1), ("a.py::flickers", "failed", 0.1)),
        *(("a.py::slower", "passed", 0.5), ("a.py::waits", "passed", 0.5)),
    ]
    older = tell(server, tmp_path, before, run_id="20231113T000000000-000000", started=STARTED - 100)
    run_id = tell(server, tmp_path, now)
    made = Verdicts(
        *(run_id, "", "main", "main", 20),
        failures=(FailureVerdict("a.py::breaks", "new"), FailureVerdict("a.py::flickers", "known flaky", 0.3)),
        outliers=(Outlier("a.py::slower", 0.5, 0.1),),
    )
    redis_client.set(keys.verdicts("AKA-STATS", run_id), pack(made))

    run = ask("GET", f"/api/v1/runs/{run_id}").json()

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
def test_a_base_is_the_nearest_of_its_kind(ask, redis_client, earlier, base):
    """Of the same suite and branch, else of main or master, else of any; one that was not cut short."""
    ids = [put_run(redis_client, number, **fields) for number, fields in enumerate(earlier)]
    run_id = put_run(redis_client, 100, **BASE)
    put_run(redis_client, 101, **BASE)

    found = ask("GET", f"/api/v1/runs/{run_id}").json()["base"]

    assert (found and found["id"]) == (None if base is None else ids[base])


def test_a_run_without_a_suite_has_a_base_without_one(ask, redis_client):
    """Runs of suites lie in between; they are no base of it."""
    base = put_run(redis_client, 0, branch="topic")
    for number in range(1, 50):
        put_run(redis_client, number, branch="topic", suite="unit")
    run_id = put_run(redis_client, 100, branch="topic")

    assert ask("GET", f"/api/v1/runs/{run_id}").json()["base"]["id"] == base


def test_the_profile_is_answered_as_it_was_stored(ask, server, tmp_path):
    """Column-wise, durations in microseconds."""
    run_id = tell(
        server, tmp_path, [("a.py::b", "passed", 0.5)], fixtures=[["a.py", "db", "module", 1, 0.25, 0.0]]
    )

    profile = ask("GET", f"/api/v1/runs/{run_id}/profile").json()

    assert (profile["version"], profile["tests"]["nodeid"], profile["tests"]["call"]) == (
        1,
        ["a.py::b"],
        [500_000],
    )
    assert (profile["fixtures"]["name"], profile["fixtures"]["setup"]) == (["db"], [250_000])


@pytest.mark.parametrize("path", ["nope", "nope/profile", "%00", "a%0Ab", "x" * 200])
def test_an_unknown_run_is_404(ask, path):
    """Whatever is asked for, what is not there is a problem that says so."""
    answer = ask("GET", f"/api/v1/runs/{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_profile_that_has_gone_is_404(ask, redis_client):
    """A run that is known, its profile not: the answer tells what may have become of it."""
    run_id = put_run(redis_client, 1)

    answer = ask("GET", f"/api/v1/runs/{run_id}/profile")

    assert answer.status_code == 404
    assert "expired" in answer.json()["detail"]


def test_a_really_recorded_run(ask, server, pytester: pytest.Pytester, tmp_path: Path):
    """What `pytest --akastats` records is what the API answers, class and all."""
    pytester.makepyfile(test_it="def test_ok(): pass\n\ndef test_wrong():\n    assert 1 == 2\n")
    pytester.runpytest_subprocess(
        "--akastats", f"--akastats-url={server}", "--akastats-wait=60", "-p", "no:randomly"
    )

    (listed,) = ask("GET", "/api/v1/runs?status=failed").json()["items"]
    run = ask("GET", f"/api/v1/runs/{listed['id']}").json()

    assert (run["tests"], run["passed"], run["failed"], run["exit_code"]) == (2, 1, 1, 1)
    (failure,) = run["failures"]
    assert (failure["exception"], failure["message"]) == ("AssertionError", "assert 1 == 2")
    assert failure["tests"] == ["test_it.py::test_wrong"]
