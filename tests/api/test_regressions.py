"""Changes of durations over the API, and their acknowledgements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from redis import Redis

from akastats.app import create_app
from akastats.config import Config, config
from akastats.store import keys
from akastats.triage import acknowledgement_rules
from akastats.triage.acknowledgement_rules import id_of
from akastats.triage.acknowledgements import MAX_ACKNOWLEDGEMENTS
from tests.api.test_access import HERE, LAN, TOKEN, bearer
from tests.api.test_access import send as send_as
from tests.api.test_runs import put_run
from tests.api.verdict_values import ENVIRONMENT, NAMESPACE, change, changed, put_verdicts, run_id

LABEL = "test@unit::a.py::b"
ID = id_of(change(LABEL, 5))
MARK = f"/api/v1/regressions/{ID}/mark"
NOISE = {"mark": "noise", "reason": "the runner"}
DAY_S = 86_400


def mark_of(call_api, number: int = 0) -> Any:
    """Return the acknowledgement of a change in the list."""
    return call_api("GET", "/api/v1/regressions").json()["items"][number]["mark"]


def put_mark(client: Redis, id_: str, *, age_s: float = 0.0, at: int = 5) -> None:
    """Store an acknowledgement of `LABEL` of a certain age."""
    since = client.time()[0] - age_s
    made = acknowledgement_rules.new_acknowledgement(change(LABEL, at), "noise", "why", since)
    client.hset(keys.acknowledgements(NAMESPACE), id_, acknowledgement_rules.pack(made))


def test_a_change_in_full(call_api, redis_client):
    """Size, runs, commits, confidence, and the labels that changed with it."""
    put_run(redis_client, 4, commit="c4")
    put_run(redis_client, 5)
    put_verdicts(
        redis_client,
        6,
        changes=(changed(LABEL, 5, after=3.0, is_new=True), changed("fixture@unit::db", 5)),
        together=(("x",), (LABEL, "fixture@unit::db")),
    )

    answer_body = call_api("GET", "/api/v1/regressions").json()

    assert {
        "id": ID,
        "label": LABEL,
        "kind": "test",
        "name": "a.py::b",
        "nodeid": "a.py::b",
        "suite": "unit",
        "environment": ENVIRONMENT,
        "before": 1.0,
        "after": 3.0,
        "ratio": pytest.approx(3.0, abs=0.01),
        "low": pytest.approx(2.7),
        "high": pytest.approx(3.3),
        "since": run_id(4),
        "run": run_id(5),
        "until": run_id(6),
        "since_commit": "c4",
        "commit": None,
        "until_commit": "c6",
        "runs_after": 7,
        "is_slower": True,
        "is_suspected": False,
        "is_new": True,
        "p": 1e-9,
        "confidence": 0.99,
        "group": 1,
        "mark": None,
    } == answer_body["items"][0]
    assert [["x"], [LABEL, "fixture@unit::db"]] == answer_body["together"]


@pytest.mark.parametrize(
    ("query", "expected", "of_suite"),
    [
        ("", ["b", "rows", "a"], [3]),
        ("faster=true", ["b", "c", "rows", "a"], [4, 3]),
        ("kind=stat", ["rows"], [3]),
        ("kind=test&faster=true", ["b", "c", "a"], [4, 3]),
        ("kind=fixture", [], [3]),
    ],
)
def test_slower_tests_are_listed_newest_first(call_api, redis_client, query, expected, of_suite):
    """Faster ones on demand; the suite as a whole is separate."""
    put_verdicts(
        redis_client,
        6,
        changes=(
            changed("test::a", 3),
            changed("test::b", 5, after=9.0),
            changed("test::c", 5, after=0.5),
            changed("rows", 4),
        ),
        suite_changes=(changed("", 3), changed("", 4, after=0.9)),
    )

    answer_body = call_api("GET", f"/api/v1/regressions?{query}").json()

    assert (expected, len(expected)) == ([each["name"] for each in answer_body["items"]], answer_body["total"])
    assert [run_id(number) for number in of_suite] == [each["run"] for each in answer_body["suite_changes"]]


@pytest.mark.parametrize("kind", ["acknowledged", "expected", "noise"])
def test_an_acknowledgement_is_stored_and_removed(call_api, redis_client, kind):
    """Every list has it, with its time and reason."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    answer = call_api("PUT", MARK, json={"mark": kind, "reason": "new tax tables"})
    stored, in_suite = mark_of(call_api), call_api("GET", "/api/v1/verdicts").json()["changes"][0]["mark"]
    removed = call_api("DELETE", MARK)

    assert (200, kind, "new tax tables") == (answer.status_code, *list(answer.json().values())[:2])
    assert redis_client.time()[0] == pytest.approx(stored["since"], abs=10)
    assert answer.json() == stored == in_suite
    assert (204, b"", None) == (removed.status_code, removed.content, mark_of(call_api))


