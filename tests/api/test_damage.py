"""One damaged value on the server hides only what it describes, and is never an internal error."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from akastats.api import cache
from akastats.model import error_records, profile, verdicts
from akastats.store import keys
from akastats.triage import acknowledgement_rules
from tests.api.verdict_values import NAMESPACE, changed, unhealthy
from tests.api.verdict_values import verdicts as made
from tests.delivered_runs import deliver_run

TEST, OTHER = "test::a.py::b", "test::a.py::c"
RUN, BASE = "20231114T221320001-000001", "20231114T221320000-000001"
DEEP = b"[" * 100_000 + b"]" * 100_000
#: 200 MiB of spaces, compressed to 200 KB.
BOMB = zlib.compress(b"[" + b" " * (200 * 1024 * 1024) + b"]", 9)
LONE = b'"\\ud800"'
NO_VALUES = (b"null", b"[]", b"{}", b"1", b'"x"', b"NaN", b"1e999", b"9" * 400, b"\xff\xfe", LONE, DEEP)
WRONG = (None, True, -1, 1.5, 10**400, "x", "\ud800", [], {}, [[1]], {"a": 1})

PATHS = (
    *("runs", f"runs/{RUN}", f"runs/{RUN}/tests", f"runs/{RUN}/tests?sort=seconds", f"runs/{RUN}/profile"),
    *(f"runs/{RUN}/compare/{BASE}", f"runs/{BASE}/compare/{RUN}", f"runs/{RUN}/profile?format=speedscope"),
    *("trends", "facets", "tests", "tests?sort=avg", f"tests/{quote('a.py::b')}", "grid", "errors"),
    *("errors?sort=-count", "errors?since=1", "flaky?state=", "regressions?faster=true", f"verdicts?run={RUN}"),
    *("verdicts", "quarantine"),
)


@pytest.fixture
def store_keys(server, tmp_path, redis_client) -> dict[str, str]:
    """A server with two runs of two tests, their failures and verdicts; the Redis key of each kind of value."""
    began = time.time() - 3600
    for at, run_id in enumerate((BASE, RUN)):
        tests = [("a.py::b", "failed", 0.1), ("a.py::c", "failed", 0.2, "E   KeyError: 'x'\n\na.py:1: KeyError")]
        deliver_run(
            server,
            tmp_path,
            tests,
            run_id=run_id,
            started=began + 100 * at,
            fixtures=[["db", "", "session", 1, 1, 1]],
        )
    content = made(RUN, suite="", tests=(unhealthy("a.py::b"),), changes=(changed(TEST, 2),), failures=())
    redis_client.set(keys.verdicts(NAMESPACE, RUN), verdicts.pack(content))
    prints = sorted(redis_client.zrange(keys.errors(NAMESPACE), 0, -1))
    return {
        "print": prints[0].decode(),
        "row": keys.tests(NAMESPACE),
        "error": keys.error(NAMESPACE, prints[0].decode()),
        "profile": keys.profile(NAMESPACE, RUN),
        "verdicts": keys.verdicts(NAMESPACE, RUN),
    }


@pytest.fixture
def answers(call_api) -> Callable[[], dict[str, Any]]:
    """Return a function that requests each endpoint from a service with empty caches; its responses by path."""

    def all_of(*more: str) -> dict[str, Any]:
        for cached in (cache.tests, cache.failures):
            cached.forget()
        return {path: call_api("GET", f"/api/v1/{path}") for path in (*PATHS, *more)}

    return all_of


def check(answers: Callable[..., dict[str, Any]], *more: str) -> dict[str, Any]:
    """Return the responses; none of them may be an internal error."""
    responses = answers(*more)
    assert {} == {path: answer.text for path, answer in responses.items() if answer.status_code >= 500}
    return {path: answer.json() for path, answer in responses.items() if answer.status_code == 200}


def ids(responses: dict[str, Any], path: str, name: str) -> list[str]:
    """Return the names in a list of a response."""
    return [item[name] for item in responses[path]["items"]]


def changed_at(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return JSON with another value at one path."""
    if not path:
        return new
    copy = json.loads(json.dumps(value))
    parent = copy
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = new
    return copy


def rows_of(stored: bytes) -> list[bytes]:
    """Return the row of a test with each of its fields damaged in each way."""
    row = json.loads(stored)
    return [json.dumps(changed_at(row, (at,), new)).encode() for at in range(len(row)) for new in WRONG]


