"""One damaged value on the server: what it is of is not shown, all else is, and nothing is an error of ours."""

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
from tests.api.judged import NAMESPACE, changed, judged
from tests.api.judged import verdicts as made
from tests.telling import tell

TEST, OTHER = "test::a.py::b", "test::a.py::c"
RUN, BASE = "20231114T221320001-000001", "20231114T221320000-000001"
DEEP = b"[" * 100_000 + b"]" * 100_000
#: 200 MiB of blanks in 200 KB.
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
def known(server, tmp_path, redis_client) -> dict[str, str]:
    """A server with two runs of two tests, what they failed with, and verdicts: the name of each kind of key."""
    began = time.time() - 3600
    for at, run_id in enumerate((BASE, RUN)):
        tests = [("a.py::b", "failed", 0.1), ("a.py::c", "failed", 0.2, "E   KeyError: 'x'\n\na.py:1: KeyError")]
        tell(
            server,
            tmp_path,
            tests,
            run_id=run_id,
            started=began + 100 * at,
            fixtures=[["db", "", "session", 1, 1, 1]],
        )
    told = made(RUN, suite="", tests=(judged("a.py::b"),), changes=(changed(TEST, 2),), failures=())
    redis_client.set(keys.verdicts(NAMESPACE, RUN), verdicts.pack(told))
    prints = sorted(redis_client.zrange(keys.errors(NAMESPACE), 0, -1))
    return {
        "print": prints[0].decode(),
        "row": keys.tests(NAMESPACE),
        "error": keys.error(NAMESPACE, prints[0].decode()),
        "profile": keys.profile(NAMESPACE, RUN),
        "verdicts": keys.verdicts(NAMESPACE, RUN),
    }


@pytest.fixture
def answers(ask) -> Callable[[], dict[str, Any]]:
    """Asks each endpoint, as a service that has just begun; what it answers by its path."""

    def all_of(*more: str) -> dict[str, Any]:
        for kept in (cache.tests, cache.failures):
            kept.forget()
        return {path: ask("GET", f"/api/v1/{path}") for path in (*PATHS, *more)}

    return all_of


def check(answers: Callable[..., dict[str, Any]], *more: str) -> dict[str, Any]:
    """Return what is answered, of which nothing may be an error of ours."""
    found = answers(*more)
    assert {} == {path: answer.text for path, answer in found.items() if answer.status_code >= 500}
    return {path: answer.json() for path, answer in found.items() if answer.status_code == 200}


def ids(found: dict[str, Any], path: str, name: str) -> list[str]:
    """Return the names in a list that was answered."""
    return [item[name] for item in found[path]["items"]]


