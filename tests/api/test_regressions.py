"""Changes of durations over the API, and what people say of them."""

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
from tests.api.judged import ENVIRONMENT, NAMESPACE, change, changed, put_verdicts, run_id
from tests.api.test_access import HERE, LAN, TOKEN, bearer
from tests.api.test_access import ask as ask_as
from tests.api.test_runs import put_run

LABEL = "test@unit::a.py::b"
ID = id_of(change(LABEL, 5))
MARK = f"/api/v1/regressions/{ID}/mark"
NOISE = {"mark": "noise", "reason": "the runner"}
DAY_S = 86_400


def mark_of(ask, number: int = 0) -> Any:
    """What a list says of one of its changes."""
    return ask("GET", "/api/v1/regressions").json()["items"][number]["mark"]


def put_mark(client: Redis, id_: str, *, age_s: float = 0.0, at: int = 5) -> None:
    """Store a mark about `LABEL` that was made so long ago."""
    since = client.time()[0] - age_s
    made = acknowledgement_rules.new_acknowledgement(change(LABEL, at), "noise", "why", since)
    client.hset(keys.acknowledgements(NAMESPACE), id_, acknowledgement_rules.pack(made))


def test_a_change_in_full(ask, redis_client):
    """By how much, since which runs and commits, how sure that is, and what it moved with."""
    put_run(redis_client, 4, commit="c4")
    put_run(redis_client, 5)
    put_verdicts(
        redis_client,
        6,
        changes=(changed(LABEL, 5, after=3.0, is_new=True), changed("fixture@unit::db", 5)),
        together=(("x",), (LABEL, "fixture@unit::db")),
    )

    found = ask("GET", "/api/v1/regressions").json()

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
    } == found["items"][0]
    assert [["x"], [LABEL, "fixture@unit::db"]] == found["together"]


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
def test_what_became_slower_is_listed_newest_first(ask, redis_client, query, expected, of_suite):
    """What became faster where it is asked for; the suite as a whole stands apart."""
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

    found = ask("GET", f"/api/v1/regressions?{query}").json()

    assert (expected, len(expected)) == ([each["name"] for each in found["items"]], found["total"])
    assert [run_id(number) for number in of_suite] == [each["run"] for each in found["suite_changes"]]


@pytest.mark.parametrize("kind", ["acknowledged", "expected", "noise"])
def test_a_mark_is_kept_and_taken_back(ask, redis_client, kind):
    """It stands at the change wherever that is told, with when and why."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    answer = ask("PUT", MARK, json={"mark": kind, "reason": "new tax tables"})
    kept, whole = mark_of(ask), ask("GET", "/api/v1/verdicts").json()["changes"][0]["mark"]
    removed = ask("DELETE", MARK)

    assert (200, kind, "new tax tables") == (answer.status_code, *list(answer.json().values())[:2])
    assert redis_client.time()[0] == pytest.approx(kept["since"], abs=10)
    assert answer.json() == kept == whole
    assert (204, b"", None) == (removed.status_code, removed.content, mark_of(ask))


def test_a_mark_can_be_made_anew(ask, redis_client):
    """The newer one counts."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    ask("PUT", MARK, json=NOISE)
    ask("PUT", MARK, json={"mark": "expected", "reason": "new tax tables"})

    assert ("expected", "new tax tables") == (mark_of(ask)["mark"], mark_of(ask)["reason"])


def test_the_suite_as_a_whole_can_be_marked(ask, redis_client):
    """A new machine makes everything slower at once."""
    put_verdicts(redis_client, 6, suite_changes=(changed("", 5),))
    (found,) = ask("GET", "/api/v1/regressions").json()["suite_changes"]

    ask("PUT", f"/api/v1/regressions/{found['id']}/mark", json=NOISE)

    (found,) = ask("GET", "/api/v1/regressions").json()["suite_changes"]
    assert "noise" == found["mark"]["mark"]


def test_a_reason_need_not_be_given(ask, redis_client):
    """It is empty then."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    assert "" == ask("PUT", MARK, json={"mark": "noise"}).json()["reason"]


def test_a_mark_stays_while_the_likeliest_run_shifts(ask, redis_client):
    """It is seen, replaced and taken back at the change as it is now: one change has one mark."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    ask("PUT", MARK, json=NOISE)
    shifted = changed(LABEL, 4, since=run_id(2), until=run_id(6))
    put_verdicts(redis_client, 7, changes=(shifted,))
    there = f"/api/v1/regressions/{id_of(shifted.change)}/mark"

    seen = mark_of(ask)
    ask("PUT", there, json={"mark": "expected"})
    replaced = redis_client.hlen(keys.acknowledgements(NAMESPACE)), mark_of(ask)["mark"]
    ask("DELETE", there)

    assert "noise" == seen["mark"]
    assert (1, "expected") == replaced
    assert (0, None) == (redis_client.hlen(keys.acknowledgements(NAMESPACE)), mark_of(ask))


