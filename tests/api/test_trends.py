"""The suite over its runs, and by what runs can be told apart."""

from __future__ import annotations

import pytest

from akastats.queries.runs import Run
from akastats.queries.trends import compute_pass_rate
from akastats.store import keys
from tests.api.test_runs import NAMESPACE, put_run
from tests.telling import STARTED, tell


def test_a_trend_has_what_each_run_came_to(ask, server, tmp_path):
    """Newest first, with duration, counts and the share that did not fail."""
    tests = [*(("a", "passed", 0.1), ("b", "failed", 0.1), ("c", "skipped", 0.1), ("d", "error", 0.1))]
    run_id = tell(server, tmp_path, [*tests, ("e", "xfailed", 0.1)], branch="main", commit="c0ffee", suite="unit")

    (point,) = ask("GET", "/api/v1/trends").json()["items"]

    assert point == {
        "run": run_id,
        "started": STARTED,
        "suite": "unit",
        "branch": "main",
        "commit": "c0ffee",
        "status": "failed",
        "duration": 60.0,
        "tests": 5,
        "passed": 1,
        "failed": 1,
        "errors": 1,
        "skipped": 1,
        "pass_rate": 0.5,
    }


def test_a_trend_leaves_out_runs_that_go_on(ask, redis_client):
    """Half a run is no point of a trend; a crashed one is, by its status."""
    for number, status in enumerate(("passed", "running", "crashed")):
        put_run(redis_client, number, status=status)

    items = ask("GET", "/api/v1/trends").json()["items"]

    assert [item["status"] for item in items] == ["crashed", "passed"]


def test_a_trend_filters_and_pages(ask, redis_client):
    """Of one branch and suite, all of them, however small the pages."""
    for number in range(12):
        put_run(redis_client, number, branch="ab"[number % 2], suite="xy"[number % 3 == 0])

    found, cursor = [], ""
    while cursor is not None:
        answer = ask("GET", f"/api/v1/trends?branch=a&suite=x&limit=1&cursor={cursor}").json()
        found += [item["run"] for item in answer["items"]]
        cursor = answer["next"]

    assert found == ["run-00010", "run-00008", "run-00004", "run-00002"]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (Run("a", tests=4, failed=1, errors=1), 0.5),
        (Run("a", tests=4, skipped=2, failed=1), 0.5),
        (Run("a", tests=2, skipped=2), None),
        (Run("a"), None),
    ],
)
def test_pass_rate(run, expected):
    """What was skipped neither passed nor failed; where nothing ran there is no rate."""
    assert compute_pass_rate(run) == expected


def test_facets_are_what_the_newest_runs_have(ask, redis_client):
    """Each branch and suite once, the most recently used first."""
    put_run(redis_client, 1, branch="old", suite="unit")
    put_run(redis_client, 2, branch="main", suite="e2e")
    put_run(redis_client, 3, branch="old")
    redis_client.zadd(keys.index(NAMESPACE), {"a": 1, "b": 1})

    facets = ask("GET", "/api/v1/facets").json()

    found = {"branches": ["old", "main"], "suites": ["e2e", "unit"], "labels_total": 2}
    assert facets == {**found, "default_branch": "main"}


def test_facets_of_nothing_are_empty(ask):
    """An empty server has nothing to filter by."""
    nothing = {"branches": [], "suites": [], "labels_total": 0, "default_branch": None}
    assert ask("GET", "/api/v1/facets").json() == nothing


def test_the_default_branch_is_the_repository_s(ask, redis_client):
    """As the newest run has it that knows; without one main or master, and null where there is neither."""
    put_run(redis_client, 1, branch="topic")
    unknown = ask("GET", "/api/v1/facets").json()["default_branch"]
    put_run(redis_client, 2, branch="master")
    usual = ask("GET", "/api/v1/facets").json()["default_branch"]
    put_run(redis_client, 3, branch="topic", default_branch="develop")

    assert (unknown, usual) == (None, "master")
    assert ask("GET", "/api/v1/facets").json()["default_branch"] == "develop"