def changed_at(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return JSON with something else at one place."""
    if not path:
        return new
    copy = json.loads(json.dumps(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new
    return copy


def rows_of(stored: bytes) -> list[bytes]:
    """Return a test's row, damaged at each of its fields in each way."""
    row = json.loads(stored)
    return [json.dumps(changed_at(row, (at,), new)).encode() for at in range(len(row)) for new in WRONG]


def test_a_damaged_row_hides_its_test_alone(known, answers, ask, redis_client):
    """Whatever it is: the lists, the grid and the quarantine know the others."""
    sound = redis_client.hget(known["row"], TEST)
    body = {"until": time.time() + 86_400, "reason": "x"}

    for stored in (*NO_VALUES, *rows_of(sound)):
        redis_client.hset(known["row"], TEST, stored)
        cache.tests.forget()
        listed, grid, put = (
            ask("GET", "/api/v1/tests?sort=last"),
            ask("GET", "/api/v1/grid"),
            ask("PUT", f"/api/v1/quarantine/{quote('a.py::b')}", json=body),
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
def test_what_is_no_value_is_as_good_as_absent(known, answers, redis_client, kind, stored):
    """Nothing answers an error of ours, and the healthy ones are listed."""
    key = known[kind.rpartition(" ")[2]]
    packed = zlib.compress(stored) if kind.startswith("packed") else stored
    redis_client.hset(key, TEST, packed) if kind == "row" else redis_client.set(key, packed)

    found = check(answers)

    assert {RUN, BASE} == set(ids(found, "runs", "id"))
    assert ["a.py::b", "a.py::c"][kind == "row" :] == sorted(ids(found, "tests", "nodeid"))
    assert ("profile" in kind) == (f"runs/{RUN}/profile" not in found)
    assert ("verdicts" in kind) == (found["flaky?state="]["verdicts"] is None)


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
def test_a_profile_that_lacks_something_is_as_good_as_absent(known, answers, redis_client, path, new):
    """Its run is listed, and shown as one whose profile has expired."""
    content = json.loads(zlib.decompress(redis_client.get(known["profile"])))
    redis_client.set(known["profile"], zlib.compress(json.dumps(changed_at(content, path, new)).encode()))

    found = check(answers)

    assert (False, []) == (found[f"runs/{RUN}"]["has_profile"], found[f"runs/{RUN}"]["slowest"])
    assert f"runs/{RUN}/tests" not in found
    assert ["a.py::b", "a.py::c"] == sorted(ids(found, "tests", "nodeid"))


def test_a_later_profile_keeps_what_it_tells_of_tests(known, answers, redis_client):
    """Columns that this release does not know stay where they are plain, and are left out where they are not."""
    content = json.loads(zlib.decompress(redis_client.get(known["profile"])))
    content["tests"] |= {"cpu": [1.5, None], "deep": [[[1]], {}], "huge": [10**400, 1]}
    redis_client.set(known["profile"], zlib.compress(json.dumps(content).encode()))

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
def test_verdicts_that_lack_something_are_as_good_as_absent(known, answers, redis_client, path, new):
    """Lists say that nothing was judged."""
    content = json.loads(zlib.decompress(redis_client.get(known["verdicts"])))
    redis_client.set(known["verdicts"], zlib.compress(json.dumps(changed_at(content, path, new)).encode()))

    found = check(answers)

    assert (None, None) == (found["flaky?state="]["verdicts"], found[f"runs/{RUN}"]["verdicts"])


@pytest.mark.parametrize("field", ["first_seen", "last_seen", "count", "runs", "tests", "frames"])
def test_a_damaged_record_hides_its_failure_alone(known, ask, redis_client, field):
    """The list has the others, and whoever asks for it alone hears that there is none."""
    fitting = b"[]" if field == "frames" else b"1"
    sort = "count" if field == "frames" else field

    for stored in (*NO_VALUES, b"[[1]]"):
        redis_client.hset(known["error"], field, stored)
        cache.failures.forget()
        listed = ask("GET", f"/api/v1/errors?sort={sort}")
        alone = ask("GET", f"/api/v1/errors/{known['print']}")

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
def test_a_damaged_part_of_a_record_hides_it_where_it_is_shown(known, ask, redis_client, field, stored):
    """It is listed, since no list tells of that part."""
    redis_client.hset(known["error"], field, stored)

    assert 404 == ask("GET", f"/api/v1/errors/{known['print']}").status_code
    assert 200 == ask("GET", "/api/v1/errors").status_code


def test_lone_surrogates_are_spelled_out(known, ask, redis_client):
    """No answer could carry them, and a test is not to be hidden for its name."""
    redis_client.hset(known["error"], "frames", b'["a\\ud800", "\\uD83D\\ude00", "\\\\ud800"]')
    cache.failures.forget()

    frames = ask("GET", f"/api/v1/errors/{known['print']}").json()["frames"]

    assert ["a\\ud800", "\U0001f600", "\\ud800"] == frames


@pytest.mark.parametrize(
    "new", [{"since": None}, {"since": "x"}, {"since": [1]}, {"mark": "x"}, {"is_slower": "x"}, {"reason": 1}]
)
def test_a_damaged_mark_is_none(known, ask, redis_client, new):
    """The change it was about is news again; marks can be made and taken back."""
    change = changed(TEST, 2).change
    made = json.loads(
        acknowledgement_rules.pack(acknowledgement_rules.new_acknowledgement(change, "noise", "x", time.time()))
    )
    redis_client.hset(
        keys.acknowledgements(NAMESPACE), acknowledgement_rules.id_of(change), json.dumps(made | new)
    )

    (found,) = ask("GET", "/api/v1/regressions").json()["items"]
    put = ask("PUT", f"/api/v1/regressions/{acknowledgement_rules.id_of(change)}/mark", json={"mark": "noise"})

    assert (None, 200) == (found["mark"], put.status_code)


@pytest.mark.parametrize("kind", ["bytes", "foreign", "without id"])
def test_a_damaged_run_is_none(known, answers, ask, redis_client, kind):
    """A name that is no UTF-8 changes nothing; one without an id is as good as expired."""
    if kind == "bytes":
        redis_client.hset(keys.run(NAMESPACE, RUN), b"\xff", b"\xff")
    else:
        redis_client.delete(keys.run(NAMESPACE, RUN))
        redis_client.hset(keys.run(NAMESPACE, RUN), "nope" if kind == "foreign" else "status", b"x")

    found = check(answers)

    assert ([RUN] if kind == "bytes" else []) + [BASE] == ids(found, "runs", "id")
    assert (200 if kind == "bytes" else 404) == ask("GET", f"/api/v1/runs/{RUN}").status_code


@pytest.mark.parametrize("key", [keys.runs, keys.tests_at, keys.errors_at], ids=lambda key: key.__name__)
def test_a_member_that_is_no_utf8_names_nothing(known, answers, redis_client, key):
    """Two of them are two: each is passed over, and what lies behind them is listed."""
    redis_client.zadd(key(NAMESPACE), {b"\xff": time.time() + 10, b"\xfe": time.time() + 20})

    found = check(answers)

    assert {RUN, BASE} == set(ids(found, "runs", "id"))
    assert 2 == len(found["tests"]["items"]) == len(found["errors"]["items"])


def test_what_our_release_stores_it_reads(known, redis_client):
    """The checks refuse nothing of ours."""
    stored = redis_client.hgetall(known["error"])

    assert error_records.unpack({name.decode(): value for name, value in stored.items()}) is not None
    assert ["a.py::b", "a.py::c"] == profile.decode(redis_client.get(known["profile"])).tests.nodeid
