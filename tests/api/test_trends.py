"""Trends over runs, and the facets by which runs can be filtered."""

from __future__ import annotations

import pytest

from akastats.queries.runs import Run
from akastats.queries.trends import compute_pass_rate
from akastats.store import keys
from tests.api.conftest import walk
from tests.api.test_runs import NAMESPACE, put_run
from tests.delivered_runs import STARTED, deliver_run


def test_a_trend_has_the_result_of_each_run(call_api, server, tmp_path):
    """Newest first, with duration, counts and the share that did not fail."""
    tests = [*(("a", "passed", 0.1), ("b", "failed", 0.1), ("c", "skipped", 0.1), ("d", "error", 0.1))]
    run_id = deliver_run(
        server, tmp_path, [*tests, ("e", "xfailed", 0.1)], branch="main", commit="c0ffee", suite="unit"
    )

    (point,) = call_api("GET", "/api/v1/trends").json()["items"]

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


def test_a_trend_has_no_runs_in_progress(call_api, redis_client):
    """A crashed run is included, with its status."""
    for number, status in enumerate(("passed", "running", "crashed")):
        put_run(redis_client, number, status=status)

    items = call_api("GET", "/api/v1/trends").json()["items"]

    assert [item["status"] for item in items] == ["crashed", "passed"]


def test_a_trend_filters_and_pages(call_api, redis_client):
    """All runs of one branch and suite, with pages of any size."""
    for number in range(12):
        put_run(redis_client, number, branch="ab"[number % 2], suite="xy"[number % 3 == 0])

    points = walk(call_api, "/api/v1/trends?branch=a&suite=x&limit=1")

    assert [point["run"] for point in points] == ["run-00010", "run-00008", "run-00004", "run-00002"]


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
    """Skipped tests do not count, and a run without executed tests has no rate."""
    assert compute_pass_rate(run) == expected


def test_facets_are_those_of_the_newest_runs(call_api, redis_client):
    """Each branch and suite once, the most recently used first."""
    put_run(redis_client, 1, branch="old", suite="unit")
    put_run(redis_client, 2, branch="main", suite="e2e")
    put_run(redis_client, 3, branch="old")
    redis_client.zadd(keys.index(NAMESPACE), {"a": 1, "b": 1})

    facets = call_api("GET", "/api/v1/facets").json()

    expected = {"branches": ["old", "main"], "suites": ["e2e", "unit"], "labels_total": 2}
    assert facets == {**expected, "default_branch": "main"}


def test_facets_of_nothing_are_empty(call_api):
    """An empty server has no facets."""
    nothing = {"branches": [], "suites": [], "labels_total": 0, "default_branch": None}
    assert call_api("GET", "/api/v1/facets").json() == nothing


def test_the_default_branch_is_the_repository_s(call_api, redis_client):
    """According to the newest run that knows it, else main or master, else null."""
    put_run(redis_client, 1, branch="topic")
    unknown = call_api("GET", "/api/v1/facets").json()["default_branch"]
    put_run(redis_client, 2, branch="master")
    fallback = call_api("GET", "/api/v1/facets").json()["default_branch"]
    put_run(redis_client, 3, branch="topic", default_branch="develop")

    assert (unknown, fallback) == (None, "master")
    assert call_api("GET", "/api/v1/facets").json()["default_branch"] == "develop"
