"""Histories of tests over the API, with any characters in their node ids."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from akastats import push_stat
from akastats.store import keys
from tests.delivered_runs import STARTED, deliver_run

NODE_IDS = [
    "tests/test_a.py::test_b",
    "tests/test_a.py::TestC::test_b[a/b]",
    "test_a.py::test_b[50%]",
    "test_a.py::test_b[%2F]",
    "test_a.py::test_b[größe 日本 🙂]",
    "test_a.py::test_b[what?when=now]",
    "test_a.py::test_b[a#b]",
    "test_a.py::test_b[a b+c]",
    "test_a.py::test_b[two\nlines]",
    "test_a.py::test_b[\x00]",
    "test_a.py::test_b[../..]",
    "test_a.py::test_b[a//b]",
    "test_a.py::test_b[x]/history",
    "TestServer/history",
    "/history",
    "history",
    "a/history/history",
    "test_a.py::test_b[a;b,c*?]",
]


@pytest.mark.parametrize("nodeid", NODE_IDS, ids=ascii)
def test_any_node_id_round_trips(call_api, server, tmp_path, nodeid):
    """A percent-encoded node id leads to exactly that test and its history."""
    deliver_run(server, tmp_path, [(nodeid, "passed", 0.25), (nodeid + "x", "passed", 1.0)])

    answer = call_api("GET", f"/api/v1/tests/{quote(nodeid, safe='')}/history").json()
    details = call_api("GET", f"/api/v1/tests/{quote(nodeid, safe='')}").json()

    assert (answer["nodeid"], answer["suite"], answer["next"]) == (nodeid, None, None)
    assert [item["value"] for item in answer["items"]] == [0.25]
    assert (details["nodeid"], details["last"]) == (nodeid, 0.25)


@pytest.mark.parametrize("nodeid", NODE_IDS, ids=ascii)
def test_any_node_id_round_trips_over_http(server, served, tmp_path, nodeid):
    """The same through a real server, which might normalise paths."""
    deliver_run(server, tmp_path, [(nodeid, "passed", 0.25)])

    bodies = []
    for path in (f"/api/v1/tests/{quote(nodeid, safe='')}/history", f"/api/v1/tests/{quote(nodeid, safe='')}"):
        served.request("GET", path)
        bodies.append(json.loads(served.getresponse().read()))
    history, details = bodies

    assert (history["nodeid"], len(history["items"])) == (nodeid, 1)
    assert (details["nodeid"], details["last"]) == (nodeid, 0.25)


def test_slashes_need_no_encoding(call_api, server, tmp_path):
    """A client that encodes too little still gets a test in a directory."""
    deliver_run(server, tmp_path, [("tests/unit/test_a.py::test_b", "passed", 0.25)])

    answer = call_api("GET", "/api/v1/tests/tests/unit/test_a.py::test_b/history")

    assert answer.json()["items"][0]["outcome"] == "passed"


def test_points_have_run_commit_branch_outcome_and_error(call_api, server, tmp_path):
    """Newest first; a failure has the context id of its traceback."""
    first = {"run_id": "20231114T000000000-000001", "branch": "main", "commit": "c0ffee"}
    second = {"run_id": "20231115T000000000-000002", "branch": "topic", "started": STARTED + 100}
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)], **first)
    deliver_run(server, tmp_path, [("a.py::b", "failed", 0.75)], **second)

    newest, oldest = call_api("GET", "/api/v1/tests/a.py::b/history").json()["items"]

    error_id = newest.pop("error_id")
    assert newest == {
        "timestamp": STARTED + 100.75,
        "value": 0.75,
        "outcome": "failed",
        "run": "20231115T000000000-000002",
        "commit": None,
        "branch": "topic",
    }
    assert (oldest["outcome"], oldest["commit"], oldest["error_id"]) == ("passed", "c0ffee", None)
    assert "assert 12 == 13" in call_api("POST", "/api/v1/stat-contexts", json=[error_id]).json()[error_id]


def test_every_attempt_is_a_point(call_api, server, tmp_path):
    """A failed attempt that was repeated has the outcome `rerun`."""
    deliver_run(server, tmp_path, [("a.py::b", "rerun", 0.5), ("a.py::b", "passed", 0.5)])

    items = call_api("GET", "/api/v1/tests/a.py::b/history").json()["items"]

    assert [item["outcome"] for item in items] == ["passed", "rerun"]


def test_suites_are_apart(call_api, server, tmp_path):
    """A test of a suite has its history only under that suite."""
    deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)], suite="py312")

    assert call_api("GET", "/api/v1/tests/a.py::b/history").status_code == 404
    answer = call_api("GET", "/api/v1/tests/a.py::b/history?suite=py312").json()
    assert (answer["suite"], len(answer["items"])) == ("py312", 1)


def test_a_limit_takes_the_newest(call_api, server):
    """`limit` counts from the newest point."""
    for value in range(5):
        push_stat("test::a.py::b", value)

    items = call_api("GET", "/api/v1/tests/a.py::b/history?limit=2").json()["items"]

    assert [item["value"] for item in items] == [4.0, 3.0]


@pytest.mark.parametrize(
    "context", [None, "no JSON", "[1]", '{"run": 3, "outcome": ["x"]}', "[" * 9999], ids=range(5)
)
def test_foreign_and_missing_contexts_are_null(call_api, server, context):
    """A point without a context of the plugin is still a point."""
    push_stat("test::a.py::b", 1, context=context)

    (item,) = call_api("GET", "/api/v1/tests/a.py::b/history").json()["items"]

    assert (item["value"], item["outcome"], item["run"], item["error_id"]) == (1.0, None, None, None)


def test_what_has_expired_is_null(call_api, server, tmp_path, redis_client):
    """Points outlive the records of their runs and their contexts."""
    run_id = deliver_run(server, tmp_path, [("a.py::b", "passed", 0.5)], branch="main")
    redis_client.delete(keys.run("AKA-STATS", run_id))
    without_run = call_api("GET", "/api/v1/tests/a.py::b/history").json()["items"][0]
    redis_client.delete(*redis_client.keys("*CONTEXTS*"))
    without_context = call_api("GET", "/api/v1/tests/a.py::b/history").json()["items"][0]

    assert (without_run["run"], without_run["branch"]) == (run_id, None)
    assert (without_context["run"], without_context["value"]) == (None, 0.5)


def test_a_thousand_points_take_three_round_trips(call_api, server, tmp_path, redis_client):
    """One list, one MGET and one pipeline of runs, for any number of points."""
    for number in range(20):
        fields = {"run_id": f"20231114T{number:09d}-000000", "started": STARTED + 100 * number}
        deliver_run(server, tmp_path, [("a.py::b", "passed", 0.01)] * 50, **fields)
    redis_client.config_resetstat()

    items = call_api("GET", "/api/v1/tests/a.py::b/history?limit=1000").json()["items"]

    calls = redis_client.info("commandstats")
    assert len(items) == 1000
    assert (calls["cmdstat_lrange"]["calls"], calls["cmdstat_mget"]["calls"]) == (1, 1)
    assert calls["cmdstat_hmget"]["calls"] == 20


@pytest.mark.parametrize("nodeid", ["nobody", "x" * 4096, "a%F0%9F%99%82"])
def test_an_unknown_test_is_404(call_api, nodeid):
    """The response is a problem that names the test."""
    answer = call_api("GET", f"/api/v1/tests/{nodeid}/history")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("nodeid", ["", "x" * 4097])
def test_what_is_no_node_id_is_a_problem(call_api, nodeid):
    """Node ids that are too short or too long are refused before a look-up."""
    answer = call_api("GET", f"/api/v1/tests/{nodeid}/history")

    assert (answer.status_code, answer.json()["field"]) == (422, "nodeid")