def test_a_damaged_row_hides_its_test_alone(store_keys, answers, call_api, redis_client):
    """Lists, grid and quarantine contain the other tests."""
    sound = redis_client.hget(store_keys["row"], TEST)
    body = {"until": time.time() + 86_400, "reason": "x"}

    for stored in (*NO_VALUES, *rows_of(sound)):
        redis_client.hset(store_keys["row"], TEST, stored)
        cache.tests.forget()
        listed, grid, put = (
            call_api("GET", "/api/v1/tests?sort=last"),
            call_api("GET", "/api/v1/grid"),
            call_api("PUT", f"/api/v1/quarantine/{quote('a.py::b')}", json=body),
        )

        assert (200, 200) == (listed.status_code, grid.status_code), stored[:200]
        assert put.status_code in (200, 409), stored[:200]
        assert "a.py::c" in [item["nodeid"] for item in listed.json()["items"]]


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        *(("row", stored) for stored in (b"", DEEP)),
        *((kind, stored) for kind in ("profile", "verdicts") for stored in (b"", b"\xff\xfe", BOMB)),
        *((f"packed {kind}", stored) for kind in ("profile", "verdicts") for stored in NO_VALUES),
    ],
    ids=lambda part: str(part[:12]),
)
def test_an_invalid_value_counts_as_absent(store_keys, answers, redis_client, kind, stored):
    """No response is an internal error, and intact values are listed."""
    key = store_keys[kind.rpartition(" ")[2]]
    packed = zlib.compress(stored) if kind.startswith("packed") else stored
    redis_client.hset(key, TEST, packed) if kind == "row" else redis_client.set(key, packed)

    responses = check(answers)

    assert {RUN, BASE} == set(ids(responses, "runs", "id"))
    assert ["a.py::b", "a.py::c"][kind == "row" :] == sorted(ids(responses, "tests", "nodeid"))
    assert ("profile" in kind) == (f"runs/{RUN}/profile" not in responses)
    assert ("verdicts" in kind) == (responses["flaky?state="]["verdicts"] is None)


FIXTURE = {"name": ["db"], "baseid": [""], "scope": ["session"]}
PROFILES: tuple[tuple[tuple[Any, ...], Any], ...] = (
    (("tests",), {}),
    (("tests",), None),
    (("tests", "nodeid"), ["a"]),
    (("tests", "nodeid"), [1, 2]),
    (("tests", "call"), ["x", None]),
    (("tests", "call"), [10**400, 1]),
    (("tests", "call"), [10**308, 1]),
    (("fixtures",), {"setup": [10**308], "teardown": [10**308], "count": [1], **FIXTURE}),
    (("tests", "stats"), [[1], "x"]),
    (("tests", "budget"), [{"max_seconds": "x"}, 1]),
    (("errors",), []),
    (("errors", "fingerprint"), [None, None]),
    (("fixtures",), "x"),
    (("fixtures", "count"), [1.5]),
    (("files",), None),
    (("unfinished",), [1]),
    (("version",), [1]),
)


@pytest.mark.parametrize(("path", "new"), PROFILES, ids=lambda part: str(part)[:30])
def test_an_incomplete_profile_counts_as_absent(store_keys, answers, redis_client, path, new):
    """Its run is listed like one whose profile has expired."""
    content = json.loads(zlib.decompress(redis_client.get(store_keys["profile"])))
    redis_client.set(store_keys["profile"], zlib.compress(json.dumps(changed_at(content, path, new)).encode()))

    responses = check(answers)

    assert (False, []) == (responses[f"runs/{RUN}"]["has_profile"], responses[f"runs/{RUN}"]["slowest"])
    assert f"runs/{RUN}/tests" not in responses
    assert ["a.py::b", "a.py::c"] == sorted(ids(responses, "tests", "nodeid"))


def test_a_later_profile_keeps_its_columns_of_tests(store_keys, answers, redis_client):
    """Columns of a later release are copied if they are plain, else omitted."""
    content = json.loads(zlib.decompress(redis_client.get(store_keys["profile"])))
    content["tests"] |= {"cpu": [1.5, None], "deep": [[[1]], {}], "huge": [10**400, 1]}
    redis_client.set(store_keys["profile"], zlib.compress(json.dumps(content).encode()))

    tests = check(answers)[f"runs/{RUN}/profile"]["tests"]

    assert [1.5, None] == tests["cpu"]
    assert not {"deep", "huge"} & tests.keys()


VERDICTS: tuple[tuple[tuple[Any, ...], Any], ...] = (
    (("run",), None),
    (("suite",), 1),
    (("tests",), None),
    (("tests",), [1]),
    (("tests", 0, "state"), "x"),
    (("tests", 0, "rate"), "x"),
    (("tests", 0, "workers"), [["gw0", 1]]),
    (("tests", 0, "after"), [[1, 1]]),
    (("changes", 0, "change"), {}),
    (("changes", 0, "change", "before"), -0.001),
    (("changes", 0, "change", "after"), 1e308),
    (("changes", 0, "is_new"), 1),
    (("counts",), {"x": 1}),
    (("clusters",), [["a", None]]),
    (("paces",), [["a", "x"]]),
    (("pace",), True),
    (("failures",), [{"nodeid": "a", "label": "x", "rate": None}]),
    (("over_budget",), [{"nodeid": "a"}]),
)


@pytest.mark.parametrize(("path", "new"), VERDICTS, ids=lambda part: str(part)[:30])
def test_incomplete_verdicts_count_as_absent(store_keys, answers, redis_client, path, new):
    """Lists have no verdicts."""
    content = json.loads(zlib.decompress(redis_client.get(store_keys["verdicts"])))
    redis_client.set(store_keys["verdicts"], zlib.compress(json.dumps(changed_at(content, path, new)).encode()))

    responses = check(answers)

    assert (None, None) == (responses["flaky?state="]["verdicts"], responses[f"runs/{RUN}"]["verdicts"])


