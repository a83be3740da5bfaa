"""Errors of requests are problem+json with the field and the limit; none is a 500."""

from __future__ import annotations

import json

import pytest

from akastats import push_stat
from akastats.config import Config, config

POSTS = ["/api/v1/stats", "/api/v1/stat-contexts"]
BODIES = {
    "empty": b"",
    "no JSON": b"[",
    "an object": b'{"a": 1}',
    "text": b'"a"',
    "null": b"null",
    "numbers": b"[1]",
    "nan": b"[NaN]",
    "infinity": b"[-Infinity]",
    "a nan alone": b"NaN",
    "nested": b"[" * 100_000,
    "nested and closed": b"[" * 5_000 + b"]" * 5_000,
    "a long number": b"[" + b"9" * 10_000 + b"]",
    "no UTF-8": b'["\xff"]',
    "a lone surrogate": b'["\\ud800"]',
    "another encoding": '["a"]'.encode("utf-16"),
    "half a million wrong items": b"[" + b"1," * 500_000 + b"1]",
}


def problem(answer, status, field=None, limit=None):
    """Check that `answer` is a problem of this kind; return its detail."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body.get("field"), body.get("limit")) == (status, field, limit)
    assert body["type"] == "about:blank"
    assert body["title"]
    return body["detail"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_no_list_of_strings_is_422(call_api, path, body):
    """Any other body is an error of the request."""
    answer = call_api("POST", path, content=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"].startswith("body")


@pytest.mark.parametrize("path", POSTS)
def test_a_call_takes_a_thousand_strings(call_api, path):
    """One more is refused, with the limit."""
    assert call_api("POST", path, json=[str(number) for number in range(1000)]).status_code == 200

    answer = call_api("POST", path, json=[str(number) for number in range(1001)])

    assert "1000" in problem(answer, 422, "body", 1000)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_takes_a_mebibyte(call_api, path):
    """One byte more is 413, with the limit."""
    fits = json.dumps(["a"]).encode().ljust(1024 * 1024)
    assert call_api("POST", path, content=fits).status_code == 200

    answer = call_api("POST", path, content=fits + b" ")

    assert "1048576" in problem(answer, 413, "body", 1024 * 1024)


@pytest.mark.parametrize("noun", ["available-stats", "stats-prometheus"])
def test_a_matcher_takes_512_characters(call_api, noun):
    """A longer or empty matcher is refused by name."""
    assert call_api("GET", f"/api/v1/{noun}", params={"matcher": "x" * 512}).status_code == 200

    longer = call_api("GET", f"/api/v1/{noun}", params={"matcher": "x" * 513})
    empty = call_api("GET", f"/api/v1/{noun}?matcher=")

    assert problem(longer, 422, "matcher", 512).startswith("matcher: ")
    problem(empty, 422, "matcher", 1)


@pytest.mark.parametrize("noun", ["stats", "stats-history"])
@pytest.mark.parametrize("label", ["", "x" * 4097, "%C3%A4" * 2049], ids=["empty", "long", "long in bytes"])
def test_a_label_has_1_to_4096_bytes(call_api, noun, label):
    """A label that cannot be stored cannot be requested either."""
    assert "4096" in problem(call_api("GET", f"/api/v1/{noun}/{label}"), 422, "label")


def test_a_label_too_long_in_a_list_is_named_by_its_index(call_api):
    """The field contains its index."""
    assert "4096" in problem(call_api("POST", "/api/v1/stats", json=["a", "x" * 4097]), 422, "body.1")


def test_a_glob_of_many_stars_is_answered_at_once(call_api):
    """Matching takes no exponential time: 255 stars and 300 letters, with and without a match."""
    push_stat("a" * 300, 1)

    misses = call_api("GET", "/api/v1/available-stats", params={"matcher": "*a" * 255 + "b"})
    hits = call_api("GET", "/api/v1/available-stats", params={"matcher": "*a" * 255 + "*"})

    assert (misses.json(), hits.json()) == ([], ["a" * 300])


@pytest.mark.parametrize("matcher", ["[a--b]", "[z-\\]]", "[", "\\", "[]", "[^]", "[a||b]", "(", "a{2,}", "\x00"])
def test_any_glob_is_answered(call_api, matcher):
    """A pattern that is invalid as a regular expression is a valid glob."""
    push_stat("a-\x00", 1)

    assert call_api("GET", "/api/v1/available-stats", params={"matcher": matcher}).status_code == 200


def test_unknown_paths_and_methods_are_problems_too(call_api):
    """404 and 405 have the same format."""
    problem(call_api("GET", "/nothing/here"), 404)
    problem(call_api("DELETE", "/api/v1/stats/a"), 405)


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("GET", "/api/v1/available-stats", {}),
        ("GET", "/api/v1/stats/a", {}),
        ("POST", "/api/v1/stats", {"json": ["a"]}),
        ("GET", "/api/v1/stats-history/a", {}),
        ("POST", "/api/v1/stat-contexts", {"json": ["a"]}),
        ("GET", "/api/v1/stats-prometheus", {}),
    ],
)
def test_without_a_server_is_503_without_a_password(call_api, method, path, options):
    """The message has the address and the remedy, but no credentials."""
    config.use(Config(redis_url="redis://user:s3cret@127.0.0.1:1"))

    detail = problem(call_api(method, path, **options), 503)

    assert "127.0.0.1:1" in detail
    assert "AKA_STATS_REDIS_URL" in detail
    assert "s3cret" not in detail


def test_an_internal_error_is_a_problem_without_details(server, call):
    """An unexpected exception is a 500 in the same format; the log has the details."""
    from akastats.app import create_app

    app = create_app()

    @app.get("/broken")
    def broken():
        raise KeyError("inner secret")

    answer = call(app, "GET", "/broken")

    assert "inner secret" not in problem(answer, 500)
