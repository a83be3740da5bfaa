"""Verdicts over the API: what a run means, and which tests are flaky or broken."""

from __future__ import annotations

import zlib

import pytest

from akastats import redis
from akastats.analysis.analyse import analyse
from akastats.model.verdicts import FailureVerdict, OverBudget, pack
from akastats.queries import analysis_input, cursors
from akastats.store import keys
from tests.api.judged import NAMESPACE, changed, judged, put_verdicts, run_id, verdicts
from tests.api.test_runs import put_run
from tests.telling import STARTED, tell

RUN = run_id(1)
FAILURES = (
    FailureVerdict("a.py::new", "new"),
    FailureVerdict("a.py::flaky", "known flaky", 0.12),
    FailureVerdict("a.py::other", "known flaky", 0.5),
    FailureVerdict("a.py::unknown", None),
)


def test_all_that_a_run_means(ask, redis_client):
    """The newest verdicts, whole."""
    put_verdicts(redis_client, 1)
    put_verdicts(
        redis_client,
        2,
        failures=FAILURES,
        tests=(judged("a.py::b", "broken"), judged("a.py::c", seconds_lost=2.0)),
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

    found = ask("GET", "/api/v1/verdicts").json()

    assert (run_id(2), STARTED + 2, "unit", "main", "main", 20) == tuple(
        found[name] for name in ("run", "started", "suite", "branch", "base", "runs")
    )
    assert {"healthy": 10, "flaky": 1, "broken": 1} == found["counts"]
    assert {"new": 1, "known flaky": 2} == found["labels"]
    assert {"nodeid": "a.py::flaky", "label": "known flaky", "rate": 0.12} == found["failures"][1]
    assert (4, None) == (len(found["failures"]), found["failures"][3]["label"])
    assert [("a.py::c", 0, None), ("a.py::b", None, None)] == [
        (test["nodeid"], test["cluster"], test["since"]) for test in found["tests"]
    ]
    assert ["a.py::c", "a.py::b"] == [change["nodeid"] for change in found["changes"]]
    assert [("suite", "", None)] == [
        (change["kind"], change["label"], change["nodeid"]) for change in found["suite_changes"]
    ]
    assert [["x", "y"]] == found["together"]
    assert ["a.py::d"] == found["fixed"]
    assert [{"run": run_id(1), "pace": 1.0}, {"run": run_id(2), "pace": 1.25}] == found["paces"]
    assert [["a.py::c", "a.py::d"]] == found["clusters"]
    assert [{"nodeid": "a.py::b", "seconds": 2.0, "allowed": 1.5, "rule": "max_seconds"}] == found["over_budget"]
    assert (1.25, 61.0, 50.0, True, 3) == tuple(
        found[name] for name in ("pace", "seconds", "usual_seconds", "is_outage", "undecided")
    )


def test_of_a_run_that_is_named(ask, redis_client):
    """An older one is told as it was."""
    for number in range(3):
        put_verdicts(redis_client, number)

    assert run_id(1) == ask("GET", f"/api/v1/verdicts?run={run_id(1)}").json()["run"]


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
def test_the_newest_of_a_suite_and_branch(ask, redis_client, query, number):
    """An absent suite is any, an empty one is none; an empty branch is any, an absent one the main one."""
    put_verdicts(redis_client, 2, branch="topic", suite="e2e")
    put_verdicts(redis_client, 3, suite="")
    put_verdicts(redis_client, 4)
    put_verdicts(redis_client, 5, suite="e2e")
    put_run(redis_client, 6, suite="unit", branch="main")
    put_verdicts(redis_client, 7, branch="topic")

    for path in ("verdicts", "flaky", "regressions"):
        found = ask("GET", f"/api/v1/{path}?{query}").json()
        assert run_id(number) == (found["run"] if path == "verdicts" else found["verdicts"]["run"])


@pytest.mark.parametrize(
    ("branches", "number"), [(["topic", "master", "main"], 2), (["topic", "master"], 1), (["a", "b"], 1)]
)
def test_without_a_branch_the_main_one_s_are_told(ask, redis_client, branches, number):
    """It has one of two names; where neither was judged, the newest of any branch."""
    for at, branch in enumerate(branches):
        put_verdicts(redis_client, at, branch=branch)
    put_verdicts(redis_client, 9, branch="main", suite="e2e")

    assert run_id(number) == ask("GET", "/api/v1/flaky?suite=unit").json()["verdicts"]["run"]


@pytest.mark.parametrize("query", ["", "run=nobody", "suite=unit", "branch=topic"])
def test_no_verdicts_are_a_404(ask, redis_client, query):
    """It is said which of the reasons it is."""
    put_run(redis_client, 1, suite="unit")

    answer = ask("GET", f"/api/v1/verdicts?{query}")

    assert 404 == answer.status_code
    assert "no verdicts" in answer.json()["detail"]


@pytest.mark.parametrize(("newer", "status"), [(49, 200), (50, 200), (199, 200), (200, 404)])
def test_verdicts_are_looked_for_among_the_newest_200_runs(ask, redis_client, newer, status):
    """Nobody is judged any more where all those were not; older ones are still found by their run."""
    put_verdicts(redis_client, 0)
    for number in range(1, newer + 1):
        put_run(redis_client, number, suite="unit", branch="main")

    assert status == ask("GET", "/api/v1/verdicts").status_code
    assert 200 == ask("GET", f"/api/v1/verdicts?run={run_id(0)}").status_code


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
def test_verdicts_that_cannot_be_read_are_passed_over(ask, redis_client, stored):
    """Those of another release or damaged ones hide none that can be read; asked for by name, they are a 404."""
    put_verdicts(redis_client, 1)
    put_verdicts(redis_client, 2)
    redis_client.set(keys.verdicts(NAMESPACE, run_id(2)), stored)

    by_name = ask("GET", f"/api/v1/verdicts?run={run_id(2)}")

    assert run_id(1) == ask("GET", "/api/v1/flaky").json()["verdicts"]["run"]
    assert (404, True) == (by_name.status_code, "another release" in by_name.json()["detail"])
    assert ask("GET", f"/api/v1/runs/{run_id(2)}").json()["verdicts"] is None


def test_verdicts_outlive_the_record_of_their_run(ask, redis_client):
    """When it began is not known then."""
    redis_client.set(keys.verdicts(NAMESPACE, "run-1"), pack(verdicts("run-1", suite="", branch="")))

    found = ask("GET", "/api/v1/verdicts?run=run-1").json()

    assert (None, None, None) == (found["started"], found["suite"], found["branch"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_lists_are_empty_where_nothing_was_judged_yet(ask, redis_client, path):
    """A page then says so: it is no error."""
    put_run(redis_client, 1)

    found = ask("GET", f"/api/v1/{path}").json()

    assert ([], None, 0, None) == tuple(found[name] for name in ("items", "next", "total", "verdicts"))


def test_a_flaky_test_in_full(ask, redis_client):
    """What it costs, where and after what it fails, and since when."""
    put_verdicts(
        redis_client,
        1,
        tests=(
            judged(
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

    (found,) = ask("GET", "/api/v1/flaky").json()["items"]

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
    } == found


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
def test_flaky_tests_are_listed_by_what_they_cost(ask, redis_client, query, expected):
    """Broken ones where they are asked for."""
    put_verdicts(
        redis_client,
        1,
        tests=(
            judged("a", runs_failed=9, seconds_lost=1.0),
            judged("b", runs_failed=2, seconds_lost=3.0),
            judged("c", "broken"),
        ),
    )

    found = ask("GET", f"/api/v1/flaky?{query}").json()

    assert (expected, len(expected)) == ([test["nodeid"] for test in found["items"]], found["total"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_all_pages_are_of_one_verdict(ask, redis_client, path):
    """A run that is judged between two pages neither repeats nor hides anything."""
    names = [f"{number:02d}" for number in range(6)]
    told = {
        "tests": tuple(judged(name) for name in names),
        "changes": tuple(changed(name, 1) for name in names),
    }
    put_verdicts(redis_client, 1, **told)
    found, cursor, pages = [], "", 0
    while cursor is not None:
        answer = ask("GET", f"/api/v1/{path}?limit=3&cursor={cursor}").json()
        found += [item.get("label", item["nodeid"]) for item in answer["items"]]
        assert (run_id(1), 6) == (answer["verdicts"]["run"], answer["total"])
        cursor, pages = answer["next"], pages + 1
        put_verdicts(redis_client, 2, tests=(judged("newest"),), changes=(changed("newest", 2),))

    assert (names, 2) == (found, pages)


@pytest.mark.parametrize("path", ["flaky", "regressions"])
@pytest.mark.parametrize("place", [["", 1], [RUN, -1], [RUN, 10**6], [RUN, True], [RUN, 1.0], [RUN], [1, RUN]])
def test_a_cursor_that_is_not_ours_is_refused(ask, redis_client, path, place):
    """Whatever it was made of."""
    put_verdicts(redis_client, 1)

    answer = ask("GET", f"/api/v1/{path}?cursor={cursors.encode(place)}")

    assert (422, "cursor") == (answer.status_code, answer.json()["field"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_a_cursor_whose_verdicts_have_expired_is_refused(ask, redis_client, path):
    """The walk begins anew then."""
    answer = ask("GET", f"/api/v1/{path}?cursor={cursors.encode([run_id(1), 3])}")

    assert (422, "cursor") == (answer.status_code, answer.json()["field"])


@pytest.mark.parametrize("path", ["flaky", "regressions"])
def test_a_page_behind_the_end_is_empty(ask, redis_client, path):
    """Where a filter leaves less than the page before had."""
    put_verdicts(redis_client, 1, tests=(judged("a"),), changes=(changed("a", 1),))

    found = ask("GET", f"/api/v1/{path}?cursor={cursors.encode([run_id(1), 3])}").json()

    assert ([], None, 1) == (found["items"], found["next"], found["total"])


def test_a_run_s_failures_have_labels(ask, server, redis_client, tmp_path):
    """Beside what failed; null until somebody has judged it."""
    run = tell(server, tmp_path, [("a.py::flaky", "failed", 0.1)])
    before = ask("GET", f"/api/v1/runs/{run}").json()["verdicts"]

    redis_client.set(keys.verdicts(NAMESPACE, run), pack(verdicts(run, failures=FAILURES, counts={"flaky": 2})))
    found = ask("GET", f"/api/v1/runs/{run}").json()["verdicts"]

    assert before is None
    assert ({"new": 1, "known flaky": 2}, {"flaky": 2}) == (found["labels"], found["counts"])
    assert [failure.nodeid for failure in FAILURES] == [failure["nodeid"] for failure in found["failures"]]


def test_what_is_judged_of_recorded_runs_is_told(ask, server, redis_client, tmp_path):
    """From spools to answers: a test that fails and passes on one commit is flaky, and its next failure known."""
    told = {"branch": "main", "suite": "unit"}
    for number in range(12):
        tests = [("a.py::sure", "passed", 0.1), ("a.py::flaky", "failed" if number % 3 == 2 else "passed", 0.1)]
        run = tell(
            server,
            tmp_path,
            tests,
            run_id=f"20231114T2213{number:02d}000-000001",
            started=STARTED + number,
            commit=f"{number // 2:040x}",
            **told,
        )
    found = analyse(
        redis.run(
            analysis_input.read_input(NAMESPACE, run, analysis_input.RecordCache()), redis_client, redis_client
        )
    )
    redis_client.set(keys.verdicts(NAMESPACE, run), pack(found))

    (flaky,) = ask("GET", "/api/v1/flaky?suite=unit").json()["items"]
    (failure,) = ask("GET", f"/api/v1/runs/{run}").json()["verdicts"]["failures"]

    assert ("a.py::flaky", "flaky", "unit", 4) == tuple(
        flaky[name] for name in ("nodeid", "state", "suite", "runs_failed")
    )
    assert ("a.py::flaky", "known flaky") == (failure["nodeid"], failure["label"])
    assert failure["rate"] == pytest.approx(0.3, abs=0.1)
