"""Verdicts over the API: all verdicts of a run, and flaky or broken tests."""

from __future__ import annotations

import zlib

import pytest

from akastats import redis
from akastats.analysis.analyse import analyse
from akastats.model.verdicts import FailureVerdict, OverBudget, pack
from akastats.queries import analysis_input, cursors
from akastats.store import keys
from tests.api.test_runs import put_run
from tests.api.verdict_values import NAMESPACE, changed, put_verdicts, run_id, unhealthy, verdicts
from tests.delivered_runs import STARTED, deliver_run

RUN = run_id(1)
FAILURES = (
    FailureVerdict("a.py::new", "new"),
    FailureVerdict("a.py::flaky", "known flaky", 0.12),
    FailureVerdict("a.py::other", "known flaky", 0.5),
    FailureVerdict("a.py::unknown", None),
)


def test_all_verdicts_of_a_run(call_api, redis_client):
    """The newest verdicts, with every field."""
    put_verdicts(redis_client, 1)
    put_verdicts(
        redis_client,
        2,
        failures=FAILURES,
        tests=(unhealthy("a.py::b", "broken"), unhealthy("a.py::c", seconds_lost=2.0)),
        counts={"healthy": 10, "flaky": 1, "broken": 1},
        clusters=(("a.py::c", "a.py::d"),),
        changes=(changed("test@unit::a.py::b", 1), changed("test@unit::a.py::c", 2, after=0.5)),
        suite_changes=(changed("", 2),),
        together=(("x", "y"),),
        over_budget=(OverBudget("a.py::b", 2.0, 1.5, "max_seconds"),),
        pace=1.25,
        paces=((run_id(1), 1.0), (run_id(2), 1.25)),
        seconds=61.0,
        usual_seconds=50.0,
        is_outage=True,
        undecided=3,
        fixed=("a.py::d",),
    )

    body = call_api("GET", "/api/v1/verdicts").json()

    assert (run_id(2), STARTED + 2, "unit", "main", "main", 20) == tuple(
        body[name] for name in ("run", "started", "suite", "branch", "base", "runs")
    )
    assert {"healthy": 10, "flaky": 1, "broken": 1} == body["counts"]
    assert {"new": 1, "known flaky": 2} == body["labels"]
    assert {"nodeid": "a.py::flaky", "label": "known flaky", "rate": 0.12} == body["failures"][1]
    assert (4, None) == (len(body["failures"]), body["failures"][3]["label"])
    assert [("a.py::c", 0, None), ("a.py::b", None, None)] == [
        (test["nodeid"], test["cluster"], test["since"]) for test in body["tests"]
    ]
    assert ["a.py::c", "a.py::b"] == [change["nodeid"] for change in body["changes"]]
    assert [("suite", "", None)] == [
        (change["kind"], change["label"], change["nodeid"]) for change in body["suite_changes"]
    ]
    assert [["x", "y"]] == body["together"]
    assert ["a.py::d"] == body["fixed"]
    assert [{"run": run_id(1), "pace": 1.0}, {"run": run_id(2), "pace": 1.25}] == body["paces"]
    assert [["a.py::c", "a.py::d"]] == body["clusters"]
    assert [{"nodeid": "a.py::b", "seconds": 2.0, "allowed": 1.5, "rule": "max_seconds"}] == body["over_budget"]
    assert (1.25, 61.0, 50.0, True, 3) == tuple(
        body[name] for name in ("pace", "seconds", "usual_seconds", "is_outage", "undecided")
    )


def test_the_verdicts_of_one_run(call_api, redis_client):
    """Older verdicts are returned unchanged."""
    for number in range(3):
        put_verdicts(redis_client, number)

    assert run_id(1) == call_api("GET", f"/api/v1/verdicts?run={run_id(1)}").json()["run"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 5),
        ("branch=", 7),
        ("suite=unit", 4),
        ("suite=unit&branch=", 7),
        ("suite=", 3),
        ("branch=topic", 7),
        ("branch=topic&suite=e2e", 2),
        ("suite=unit&branch=main", 4),
        ("suite=&branch=main", 3),
    ],
)
def test_the_newest_of_a_suite_and_branch(call_api, redis_client, query, number):
    """An absent suite is any, an empty one is none; an empty branch is any, an absent one the main branch."""
    put_verdicts(redis_client, 2, branch="topic", suite="e2e")
    put_verdicts(redis_client, 3, suite="")
    put_verdicts(redis_client, 4)
    put_verdicts(redis_client, 5, suite="e2e")
    put_run(redis_client, 6, suite="unit", branch="main")
    put_verdicts(redis_client, 7, branch="topic")

    for path in ("verdicts", "flaky", "regressions"):
        body = call_api("GET", f"/api/v1/{path}?{query}").json()
        assert run_id(number) == (body["run"] if path == "verdicts" else body["verdicts"]["run"])


