"""The newest verdicts about one test, and its quarantine, in the response about that test."""

from __future__ import annotations

import json
import time

import pytest

from akastats.model.verdicts import pack
from akastats.store import keys
from tests.api.verdict_values import NAMESPACE, changed, put_verdicts, run_id, unhealthy, verdicts
from tests.delivered_runs import deliver_run

NODEID = "tests/test_pay.py::test_refund"
OTHER = "tests/test_pay.py::test_pays"
PATH = f"/api/v1/tests/{NODEID}?suite=unit"


@pytest.fixture
def store_verdicts(server, redis_client, tmp_path):
    """Return a function that stores a test with a history, in a suite with these verdicts."""
    deliver_run(server, tmp_path, [(NODEID, "passed", 0.1)], suite="unit", branch="main")

    def put(**fields):
        return put_verdicts(redis_client, 5, **fields)

    return put


def hold(redis_client, nodeid: str, until: float) -> None:
    """Quarantine a test."""
    entry = {"until": until, "reason": "PAY-7", "since": 1.0, "by": "ada"}
    redis_client.hset(keys.quarantine(NAMESPACE), f"test@unit::{nodeid}", json.dumps(entry))


def test_a_test_has_its_state(call_api, store_verdicts):
    """As in the list of flaky tests, with the tests that fail together and the run of the verdicts."""
    store_verdicts(tests=(unhealthy(NODEID, rate=0.25), unhealthy(OTHER)), clusters=((NODEID, OTHER),))

    body = call_api("GET", PATH).json()

    assert (body["verdict"]["nodeid"], body["verdict"]["state"], body["verdict"]["rate"]) == (
        NODEID,
        "flaky",
        0.25,
    )
    assert (body["together"], body["judged_by"]) == ([NODEID, OTHER], run_id(5))


def test_a_test_has_its_own_changes_alone(call_api, store_verdicts):
    """Newest first, with faster ones; not those of other tests or of fixtures."""
    store_verdicts(
        changes=(
            changed(f"test@unit::{NODEID}", 1),
            changed(f"test@unit::{NODEID}", 3, after=0.5),
            changed(f"test@unit::x{NODEID}", 2),
            changed(f"fixture@unit::{NODEID}", 2),
        )
    )

    body = call_api("GET", PATH).json()

    assert [(change["run"], change["is_slower"]) for change in body["changes"]] == [
        (run_id(3), False),
        (run_id(1), True),
    ]


def test_a_healthy_test_has_no_verdict(call_api, store_verdicts):
    """Verdicts contain only tests that are not healthy."""
    store_verdicts(tests=(unhealthy(OTHER),))

    body = call_api("GET", PATH).json()

    assert (body["verdict"], body["together"], body["changes"], body["judged_by"]) == (None, [], [], run_id(5))


def test_a_test_of_a_suite_without_verdicts(call_api, store_verdicts):
    """The fields are empty, and the rest is unchanged."""
    answer = call_api("GET", PATH)

    body = answer.json()
    assert (200, None, [], None) == (answer.status_code, body["verdict"], body["changes"], body["judged_by"])


def test_a_quarantined_test_has_its_end_date(call_api, store_verdicts, redis_client):
    """With and without verdicts; an ended quarantine is null."""
    until = time.time() + 1000
    hold(redis_client, OTHER, until - 500)
    hold(redis_client, NODEID, until)

    assert call_api("GET", PATH).json()["quarantine"] == {
        "until": until,
        "since": 1.0,
        "reason": "PAY-7",
        "by": "ada",
    }

    hold(redis_client, NODEID, time.time() - 1000)

    assert call_api("GET", PATH).json()["quarantine"] is None


@pytest.mark.parametrize("path", ["/api/v1/flaky?suite=unit", "/api/v1/verdicts?suite=unit"])
def test_flaky_tests_have_their_quarantine(call_api, store_verdicts, redis_client, path):
    """In the list and in all verdicts, each test with its own entry."""
    store_verdicts(tests=(unhealthy(NODEID), unhealthy(OTHER)))
    hold(redis_client, OTHER, time.time() + 1000)

    body = call_api("GET", path).json()
    rows = body.get("items") or body["tests"]

    assert {row["nodeid"]: (row["quarantine"] or {}).get("reason") for row in rows} == {
        NODEID: None,
        OTHER: "PAY-7",
    }


def test_machine_speeds_are_beside_the_changes(call_api, store_verdicts):
    """Those of one analysis, oldest first."""
    store_verdicts(paces=((run_id(1), 1.0), (run_id(2), 1.3)))

    body = call_api("GET", "/api/v1/regressions?suite=unit").json()

    assert body["paces"] == [{"run": run_id(1), "pace": 1.0}, {"run": run_id(2), "pace": 1.3}]


def test_a_test_has_one_rate_in_every_answer(call_api, server, tmp_path, redis_client):
    """The rate of the verdict; a healthy test has the rate of its attempts."""
    tests = [("a.py::flaky", "failed", 0.1), ("a.py::broken", "failed", 0.1), ("a.py::fine", "passed", 0.1)]
    run = deliver_run(server, tmp_path, tests, run_id="20231114T221320000-000001", suite="unit")
    made = verdicts(
        run, tests=(unhealthy("a.py::flaky", rate=0.125), unhealthy("a.py::broken", "broken", rate=0.9))
    )
    redis_client.set(keys.verdicts(NAMESPACE, run), pack(made))

    listed = call_api("GET", "/api/v1/tests?sort=-failure_rate").json()["items"]
    one = call_api("GET", "/api/v1/tests/a.py::flaky?suite=unit").json()
    (flaky,) = call_api("GET", "/api/v1/flaky?suite=unit").json()["items"]

    assert [("a.py::broken", 0.9), ("a.py::flaky", 0.125), ("a.py::fine", 0.0)] == [
        (each["nodeid"], each["failure_rate"]) for each in listed
    ]
    assert 0.125 == one["failure_rate"] == one["verdict"]["rate"] == flaky["rate"]
