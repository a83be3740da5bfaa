"""What is wrong with a request is said as problem+json naming the field and the limit; nothing is a 500."""

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
def test_a_body_that_is_no_list_of_strings_is_422(ask, path, body):
    """Whatever is sent in place of a list of strings is the request's fault, never ours."""
    answer = ask("POST", path, content=body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"].startswith("body")


@pytest.mark.parametrize("path", POSTS)
def test_a_call_takes_a_thousand_strings(ask, path):
    """One more is refused, naming the limit."""
    assert ask("POST", path, json=[str(number) for number in range(1000)]).status_code == 200

    answer = ask("POST", path, json=[str(number) for number in range(1001)])

    assert "1000" in problem(answer, 422, "body", 1000)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_takes_a_mebibyte(ask, path):
    """A byte more is 413, naming the limit."""
    fits = json.dumps(["a"]).encode().ljust(1024 * 1024)
    assert ask("POST", path, content=fits).status_code == 200

    answer = ask("POST", path, content=fits + b" ")

    assert "1048576" in problem(answer, 413, "body", 1024 * 1024)


@pytest.mark.parametrize("noun", ["available-stats", "stats-prometheus"])
def test_a_matcher_takes_512_characters(ask, noun):
    """A longer or an empty one is refused by name."""
    assert ask("GET", f"/api/v1/{noun}", params={"matcher": "x" * 512}).status_code == 200

    longer = ask("GET", f"/api/v1/{noun}", params={"matcher": "x" * 513})
    empty = ask("GET", f"/api/v1/{noun}?matcher=")

    assert problem(longer, 422, "matcher", 512).startswith("matcher: ")
    problem(empty, 422, "matcher", 1)


@pytest.mark.parametrize("noun", ["stats", "stats-history"])
@pytest.mark.parametrize("label", ["", "x" * 4097, "%C3%A4" * 2049], ids=["empty", "long", "long in bytes"])
def test_a_label_has_1_to_4096_bytes(ask, noun, label):
    """A label that cannot be stored cannot be asked for either."""
    assert "4096" in problem(ask("GET", f"/api/v1/{noun}/{label}"), 422, "label")


def test_a_label_too_long_in_a_list_is_named_by_its_place(ask):
    """The field says which of the labels it is."""
    assert "4096" in problem(ask("POST", "/api/v1/stats", json=["a", "x" * 4097]), 422, "body.1")


def test_a_glob_of_many_stars_is_answered_at_once(ask):
    """Matching takes no exponential time: 255 stars against 300 letters, hit and miss."""
    push_stat("a" * 300, 1)

    misses = ask("GET", "/api/v1/available-stats", params={"matcher": "*a" * 255 + "b"})
    hits = ask("GET", "/api/v1/available-stats", params={"matcher": "*a" * 255 + "*"})

    assert (misses.json(), hits.json()) == ([], ["a" * 300])


@pytest.mark.parametrize("matcher", ["[a--b]", "[z-\\]]", "[", "\\", "[]", "[^]", "[a||b]", "(", "a{2,}", "\x00"])
def test_any_glob_is_answered(ask, matcher):
    """What would be wrong, or warned of, in a regular expression is a glob like any other."""
    push_stat("a-\x00", 1)

    assert ask("GET", "/api/v1/available-stats", params={"matcher": matcher}).status_code == 200


def test_unknown_paths_and_methods_are_problems_too(ask):
    """404 and 405 of the application itself read like all others."""
    problem(ask("GET", "/nothing/here"), 404)
    problem(ask("DELETE", "/api/v1/stats/a"), 405)


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
def test_without_a_server_is_503_and_tells_no_password(ask, method, path, options):
    """The message says what was tried and what to do, without credentials."""
    config.use(Config(redis_url="redis://user:s3cret@127.0.0.1:1"))

    detail = problem(ask(method, path, **options), 503)

    assert "127.0.0.1:1" in detail
    assert "AKA_STATS_REDIS_URL" in detail
    assert "s3cret" not in detail


def test_an_error_of_our_own_is_a_problem_that_tells_nothing(server, call):
    """What nobody foresaw is 500 in the same shape; the log has the rest."""
    from akastats.app import create_app

    app = create_app()

    @app.get("/broken")
    def broken():
        raise KeyError("inner secret")

    answer = call(app, "GET", "/broken")

    assert "inner secret" not in problem(answer, 500)