@pytest.mark.parametrize(
    ("branches", "number"), [(["topic", "master", "main"], 2), (["topic", "master"], 1), (["a", "b"], 1)]
)
def test_without_a_branch_the_main_branch_counts(call_api, redis_client, branches, number):
    """It has one of two names; if neither has verdicts, the newest of any branch count."""
    for at, branch in enumerate(branches):
        put_verdicts(redis_client, at, branch=branch)
    put_verdicts(redis_client, 9, branch="main", suite="e2e")

    assert run_id(number) == call_api("GET", "/api/v1/flaky?suite=unit").json()["verdicts"]["run"]


@pytest.mark.parametrize("query", ["", "run=nobody", "suite=unit", "branch=topic"])
def test_no_verdicts_are_a_404(call_api, redis_client, query):
    """The response contains the reason."""
    put_run(redis_client, 1, suite="unit")

    answer = call_api("GET", f"/api/v1/verdicts?{query}")

    assert 404 == answer.status_code
    assert "no verdicts" in answer.json()["detail"]


@pytest.mark.parametrize(("newer", "status"), [(49, 200), (50, 200), (199, 200), (200, 404)])
def test_verdicts_are_searched_among_the_newest_200_runs(call_api, redis_client, newer, status):
    """Verdicts of older runs are still available by the id of their run."""
    put_verdicts(redis_client, 0)
    for number in range(1, newer + 1):
        put_run(redis_client, number, suite="unit", branch="main")

    assert status == call_api("GET", "/api/v1/verdicts").status_code
    assert 200 == call_api("GET", f"/api/v1/verdicts?run={run_id(0)}").status_code


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"damaged",
        zlib.compress(b"{"),
        zlib.compress(b"[]"),
        zlib.compress(b'{"version": 2}'),
        zlib.compress(b'{"version": 1}'),
    ],
    ids=range(6),
)
def test_verdicts_that_cannot_be_read_are_skipped(call_api, redis_client, stored):
    """Verdicts of another release, or damaged ones, do not hide older ones; by run they are a 404."""
    put_verdicts(redis_client, 1)
    put_verdicts(redis_client, 2)
    redis_client.set(keys.verdicts(NAMESPACE, run_id(2)), stored)

    by_name = call_api("GET", f"/api/v1/verdicts?run={run_id(2)}")

    assert run_id(1) == call_api("GET", "/api/v1/flaky").json()["verdicts"]["run"]
    assert (404, True) == (by_name.status_code, "another release" in by_name.json()["detail"])
    assert call_api("GET", f"/api/v1/runs/{run_id(2)}").json()["verdicts"] is None


