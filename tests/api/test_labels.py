"""Labels over the API."""

from __future__ import annotations

from akastats import push_stat
from akastats.store import keys
from tests.api.conftest import walk

NAMESPACE = "AKA-STATS"


def test_labels_are_listed_by_prefix_and_words(call_api, server):
    """In byte order, page by page."""
    for label in ("a::One", "a::two", "a*::three", "b::one", "größe"):
        push_stat(label, 1)

    def listed(query: str) -> list[str]:
        return list(walk(call_api, f"/api/v1/labels?{query}"))

    assert ["a*::three", "a::One", "a::two", "b::one", "größe"] == listed("limit=2")
    assert ["a*::three"] == listed("prefix=a*")
    assert ["a::One", "b::one"] == listed("q=oNe&limit=1")
    assert ["a::two"] == listed("prefix=a::&q=w+t")
    assert ["größe"] == listed("q=GR%C3%96")


def test_a_page_of_labels_reads_a_limited_number(call_api, server, redis_client, monkeypatch):
    """If few labels match, a page ends early with a cursor."""
    monkeypatch.setattr("akastats.queries.labels.STEPS", 1)
    monkeypatch.setattr("akastats.store.query.PAGE_LABELS", 10)
    for at in range(25):
        push_stat(f"label {at:02d}", 1)
    redis_client.zadd(keys.index(NAMESPACE), {b"label 09\xff": 1})

    first = call_api("GET", "/api/v1/labels?q=24").json()

    assert [] == first["items"]
    assert ["label 24"] == list(walk(call_api, "/api/v1/labels?q=24"))


def test_labels_of_a_foreign_cursor_are_a_problem(call_api):
    """An invalid cursor is refused by name."""
    answer = call_api("GET", "/api/v1/labels?cursor=$")

    assert (422, "cursor") == (answer.status_code, answer.json()["field"])