def test_an_acknowledgement_can_be_replaced(call_api, redis_client):
    """The newer one counts."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    call_api("PUT", MARK, json=NOISE)
    call_api("PUT", MARK, json={"mark": "expected", "reason": "new tax tables"})

    assert ("expected", "new tax tables") == (mark_of(call_api)["mark"], mark_of(call_api)["reason"])


def test_a_change_of_the_suite_can_be_acknowledged(call_api, redis_client):
    """A new machine makes everything slower at once."""
    put_verdicts(redis_client, 6, suite_changes=(changed("", 5),))
    (answer_body,) = call_api("GET", "/api/v1/regressions").json()["suite_changes"]

    call_api("PUT", f"/api/v1/regressions/{answer_body['id']}/mark", json=NOISE)

    (answer_body,) = call_api("GET", "/api/v1/regressions").json()["suite_changes"]
    assert "noise" == answer_body["mark"]["mark"]


def test_the_reason_is_optional(call_api, redis_client):
    """Without one it is empty."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    assert "" == call_api("PUT", MARK, json={"mark": "noise"}).json()["reason"]


def test_an_acknowledgement_stays_while_the_likeliest_run_shifts(call_api, redis_client):
    """It can be read, replaced and removed at the present change; one change has one acknowledgement."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    call_api("PUT", MARK, json=NOISE)
    shifted = changed(LABEL, 4, since=run_id(2), until=run_id(6))
    put_verdicts(redis_client, 7, changes=(shifted,))
    there = f"/api/v1/regressions/{id_of(shifted.change)}/mark"

    seen = mark_of(call_api)
    call_api("PUT", there, json={"mark": "expected"})
    replaced = redis_client.hlen(keys.acknowledgements(NAMESPACE)), mark_of(call_api)["mark"]
    call_api("DELETE", there)

    assert "noise" == seen["mark"]
    assert (1, "expected") == replaced
    assert (0, None) == (redis_client.hlen(keys.acknowledgements(NAMESPACE)), mark_of(call_api))


def test_an_acknowledgement_is_removed_by_its_original_id(call_api, redis_client):
    """A client that stored the id does not need the present one."""
    put_mark(redis_client, ID)

    assert 204 == call_api("DELETE", MARK).status_code
    assert {} == redis_client.hgetall(keys.acknowledgements(NAMESPACE))


def test_removing_a_missing_acknowledgement_succeeds(call_api, redis_client):
    """DELETE is idempotent."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    assert 204 == call_api("DELETE", MARK).status_code


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("query", ["", f"?run={run_id(6)}", "?run=nobody"])
def test_an_unknown_change_is_a_404(call_api, redis_client, method, query):
    """It may have existed in earlier verdicts."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 4),))

    answer = call_api(method, MARK + query, json=NOISE if method == "PUT" else None)

    assert (404, 0) == (answer.status_code, redis_client.exists(keys.acknowledgements(NAMESPACE)))


def test_the_run_of_the_verdicts_is_a_parameter(call_api, redis_client):
    """Else the newest ten verdicts of any suite and branch are searched."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    for number in range(7, 16):
        put_verdicts(redis_client, number, suite="e2e", branch="topic")
    status = call_api("PUT", MARK, json=NOISE).status_code
    put_verdicts(redis_client, 16)

    answers = [call_api("PUT", MARK + query, json=NOISE).status_code for query in ("", f"?run={run_id(6)}")]

    assert (200, [404, 200]) == (status, answers)