@pytest.mark.parametrize("field", ["first_seen", "last_seen", "count", "runs", "tests", "frames"])
def test_a_damaged_record_hides_its_failure_alone(store_keys, call_api, redis_client, field):
    """The list contains the others, and the damaged one alone is 404."""
    fitting = b"[]" if field == "frames" else b"1"
    sort = "count" if field == "frames" else field

    for stored in (*NO_VALUES, b"[[1]]"):
        redis_client.hset(store_keys["error"], field, stored)
        cache.failures.forget()
        listed = call_api("GET", f"/api/v1/errors?sort={sort}")
        alone = call_api("GET", f"/api/v1/errors/{store_keys['print']}")

        expected = (200, 200, 2) if stored == fitting else (200, 404, 1)
        assert expected == (listed.status_code, alone.status_code, listed.json()["total"]), stored[:200]


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        ("in_tests", b'["a"]'),
        ("in_tests", b'{"test::a": null}'),
        ("in_runs", b'{"a": 1}'),
        ("in_runs", b'{"a": [1]}'),
        ("in_runs", b'{"a": ["x", 1]}'),
        ("traceback", b"x"),
        ("traceback", BOMB),
    ],
    ids=lambda part: str(part)[:30],
)
def test_a_damaged_part_of_a_record_hides_it_where_it_is_shown(store_keys, call_api, redis_client, field, stored):
    """It is in the list, which does not contain that part."""
    redis_client.hset(store_keys["error"], field, stored)

    assert 404 == call_api("GET", f"/api/v1/errors/{store_keys['print']}").status_code
    assert 200 == call_api("GET", "/api/v1/errors").status_code


def test_lone_surrogates_are_spelled_out(store_keys, call_api, redis_client):
    """JSON cannot contain them, and the test must not be hidden."""
    redis_client.hset(store_keys["error"], "frames", b'["a\\ud800", "\\uD83D\\ude00", "\\\\ud800"]')
    cache.failures.forget()

    frames = call_api("GET", f"/api/v1/errors/{store_keys['print']}").json()["frames"]

    assert ["a\\ud800", "\U0001f600", "\\ud800"] == frames


@pytest.mark.parametrize(
    "new", [{"since": None}, {"since": "x"}, {"since": [1]}, {"mark": "x"}, {"is_slower": "x"}, {"reason": 1}]
)
def test_a_damaged_acknowledgement_counts_as_absent(store_keys, call_api, redis_client, new):
    """The change is reported again, and can be acknowledged again."""
    change = changed(TEST, 2).change
    made = json.loads(
        acknowledgement_rules.pack(acknowledgement_rules.new_acknowledgement(change, "noise", "x", time.time()))
    )
    redis_client.hset(
        keys.acknowledgements(NAMESPACE), acknowledgement_rules.id_of(change), json.dumps(made | new)
    )

    (change_now,) = call_api("GET", "/api/v1/regressions").json()["items"]
    put = call_api(
        "PUT", f"/api/v1/regressions/{acknowledgement_rules.id_of(change)}/mark", json={"mark": "noise"}
    )

    assert (None, 200) == (change_now["mark"], put.status_code)


@pytest.mark.parametrize("kind", ["bytes", "foreign", "without id"])
def test_a_damaged_run_is_none(store_keys, answers, call_api, redis_client, kind):
    """A name that is not UTF-8 is ignored; a run without an id counts as expired."""
    if kind == "bytes":
        redis_client.hset(keys.run(NAMESPACE, RUN), b"\xff", b"\xff")
    else:
        redis_client.delete(keys.run(NAMESPACE, RUN))
        redis_client.hset(keys.run(NAMESPACE, RUN), "nope" if kind == "foreign" else "status", b"x")

    responses = check(answers)

    assert ([RUN] if kind == "bytes" else []) + [BASE] == ids(responses, "runs", "id")
    assert (200 if kind == "bytes" else 404) == call_api("GET", f"/api/v1/runs/{RUN}").status_code


@pytest.mark.parametrize("key", [keys.runs, keys.tests_at, keys.errors_at], ids=lambda key: key.__name__)
def test_a_member_that_is_no_utf8_names_nothing(store_keys, answers, redis_client, key):
    """Two such members are skipped, and later ones are listed."""
    redis_client.zadd(key(NAMESPACE), {b"\xff": time.time() + 10, b"\xfe": time.time() + 20})

    responses = check(answers)

    assert {RUN, BASE} == set(ids(responses, "runs", "id"))
    assert 2 == len(responses["tests"]["items"]) == len(responses["errors"]["items"])


def test_values_of_this_release_can_be_read(store_keys, redis_client):
    """The checks accept every value that this release stores."""
    stored = redis_client.hgetall(store_keys["error"])

    assert error_records.unpack({name.decode(): value for name, value in stored.items()}) is not None
    assert ["a.py::b", "a.py::c"] == profile.decode(redis_client.get(store_keys["profile"])).tests.nodeid