def test_verdicts_outlive_the_record_of_their_run(call_api, redis_client):
    """The start of the run is then unknown."""
    redis_client.set(keys.verdicts(NAMESPACE, "run-1"), pack(verdicts("run-1", suite="", branch="")))

    body = call_api("GET", "/api/v1/verdicts?run=run-1").json()

    assert (None, None, None) == (body["started"], body["suite"], body["branch"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_lists_without_verdicts_are_empty(call_api, redis_client, path):
    """`verdicts` is null, which is not an error."""
    put_run(redis_client, 1)

    body = call_api("GET", f"/api/v1/{path}").json()

    assert ([], None, 0, None) == tuple(body[name] for name in ("items", "next", "total", "verdicts"))


def test_a_flaky_test_in_full(call_api, redis_client):
    """Cost, workers, tests before its failures, and its start."""
    put_verdicts(
        redis_client,
        1,
        tests=(
            unhealthy(
                "a.py::b",
                evidence=("run-9", "run-8"),
                since="run-3",
                since_commit="c3",
                is_new=True,
                runs_failed=4,
                seconds_lost=12.5,
                workers=(("gw0", 1, 20), ("gw1", 3, 18)),
                after=(("a.py::before", 4),),
            ),
        ),
    )

    (flaky,) = call_api("GET", "/api/v1/flaky").json()["items"]

    assert {
        "nodeid": "a.py::b",
        "suite": "unit",
        "state": "flaky",
        "rate": 0.1,
        "low": 0.05,
        "high": 0.2,
        "probability": 1.0,
        "since": "run-3",
        "since_commit": "c3",
        "is_new": True,
        "runs_failed": 4,
        "seconds_lost": 12.5,
        "evidence": ["run-9", "run-8"],
        "workers": [
            {"worker": "gw0", "failed": 1, "attempts": 20},
            {"worker": "gw1", "failed": 3, "attempts": 18},
        ],
        "after": [{"nodeid": "a.py::before", "count": 4}],
        "cluster": None,
        "quarantine": None,
    } == flaky


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["b", "a"]),
        ("sort=-runs_failed", ["a", "b"]),
        ("state=broken", ["c"]),
        ("state=", ["b", "a", "c"]),
        ("state=undecided", []),
    ],
)
def test_flaky_tests_are_ordered_by_cost(call_api, redis_client, query, expected):
    """Broken tests on demand."""
    put_verdicts(
        redis_client,
        1,
        tests=(
            unhealthy("a", runs_failed=9, seconds_lost=1.0),
            unhealthy("b", runs_failed=2, seconds_lost=3.0),
            unhealthy("c", "broken"),
        ),
    )

    body = call_api("GET", f"/api/v1/flaky?{query}").json()

    assert (expected, len(expected)) == ([test["nodeid"] for test in body["items"]], body["total"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_all_pages_are_of_one_verdict(call_api, redis_client, path):
    """A run that is analysed between two pages neither repeats nor hides an item."""
    names = [f"{number:02d}" for number in range(6)]
    content = {
        "tests": tuple(unhealthy(name) for name in names),
        "changes": tuple(changed(name, 1) for name in names),
    }
    put_verdicts(redis_client, 1, **content)
    names_of_pages, cursor, pages = [], "", 0
    while cursor is not None:
        answer = call_api("GET", f"/api/v1/{path}?limit=3&cursor={cursor}").json()
        names_of_pages += [item.get("label", item["nodeid"]) for item in answer["items"]]
        assert (run_id(1), 6) == (answer["verdicts"]["run"], answer["total"])
        cursor, pages = answer["next"], pages + 1
        put_verdicts(redis_client, 2, tests=(unhealthy("newest"),), changes=(changed("newest", 2),))

    assert (names, 2) == (names_of_pages, pages)


@pytest.mark.parametrize("path", ["flaky", "regressions"])
@pytest.mark.parametrize("position", [["", 1], [RUN, -1], [RUN, 10**6], [RUN, True], [RUN, 1.0], [RUN], [1, RUN]])
def test_an_invalid_cursor_is_refused(call_api, redis_client, path, position):
    """Whatever it contains."""
    put_verdicts(redis_client, 1)

    answer = call_api("GET", f"/api/v1/{path}?cursor={cursors.encode(position)}")

    assert (422, "cursor") == (answer.status_code, answer.json()["field"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_a_cursor_whose_verdicts_have_expired_is_refused(call_api, redis_client, path):
    """The client has to start again."""
    answer = call_api("GET", f"/api/v1/{path}?cursor={cursors.encode([run_id(1), 3])}")

    assert (422, "cursor") == (answer.status_code, answer.json()["field"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_a_page_behind_the_end_is_empty(call_api, redis_client, path):
    """If a filter has fewer items than the previous page."""
    put_verdicts(redis_client, 1, tests=(unhealthy("a"),), changes=(changed("a", 1),))

    body = call_api("GET", f"/api/v1/{path}?cursor={cursors.encode([run_id(1), 3])}").json()

    assert ([], None, 1) == (body["items"], body["next"], body["total"])


def test_a_run_s_failures_have_labels(call_api, server, redis_client, tmp_path):
    """In the details of a run; null until verdicts exist."""
    run = deliver_run(server, tmp_path, [("a.py::flaky", "failed", 0.1)])
    before = call_api("GET", f"/api/v1/runs/{run}").json()["verdicts"]

    redis_client.set(keys.verdicts(NAMESPACE, run), pack(verdicts(run, failures=FAILURES, counts={"flaky": 2})))
    body = call_api("GET", f"/api/v1/runs/{run}").json()["verdicts"]

    assert before is None
    assert ({"new": 1, "known flaky": 2}, {"flaky": 2}) == (body["labels"], body["counts"])
    assert [failure.nodeid for failure in FAILURES] == [failure["nodeid"] for failure in body["failures"]]


def test_verdicts_of_recorded_runs(call_api, server, redis_client, tmp_path):
    """A test that fails and passes on one commit is flaky, and its next failure is known flaky."""
    fields = {"branch": "main", "suite": "unit"}
    for number in range(12):
        tests = [("a.py::sure", "passed", 0.1), ("a.py::flaky", "failed" if number % 3 == 2 else "passed", 0.1)]
        run = deliver_run(
            server,
            tmp_path,
            tests,
            run_id=f"20231114T2213{number:02d}000-000001",
            started=STARTED + number,
            commit=f"{number // 2:040x}",
            **fields,
        )
    content = analyse(
        redis.run(
            analysis_input.read_input(NAMESPACE, run, analysis_input.RecordCache()), redis_client, redis_client
        )
    )
    redis_client.set(keys.verdicts(NAMESPACE, run), pack(content))

    (flaky,) = call_api("GET", "/api/v1/flaky?suite=unit").json()["items"]
    (failure,) = call_api("GET", f"/api/v1/runs/{run}").json()["verdicts"]["failures"]

    assert ("a.py::flaky", "flaky", "unit", 4) == tuple(
        flaky[name] for name in ("nodeid", "state", "suite", "runs_failed")
    )
    assert ("a.py::flaky", "known flaky") == (failure["nodeid"], failure["label"])
    assert failure["rate"] == pytest.approx(0.3, abs=0.1)
