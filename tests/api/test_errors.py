"""Failures grouped over runs and tests, over the API."""

from __future__ import annotations

import pytest

from tests.api.test_lists import deliver_runs
from tests.delivered_runs import STARTED, deliver_run

BOOM = "shop/io.py:9: in load\n    boom()\nE   ValueError: no order {}\n\nshop/io.py:9: ValueError"


def test_failures_are_grouped_over_runs_and_tests(call_api, server, tmp_path):
    """One cause in many runs and tests is one row, with its newest traceback."""
    ids = deliver_runs(
        server,
        tmp_path,
        [("a.py::b", "failed", 0.5, BOOM.format(1)), ("a.py::c", "failed", 0.5, BOOM.format(2))],
        [("a.py::b", "failed", 0.5, BOOM.format(3)), ("a.py::d", "failed", 0.5)],
        branch="main",
        commit="c0ffee",
    )

    rare, frequent = call_api("GET", "/api/v1/errors?sort=count").json()["items"]
    details = call_api("GET", f"/api/v1/errors/{frequent['fingerprint']}").json()

    assert ("AssertionError", 1, STARTED + 100) == (rare["exception"], rare["count"], rare["first_seen"])
    expected = {
        "exception": "ValueError",
        "message": "no order <n>",
        "frames": ["shop/io.py::load"],
        "count": 3,
        "runs": 2,
        "tests": 2,
        "first_seen": STARTED,
        "last_seen": STARTED + 100,
        "newest_run": ids[1],
        "newest_test": "a.py::b",
    }
    assert expected == {name: frequent[name] for name in expected}
    assert frequent == {name: details[name] for name in frequent}
    assert BOOM.format(3) == details["traceback"]
    assert [(ids[1], "main", "c0ffee", 1), (ids[0], "main", "c0ffee", 2)] == [
        tuple(each[name] for name in ("run", "branch", "commit", "count")) for each in details["in_runs"]
    ]
    assert [("a.py::b", 2), ("a.py::c", 1)] == [(each["nodeid"], each["count"]) for each in details["in_tests"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"since={STARTED + 50}", ["AssertionError"]),
        ("q=ORDER%20io.py", ["ValueError"]),
        ("sort=first_seen", ["ValueError", "AssertionError"]),
        ("q=nothing", []),
    ],
)
def test_errors_are_searched_and_sorted(call_api, server, tmp_path, query, expected):
    """By class, message and frames, and by time."""
    deliver_runs(server, tmp_path, [("a.py::b", "failed", 0.5, BOOM)], [("a.py::d", "failed", 0.5)])

    items = call_api("GET", f"/api/v1/errors?{query}").json()["items"]

    assert expected == [each["exception"] for each in items]


def test_a_traceback_outlives_its_context(call_api, server, tmp_path, redis_client):
    """A fingerprint keeps its newest traceback for its whole lifetime."""
    deliver_run(server, tmp_path, [("a.py::b", "failed", 0.5, BOOM)])
    (row,) = call_api("GET", "/api/v1/errors").json()["items"]

    redis_client.delete(*redis_client.keys("*CONTEXTS*"))

    assert BOOM == call_api("GET", f"/api/v1/errors/{row['fingerprint']}").json()["traceback"]


@pytest.mark.parametrize("fingerprint", ["0" * 32, "a:b*", "%F0%9F%99%82"])
def test_an_unknown_fingerprint_is_404(call_api, fingerprint):
    """No failure with this fingerprint occurred."""
    assert 404 == call_api("GET", f"/api/v1/errors/{fingerprint}").status_code
