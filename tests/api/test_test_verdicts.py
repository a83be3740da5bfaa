"""What a test's own address answers of the newest verdicts of its suite, and of its quarantine."""

from __future__ import annotations

import json
import time

import pytest

from akastats.model.verdicts import pack
from akastats.store import keys
from tests.api.judged import NAMESPACE, changed, judged, put_verdicts, run_id, verdicts
from tests.telling import tell

NODEID = "tests/test_pay.py::test_refund"
OTHER = "tests/test_pay.py::test_pays"
PATH = f"/api/v1/tests/{NODEID}?suite=unit"


@pytest.fixture
def told(server, redis_client, tmp_path):
    """A test with a history, in a suite that was judged by hand-made verdicts."""
    tell(server, tmp_path, [(NODEID, "passed", 0.1)], suite="unit", branch="main")

    def put(**fields):
        return put_verdicts(redis_client, 5, **fields)

    return put


def hold(redis_client, nodeid: str, until: float) -> None:
    """Put a test into quarantine."""
    entry = {"until": until, "reason": "PAY-7", "since": 1.0, "by": "ada"}
    redis_client.hset(keys.quarantine(NAMESPACE), f"test@unit::{nodeid}", json.dumps(entry))


def test_a_test_says_how_it_stands(ask, told):
    """Its row of the flaky tests, what fails together with it, and whose verdicts these are."""
    told(tests=(judged(NODEID, rate=0.25), judged(OTHER)), clusters=((NODEID, OTHER),))

    found = ask("GET", PATH).json()

    assert (found["verdict"]["nodeid"], found["verdict"]["state"], found["verdict"]["rate"]) == (
        NODEID,
        "flaky",
        0.25,
    )
    assert (found["together"], found["judged_by"]) == ([NODEID, OTHER], run_id(5))


def test_a_test_has_its_own_changes_alone(ask, told):
    """Newest first, faster too; not those of another test whose name ends alike, nor of what is no test."""
    told(
        changes=(
            changed(f"test@unit::{NODEID}", 1),
            changed(f"test@unit::{NODEID}", 3, after=0.5),
            changed(f"test@unit::x{NODEID}", 2),
            changed(f"fixture@unit::{NODEID}", 2),
        )
    )

    found = ask("GET", PATH).json()

    assert [(change["run"], change["is_slower"]) for change in found["changes"]] == [
        (run_id(3), False),
        (run_id(1), True),
    ]


def test_a_healthy_test_has_no_verdict(ask, told):
    """What is not listed is well, as far as that is known."""
    told(tests=(judged(OTHER),))

    found = ask("GET", PATH).json()

    assert (found["verdict"], found["together"], found["changes"], found["judged_by"]) == (None, [], [], run_id(5))


def test_a_test_of_a_suite_that_nobody_judged(ask, told):
    """All of it is empty, and the rest is answered as before."""
    answer = ask("GET", PATH)

    found = answer.json()
    assert (200, None, [], None) == (answer.status_code, found["verdict"], found["changes"], found["judged_by"])


def test_a_test_in_quarantine_says_until_when(ask, told, redis_client):
    """With or without verdicts; one whose time is over is free, whatever else is in."""
    until = time.time() + 1000
    hold(redis_client, OTHER, until - 500)
    hold(redis_client, NODEID, until)

    assert ask("GET", PATH).json()["quarantine"] == {"until": until, "since": 1.0, "reason": "PAY-7", "by": "ada"}

    hold(redis_client, NODEID, time.time() - 1000)

    assert ask("GET", PATH).json()["quarantine"] is None


@pytest.mark.parametrize("path", ["/api/v1/flaky?suite=unit", "/api/v1/verdicts?suite=unit"])
def test_flaky_tests_in_quarantine_say_so(ask, told, redis_client, path):
    """In the list and in the whole, each test with its own entry."""
    told(tests=(judged(NODEID), judged(OTHER)))
    hold(redis_client, OTHER, time.time() + 1000)

    found = ask("GET", path).json()
    rows = found.get("items") or found["tests"]

    assert {row["nodeid"]: (row["quarantine"] or {}).get("reason") for row in rows} == {
        NODEID: None,
        OTHER: "PAY-7",
    }


def test_paces_of_the_runs_stand_beside_the_changes(ask, told):
    """As one judgement saw them, oldest first."""
    told(paces=((run_id(1), 1.0), (run_id(2), 1.3)))

    found = ask("GET", "/api/v1/regressions?suite=unit").json()

    assert found["paces"] == [{"run": run_id(1), "pace": 1.0}, {"run": run_id(2), "pace": 1.3}]


def test_a_test_has_one_rate_in_every_answer(ask, server, tmp_path, redis_client):
    """That of its verdict, though its one attempt has failed; healthy tests have that of their attempts."""
    tests = [("a.py::flaky", "failed", 0.1), ("a.py::broken", "failed", 0.1), ("a.py::fine", "passed", 0.1)]
    run = tell(server, tmp_path, tests, run_id="20231114T221320000-000001", suite="unit")
    made = verdicts(run, tests=(judged("a.py::flaky", rate=0.125), judged("a.py::broken", "broken", rate=0.9)))
    redis_client.set(keys.verdicts(NAMESPACE, run), pack(made))

    listed = ask("GET", "/api/v1/tests?sort=-failure_rate").json()["items"]
    one = ask("GET", "/api/v1/tests/a.py::flaky?suite=unit").json()
    (flaky,) = ask("GET", "/api/v1/flaky?suite=unit").json()["items"]

    assert [("a.py::broken", 0.9), ("a.py::flaky", 0.125), ("a.py::fine", 0.0)] == [
        (each["nodeid"], each["failure_rate"]) for each in listed
    ]
    assert 0.125 == one["failure_rate"] == one["verdict"]["rate"] == flaky["rate"]
