"""The quarantine over HTTP: permissions, responses and refusals."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import pytest

from akastats.app import create_app
from akastats.config import Config, config
from tests.api.test_access import LAN, NOWHERE, TOKEN, bearer
from tests.api.test_access import send as send_from
from tests.delivered_runs import STARTED, deliver_run

PATH = "/api/v1/quarantine"
NODEID = "tests/test_pay.py::test_refund[a/b é]"
DAY_S = 86_400


@pytest.fixture
def put(call_api):
    """Return a function that quarantines a test and returns the response."""

    def to(nodeid=NODEID, query="?force=true", **body):
        return call_api("PUT", f"{PATH}/{quote(nodeid)}{query}", json={"reason": "hangs", **body})

    return to


@pytest.fixture
def now(redis_client):
    """The time of the server."""
    return float(redis_client.time()[0])


def test_a_quarantined_test_is_listed_until_it_is_released(call_api, put, now):
    """The response is the entry of the list."""
    answer = put(query="?suite=unit&force=true", until=now + DAY_S, reason=" hangs\n", by="ada")

    entry = answer.json()
    assert 200 == answer.status_code
    expected = {"label": f"test@unit::{NODEID}", "nodeid": NODEID, "suite": "unit", "until": now + DAY_S}
    assert {**expected, "reason": "hangs", "since": entry["since"], "by": "ada"} == entry
    assert {"items": [entry], "next": None} == call_api("GET", PATH).json()
    assert [] == call_api("GET", f"{PATH}?suite=").json()["items"]
    gone = [call_api("DELETE", f"{PATH}/{quote(NODEID)}?suite=unit") for _ in range(2)]
    assert [(204, b""), 404] == [(gone[0].status_code, gone[0].content), gone[1].status_code]
    assert [] == call_api("GET", PATH).json()["items"]


def test_a_day_ends_in_the_configured_time_zone(put, now, server):
    """Without a time zone it is UTC; an absent name is null."""
    config.use(Config(redis_url=server, timezone="Asia/Tokyo"))
    # Nine hours ahead of UTC, without daylight saving time.
    midnight = (now + 9 * 3600) // DAY_S * DAY_S - 9 * 3600
    day = datetime.fromtimestamp(now, timezone(timedelta(hours=9))).strftime("%Y-%m-%d")

    answer = put(until=day)

    assert (midnight + DAY_S, None, None) == tuple(answer.json()[name] for name in ("until", "suite", "by"))


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b'{"reason": "x"}', "body.until", "Field required"),
        (b'{"until": "tomorrow", "reason": "x"}', "body.until", "write a day as year-month-day"),
        (b'{"until": "2026-02-31", "reason": "x"}', "body.until", "2026-02-31 is not a calendar day"),
        (b'{"until": true, "reason": "x"}', "body.until", ""),
        (b'{"until": 1e400, "reason": "x"}', "body.until", ""),
        (b'{"until": NaN, "reason": "x"}', "body.until", ""),
        (b'{"until": 4e9}', "body.reason", "Field required"),
        (b'{"until": 4e9, "reason": " \\n"}', "body.reason", ""),
        (b'{"until": 4e9, "reason": "\\u001f"}', "body.reason", ""),
        (b'{"until": 4e9, "reason": "' + b"x" * 501 + b'"}', "body.reason", "500"),
        (b'{"until": 4e9, "reason": "\\ud800"}', "body", ""),
        (b'{"until": 4e9, "reason": "x", "by": "' + b"x" * 101 + b'"}', "body.by", "100"),
        (b"[" * 10_000, "body", ""),
        (b"", "body", ""),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_invalid_body_names_the_field(call_api, body, field, message):
    """With the error and the valid values."""
    answer = call_api("PUT", f"{PATH}/a?force=true", content=body)

    assert (422, field) == (answer.status_code, answer.json()["field"])
    assert message in answer.json()["detail"]


def test_a_large_body_is_not_read(call_api):
    """An entry is small."""
    assert 413 == call_api("PUT", f"{PATH}/a", content=b" " * 20_000).status_code


@pytest.mark.parametrize(
    ("query", "days", "message"),
    [
        ("", 1, "unknown test"),
        ("?force=true", -1, "in the past"),
        ("?force=true", 92, "more than 90 days"),
        ("?force=true&suite=a::b", 1, "cannot be the name of a test"),
    ],
)
def test_a_refusal_by_a_rule_is_409(put, now, query, days, message):
    """With the remedy."""
    answer = put(query=query, until=now + days * DAY_S)

    assert (409, True) == (answer.status_code, message in answer.json()["detail"])


def test_the_last_day_of_all_is_too_far(put):
    """The end of the day cannot be represented."""
    assert 409 == put(until="9999-12-31").status_code


def test_a_protected_test_is_409_by_force_too(put, now, server):
    """The variable of the API's process counts."""
    config.use(Config(redis_url=server, protected="tests/test_pay.py"))

    answer = put(until=now + DAY_S)

    assert (409, True) == (answer.status_code, "AKA_STATS_PROTECTED" in answer.json()["detail"])


def test_a_test_that_always_failed_needs_force(put, now, server, tmp_path):
    """Its history decides."""
    for number in range(2):
        fields = {"run_id": f"20231114T22132000{number}-000000", "started": STARTED + 100 * number}
        deliver_run(server, tmp_path, [(NODEID, "failed", 0.5)], **fields)

    answers = [put(query=query, until=now + DAY_S) for query in ("", "?force=true")]

    assert [409, 200] == [answer.status_code for answer in answers]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("token", "headers", "expected"),
    [
        ("numbers-only-battery", {}, 403),
        ("reads-contexts-battery", {}, 403),
        (TOKEN, {"Origin": "http://evil.example"}, 403),
        (TOKEN, {"Sec-Fetch-Site": "cross-site"}, 403),
        (TOKEN, {}, 503),
    ],
)
def test_changes_need_the_scope_write_and_the_same_origin(method, token, headers, expected):
    """With both, the response is the 503 of the unreachable server."""
    scoped = "stats:numbers-only-battery contexts:reads-contexts-battery"
    config.use(Config(redis_url=NOWHERE, token=f"{TOKEN} {scoped}"))
    sent = {"headers": {**bearer(token), **headers}, "json": {"until": 4e9, "reason": "x"}}

    answer = send_from(create_app(), method, LAN, f"{PATH}/a", **sent)
    config.use(None)

    assert expected == answer.status_code


def test_reading_needs_no_more_than_numbers(server):
    """The quarantine contains no details of failures."""
    config.use(Config(redis_url=server, token=f"{TOKEN} stats:numbers-only-battery"))

    answer = send_from(create_app(), "GET", LAN, PATH, headers=bearer("numbers-only-battery"))

    assert (200, {"items": [], "next": None}) == (answer.status_code, answer.json())