def test_a_mark_is_taken_back_under_the_name_it_was_made_by(ask, redis_client):
    """Whoever kept that need not look up how it is called by now."""
    put_mark(redis_client, ID)

    assert 204 == ask("DELETE", MARK).status_code
    assert {} == redis_client.hgetall(keys.acknowledgements(NAMESPACE))


def test_a_change_without_a_mark_has_none_to_take_back(ask, redis_client):
    """Twice is as good as once."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    assert 204 == ask("DELETE", MARK).status_code


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("query", ["", f"?run={run_id(6)}", "?run=nobody"])
def test_a_change_that_no_verdict_tells_of_is_a_404(ask, redis_client, method, query):
    """It may have been one yesterday."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 4),))

    answer = ask(method, MARK + query, json=NOISE if method == "PUT" else None)

    assert (404, 0) == (answer.status_code, redis_client.exists(keys.acknowledgements(NAMESPACE)))


def test_the_run_whose_verdicts_tell_of_a_change_can_be_named(ask, redis_client):
    """Else the newest ten verdicts are looked through, of any suite and branch."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    for number in range(7, 16):
        put_verdicts(redis_client, number, suite="e2e", branch="topic")
    found = ask("PUT", MARK, json=NOISE).status_code
    put_verdicts(redis_client, 16)

    answers = [ask("PUT", MARK + query, json=NOISE).status_code for query in ("", f"?run={run_id(6)}")]

    assert (200, [404, 200]) == (found, answers)


def test_marks_live_as_long_as_runs(ask, redis_client):
    """What is older says nothing any more, and goes with the next that is made; so does what cannot be read."""
    config.use(Config(redis_url=config.redis_url, run_days=10))
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5), changed("rows", 5)))
    put_mark(redis_client, ID, age_s=11 * DAY_S)
    redis_client.hset(keys.acknowledgements(NAMESPACE), "of another release", "{}")
    outlived = mark_of(ask)

    ask("PUT", f"/api/v1/regressions/{id_of(change('rows', 5))}/mark", json=NOISE)

    assert outlived is None
    assert [id_of(change("rows", 5)).encode()] == redis_client.hkeys(keys.acknowledgements(NAMESPACE))
    assert 10 * DAY_S == pytest.approx(redis_client.ttl(keys.acknowledgements(NAMESPACE)), abs=10)


def test_so_many_marks_are_kept_and_no_more(ask, redis_client):
    """The one made first gives way."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    for number in range(MAX_ACKNOWLEDGEMENTS):
        put_mark(redis_client, f"{number:04d}", age_s=number, at=5000 + number)

    ask("PUT", MARK, json=NOISE)

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
def test_what_is_no_mark_is_refused(ask, redis_client, body, field):
    """The answer names what is wrong, and nothing is kept."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))

    answer = ask("PUT", MARK, content=body)

    assert (422, field) == (answer.status_code, answer.json()["field"])
    assert 0 == redis_client.exists(keys.acknowledgements(NAMESPACE))


def test_a_body_beyond_its_limit_is_refused(ask, redis_client):
    """However it is called."""
    answer = ask("PUT", MARK, content=b" " * (16 * 1024 + 1))

    assert (413, 16 * 1024) == (answer.status_code, answer.json()["limit"])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(("scopes", "status"), [("stats", 403), ("stats,contexts", 403), ("write", 200)])
def test_only_who_may_write_marks(redis_client, server, method, scopes, status):
    """That is asked before anything is looked at."""
    put_verdicts(redis_client, 6, changes=(changed(LABEL, 5),))
    config.use(Config(redis_url=server, token=f"{scopes}:{TOKEN}"))

    body = b'{"mark": "noise"}' if status == 200 else b"not even JSON"
    answer = ask_as(create_app(), method, LAN, MARK, headers=bearer(TOKEN), content=body)

    assert (status // 100, status == 403) == (answer.status_code // 100, answer.status_code == 403)
    assert (status == 200 and method == "PUT") == redis_client.exists(keys.acknowledgements(NAMESPACE))


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_page_of_somebody_else_marks(redis_client, server, method, headers):
    """Not even where no token is needed."""
    answer = ask_as(create_app(), method, HERE, MARK, headers=headers, json=NOISE)

    assert (403, "origin") == (answer.status_code, answer.json()["field"])
