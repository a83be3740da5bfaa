"""The five endpoints of the library, in the complete application."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from redis import Redis

from akastats import Stats, push_stat
from akastats.store import keys

LABELS = [
    "url-downloader",
    "DEVICE::172.26.185.3",
    "tests/test_a.py::test_b[x/y-1]",
    "/leading",
    "trailing/",
    "//",
    "100%",
    "%2F",
    "%25%32%46",
    "what?when=now",
    "a#b",
    "größe → 日本 🙂",
    "two\nlines",
    "ends with a newline\n",
    "\n",
    "\x00",
    "nul\x00inside",
    "a b+c",
    "POLLER;host=a,port=1",
    "back\\slash*[?]",
    "x" * 4096,
]


@pytest.mark.parametrize("label", LABELS, ids=ascii)
def test_any_label_round_trips(call_api, label):
    """A pushed label is listed, and returned alone, with others and with its history."""
    push_stat(label, 1.5)

    path = quote(label, safe="")
    assert call_api("GET", "/api/v1/available-stats").json() == [label]
    assert call_api("GET", f"/api/v1/stats/{path}").json()["last"] == 1.5
    assert list(call_api("POST", "/api/v1/stats", json=[label]).json()) == [label]
    assert [point["label"] for point in call_api("GET", f"/api/v1/stats-history/{path}").json()] == [label]


@pytest.mark.parametrize("label", ["a/b", "/a", "a/", "DEVICE::1", "a//b"])
def test_slashes_and_colons_need_no_encoding(call_api, label):
    """A client that encodes too little still gets labels with slashes."""
    push_stat(label, 2)

    assert call_api("GET", f"/api/v1/stats/{label}").json()["last"] == 2


def test_available_stats_takes_a_matcher(call_api):
    """The documented example: `DEVICE%3A%2A` lists only the devices."""
    for label in ("DEVICE::172.26.185.3", "DEVICE::172.27.217.56", "url-downloader"):
        push_stat(label, 1)

    answer = call_api("GET", "/api/v1/available-stats?matcher=DEVICE%3A%2A")

    assert answer.json() == ["DEVICE::172.26.185.3", "DEVICE::172.27.217.56"]


def test_available_stats_of_an_empty_server_is_an_empty_list(call_api):
    """Without a push the list is empty."""
    assert call_api("GET", "/api/v1/available-stats").json() == []


def test_a_label_of_bytes_that_are_no_text_does_not_cost_the_list(call_api, redis_client: Redis):
    """Another writer may add it to the index; it cannot be requested and is omitted."""
    push_stat("good", 1)
    redis_client.zadd(keys.index("AKA-STATS"), {b"bad\xff": 1})
    redis_client.lpush(b"AKA-STATS::HISTORY::bad\xff", "1;1;")

    answer = call_api("GET", "/api/v1/available-stats")

    assert answer.json() == ["good"]


def test_stats_are_the_eight_numbers(call_api):
    """The response has the eight documented names."""
    for value in (1, 2, 6):
        push_stat("url-downloader", value)

    numbers = call_api("GET", "/api/v1/stats/url-downloader").json()

    assert numbers.pop("last_time") > 1e9
    assert numbers.pop("stdev") == pytest.approx(7**0.5)
    assert numbers == {"avg": 3.0, "count": 3.0, "last": 6.0, "max": 6.0, "min": 1.0, "total": 9.0}


def test_post_stats_leaves_unknown_labels_out(call_api):
    """The response contains the known labels, each once."""
    push_stat("known", 3)

    answer = call_api("POST", "/api/v1/stats", json=["unknown", "known", "known"])

    assert list(answer.json()) == ["known"]


def test_post_stats_of_nothing_is_empty(call_api):
    """An empty list is a valid request."""
    assert call_api("POST", "/api/v1/stats", json=[]).json() == {}


def test_a_thousand_labels_take_one_round_trip(call_api, redis_client: Redis):
    """The server receives eight commands for 1,000 labels in one pipeline."""
    labels = [f"label-{number}" for number in range(1000)]
    with Stats() as stat:
        for label in labels:
            stat(label, 1)
    redis_client.config_resetstat()

    answer = call_api("POST", "/api/v1/stats", json=labels)

    assert len(answer.json()) == 1000
    assert redis_client.info("commandstats")["cmdstat_mget"]["calls"] == 8


def test_history_is_newest_first_and_carries_context_ids(call_api):
    """Items have the three documented fields and the context id, empty without a context."""
    push_stat("a", 1)
    push_stat("a", 2, context="the cake is a lie")

    items = call_api("GET", "/api/v1/stats-history/a").json()

    assert [(item["label"], item["value"], item["context_id"]) for item in items] == [
        ("a", 2.0, "06466bfef6e7e40e52d572902df6757d"),
        ("a", 1.0, ""),
    ]
    assert items[0]["timestamp"] >= items[1]["timestamp"]


@pytest.mark.parametrize("value", ["nan", "-inf", "three"])
def test_history_of_an_older_writer_may_hold_what_is_no_number(call_api, redis_client: Redis, value):
    """A point of 21.2.5 from a refused push is null, and its neighbours are returned."""
    push_stat("a", 1)
    redis_client.lpush(keys.history("AKA-STATS", "a"), f"1587673195.4;{value};", "1587673196.4;3.5")

    items = call_api("GET", "/api/v1/stats-history/a").json()

    assert [(item["value"], item["context_id"]) for item in items] == [(3.5, ""), (None, ""), (1.0, "")]


@pytest.mark.parametrize("noun", ["stats", "stats-history"])
def test_unknown_label_is_404_with_a_detail(call_api, noun):
    """The response is JSON."""
    answer = call_api("GET", f"/api/v1/{noun}/nobody/pushed%20this")

    assert answer.status_code == 404
    assert "nobody/pushed this" in answer.json()["detail"]


def test_contexts_are_answered_by_id(call_api):
    """Known ids have their text; unknown and empty ids are omitted."""
    push_stat("a", 1, context="Traceback (most recent call last):\n")
    context_id = call_api("GET", "/api/v1/stats-history/a").json()[0]["context_id"]

    answer = call_api("POST", "/api/v1/stat-contexts", json=[context_id, "", "0" * 32, context_id])

    assert answer.json() == {context_id: "Traceback (most recent call last):\n"}


def test_binary_contexts_are_decoded_with_replacement(call_api):
    """A context that is not UTF-8 is not an error."""
    push_stat("a", 1, context=b"caf\xe9 \xff\x00")
    context_id = call_api("GET", "/api/v1/stats-history/a").json()[0]["context_id"]

    answer = call_api("POST", "/api/v1/stat-contexts", json=[context_id])

    assert answer.json() == {context_id: "caf� �\x00"}


def test_a_body_is_json_whatever_its_content_type_says(call_api):
    """`curl -d '["a"]'` sends the content type of a form."""
    push_stat("a", 1)

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = call_api("POST", "/api/v1/stats", content=json.dumps(["a"]), headers=headers)

    assert list(answer.json()) == ["a"]


def test_prometheus_is_served_with_its_official_content_type(call_api):
    """The response has the text format of Prometheus, for matching labels."""
    push_stat("POLLER;host=a", 1)
    push_stat("other", 1)

    answer = call_api("GET", "/api/v1/stats-prometheus?matcher=POLLER*")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'POLLER_COUNT{host="a"} 1.0' in answer.text
    assert "other" not in answer.text


def test_contexts_of_more_than_8_mib_need_several_requests(call_api, redis_client: Redis):
    """All together are refused with this remedy, and each alone is returned."""
    ids = ["a" * 32, "b" * 32]
    for id_ in ids:
        redis_client.set(keys.context("AKA-STATS", id_), b"x" * (4 * 1024 * 1024 + 1))

    together = call_api("POST", "/api/v1/stat-contexts", json=ids)
    alone = call_api("POST", "/api/v1/stat-contexts", json=ids[:1])

    assert (together.status_code, together.json()["limit"]) == (413, 8 * 1024 * 1024)
    assert "fewer at a time" in together.json()["detail"]
    assert len(alone.json()[ids[0]]) == 4 * 1024 * 1024 + 1


def test_a_single_context_that_is_too_large_has_another_message(call_api, redis_client: Redis):
    """The remedy for many contexts would not help."""
    redis_client.set(keys.context("AKA-STATS", "a" * 32), b"x" * (8 * 1024 * 1024 + 1))

    answer = call_api("POST", "/api/v1/stat-contexts", json=["a" * 32])

    assert (answer.status_code, "from the Redis server itself" in answer.json()["detail"]) == (413, True)