def test_acknowledgements_live_as_long_as_runs(call_api, redis_client):
    """Older and unreadable ones are deleted with the next one that is stored."""
    config.use(Config(redis_url=config.redis_url, run_days=10))
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5), changed("rows", 5)))
    put_mark(redis_client, ID, age_s=11 * DAY_S)
    redis_client.hset(keys.acknowledgements(NAMESPACE), "of another release", "{}")
    outlived = mark_of(call_api)

    call_api("PUT", f"/api/v1/regressions/{id_of(change('rows', 5))}/mark", json=NOISE)

    assert outlived is None
    assert [id_of(change("rows", 5)).encode()] == redis_client.hkeys(keys.acknowledgements(NAMESPACE))
    assert 10 * DAY_S == pytest.approx(redis_client.ttl(keys.acknowledgements(NAMESPACE)), abs=10)


def test_the_number_of_acknowledgements_is_limited(call_api, redis_client):
    """The oldest one is deleted."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    for number in range(MAX_ACKNOWLEDGEMENTS):
        put_mark(redis_client, f"{number:04d}", age_s=number, at=5000 + number)

    call_api("PUT", MARK, json=NOISE)

    assert MAX_ACKNOWLEDGEMENTS == redis_client.hlen(keys.acknowledgements(NAMESPACE))
    assert not redis_client.hexists(keys.acknowledgements(NAMESPACE), f"{MAX_ACKNOWLEDGEMENTS - 1:04d}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"null", "body"),
        (b'{"mark": "nois"}', "body.mark"),
        (b'{"reason": "x"}', "body.mark"),
        (b'{"mark": "noise", "reason": null}', "body.reason"),
        (b'{"mark": "noise", "reason": "\\ud800"}', "body"),
        (b'{"mark": "noise", "until": 1}', "body.until"),
        (json.dumps({"mark": "noise", "reason": "x" * 501}).encode(), "body.reason"),
        (b"\xff", "body"),
    ],
    ids=range(11),
)
def test_an_invalid_acknowledgement_is_refused(call_api, redis_client, body, field):
    """The response names the error, and nothing is stored."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    answer = call_api("PUT", MARK, content=body)

    assert (422, field) == (answer.status_code, answer.json()["field"])
    assert 0 == redis_client.exists(keys.acknowledgements(NAMESPACE))


def test_a_body_beyond_its_limit_is_refused(call_api, redis_client):
    """Whatever its content type is."""
    answer = call_api("PUT", MARK, content=b" " * (16 * 1024 + 1))

    assert (413, 16 * 1024) == (answer.status_code, answer.json()["limit"])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(("scopes", "status"), [("stats", 403), ("stats,contexts", 403), ("write", 200)])
def test_an_acknowledgement_needs_the_scope_write(redis_client, server, method, scopes, status):
    """The scope is checked before anything is read."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    config.use(Config(redis_url=server, token=f"{scopes}:{TOKEN}"))

    body = b'{"mark": "noise"}' if status == 200 else b"not even JSON"
    answer = send_as(create_app(), method, LAN, MARK, headers=bearer(TOKEN), content=body)

    assert (status // 100, status == 403) == (answer.status_code // 100, answer.status_code == 403)
    assert (status == 200 and method == "PUT") == redis_client.exists(keys.acknowledgements(NAMESPACE))


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_cannot_acknowledge(redis_client, server, method, headers):
    """Not even if no token is needed."""
    answer = send_as(create_app(), method, HERE, MARK, headers=headers, json=NOISE)

    assert (403, "origin") == (answer.status_code, answer.json()["field"])
