"""Another writer's values under any key: no endpoint and no command ends with a traceback."""

from __future__ import annotations

import json
import re
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis
from typer.testing import CliRunner

from akastats import push_stat
from akastats.api import cache
from akastats.app import app
from akastats.cli.app import app as commands
from akastats.config import Config, config
from akastats.errors import AkastatsError
from akastats.model import verdicts
from akastats.store.keys import verdicts as verdicts_key
from tests.api.conftest import call
from tests.api.verdict_values import changed, unhealthy
from tests.api.verdict_values import verdicts as made
from tests.delivered_runs import deliver_run

NODEID, RUN, BASE = "a.py::b", "20231114T221320001-000001", "20231114T221320000-000001"
NAMESPACE = "AKA-STATS"

NUMBERS = (b"inf", b"-inf", b"nan", b"1e400", b"9" * 400, b"text", b"", b"\xff\xfe\x00", b"[" * 50_000)
#: Entries of a history, where akastats writes time, value and context.
ENTRIES = tuple(
    b";".join(parts)
    for parts in (
        *((time_, b"1.0", b"") for time_ in NUMBERS),
        *((b"1700000000.0", value, b"") for value in NUMBERS),
        *((b"1700000000.0", b"1.0", context) for context in (b"\xff", b"x" * 100_000, b";;;")),
        (b"",),
        (b"1e18", b"1.0", b""),
        (b"-1e18", b"1e308", b""),
    )
)

Damage = Callable[[Redis, bytes], None]


def as_string(value: bytes) -> Damage:
    return lambda client, name: client.set(name, value)


def as_hash(name: bytes, value: bytes) -> Damage:
    return lambda client, key: client.hset(key, name, value)


def as_list(client: Redis, name: bytes) -> None:
    client.rpush(name, *ENTRIES)


def as_long_list(client: Redis, name: bytes) -> None:
    client.rpush(name, *[b"1700000000.0;1.0;" + b"x" * 50] * 20_000)


def as_sorted_set(client: Redis, name: bytes) -> None:
    scores = (float("inf"), float("-inf"), 1e300, -1e300, 0.0, 1.7e9)
    members: dict[Any, float] = {f"member {score}": score for score in scores}
    client.zadd(name, members | {b"\xff\xfe": 1.0, b"": 2.0, b"x" * 10_000: 3.0, RUN: float("inf"), BASE: 1e300})


def as_set(client: Redis, name: bytes) -> None:
    client.sadd(name, b"a", b"\xff")


def as_stream(client: Redis, name: bytes) -> None:
    client.xadd(name, {"a": "b"})


#: Replacements for one of our keys.
WHOLE: dict[str, Damage] = {
    **{f"string {value[:8]!r}": as_string(value) for value in NUMBERS},
    "compressed": as_string(zlib.compress(b'{"version": 1e999}')),
    "JSON": as_string(json.dumps({"version": 1, "tests": {"nodeid": [1]}}).encode()),
    "hash": as_hash(b"\xff", b"\xff"),
    "list": as_list,
    "long list": as_long_list,
    "sorted set": as_sorted_set,
    "set": as_set,
    "stream": as_stream,
}


def kind_of(name: bytes) -> str:
    """What a key is, without the name of what it is of."""
    parts = name.decode().split("::")
    return "::".join(parts[1:3] if parts[1] == "RUNS" else parts[1:2])


@pytest.fixture
def filled(server: str, redis_client: Redis, tmp_path: Path) -> Iterator[dict[str, bytes]]:
    """A server that holds a key of each kind: one of them by its kind."""
    began = time.time() - 3600
    for at, run_id in enumerate((BASE, RUN)):
        tests = [(NODEID, "failed", 0.1), ("a.py::c", "failed", 0.2, "E   KeyError: 'x'\n\na.py:1: KeyError")]
        fixtures = [["db", "", "session", 1, 1, 1]]
        told = {"branch": "main", "commit": f"c{at}", "suite": ""}
        deliver_run(server, tmp_path, tests, run_id=run_id, started=began + 100 * at, fixtures=fixtures, **told)
    push_stat("own", 1, b"context")
    told = made(RUN, suite="", tests=(unhealthy(NODEID),), changes=(changed(f"test::{NODEID}", 2),), failures=())
    redis_client.set(verdicts_key(NAMESPACE, RUN), verdicts.pack(told))
    entry = json.dumps({"until": time.time() + 86400, "reason": "x", "since": time.time()})
    redis_client.hset(f"{NAMESPACE}::QUARANTINE", f"test::{NODEID}", entry)
    redis_client.hset(f"{NAMESPACE}::MARKS", "x", "{}")
    redis_client.zadd(f"{NAMESPACE}::UNLISTED", {RUN: began})
    found: dict[str, bytes] = {}
    for name in sorted(redis_client.scan_iter("*", count=1000)):
        is_preferred = name.endswith((b"b", RUN.encode()))
        if kind_of(name) not in found or is_preferred:
            found[kind_of(name)] = name
    yield found
    config.use(Config(redis_url=server))


def paths() -> list[tuple[str, str]]:
    """Every operation of the API that ends, with names that exist; those that change something with a body."""
    print_ = "0" * 32
    values = {"label": f"test::{NODEID}", "id": RUN, "base": BASE, "nodeid": NODEID, "fingerprint": print_}
    found = []
    for path, operations in app.openapi()["paths"].items():
        if not path.endswith("/events"):
            filled_in = re.sub(r"\{(\w+)\}", lambda name: quote(values[name[1]], safe=""), path)
            found += [(method.upper(), filled_in) for method in operations]
    return found


BODIES: dict[str, Any] = {
    "/api/v1/stats": [f"test::{NODEID}", "own"],
    "/api/v1/stat-contexts": ["0" * 32],
}


def call_all(url: str) -> dict[str, str]:
    """What went wrong, by the operation or the command it went wrong in."""
    wrong = {}
    for kept in (cache.tests, cache.failures):
        kept.forget()
    for method, path in paths():
        options = {} if method == "GET" else {"json": BODIES.get(path, {"mark": "noise", "reason": "x"})}
        answer = call(app, method, path, **options)
        if answer.status_code >= 500 and answer.status_code != 503:
            wrong[f"{method} {path}"] = answer.text
    for line in COMMANDS:
        wrong |= failures_of(line, url)
    return wrong


COMMANDS = (
    *(["runs"], ["runs", "--json"], ["show", RUN], ["show", NODEID], ["show", NODEID, "--json"], ["slowest"]),
    *(["report", RUN], ["report", RUN, "--html", "-"], ["doctor"], ["doctor", "--reindex"]),
    *(["export"], ["quarantine"], ["quarantine", NODEID, "--until", "2026-12-20", "--reason", "x", "--force"]),
)


def failures_of(line: list[str], url: str) -> dict[str, str]:
    """What a command raises that is none of our errors."""
    result = CliRunner().invoke(commands, [*line, "--url", url])
    config.use(Config(redis_url=url))
    error = result.exception
    if error is None or isinstance(error, (SystemExit, AkastatsError)):
        return {}
    return {" ".join(line): "".join(traceback.format_exception(error)[-3:])}


#: Kinds of keys that hold the contents, and not where they are.
CONTENTS = (
    *("HISTORY", "CONTEXTS", "AVG", "COUNT", "LAST_TIME", "MAX", "TOTAL_SQ", "PROFILE", "VERDICTS", "ERROR"),
    *("TESTS", "QUARANTINE", "MARKS", "CURSOR"),
)
LISTS = (
    "INDEX",
    "SEEN",
    "RUN",
    "RUNS",
    "RUNS::branch",
    "RUNS::status",
    "UNLISTED",
    "TESTS_AT",
    "ERRORS",
    "ERRORS_AT",
)


@contextmanager
def replaced(client: Redis, names: Iterable[bytes], damage: Damage) -> Iterator[None]:
    """Have something else under some keys while the block runs."""
    kept = [(name, client.dump(name), max(client.pttl(name), 0)) for name in names]
    for name, _, _ in kept:
        client.delete(name)
        damage(client, name)
    yield
    for name, before, ttl in kept:
        client.delete(name)
        client.restore(name, ttl, before)


@pytest.mark.parametrize("damage", ["string b'inf'", "JSON", "hash", "list", "sorted set", "set"])
def test_contents_of_another_kind_are_no_traceback(filled, redis_client, server, damage):
    """All that holds contents is something else at once: everything answers."""
    names = [filled[kind] for kind in CONTENTS if kind in filled]
    with replaced(redis_client, names, WHOLE[damage]):
        assert call_all(server) == {}


@pytest.mark.parametrize("value", [b"inf", b"nan", b"9" * 400, b"\xff\xfe\x00"])
def test_fields_that_hold_something_else_are_no_traceback(filled, redis_client, server, value):
    """Every field of a run, of a failure and of each table: everything answers."""
    for kind in ("RUN", "ERROR", "TESTS", "QUARANTINE", "MARKS"):
        fields = [name for name in redis_client.hkeys(filled[kind]) if name != b"id"]
        redis_client.hset(filled[kind], mapping=dict.fromkeys(fields, value))

    assert call_all(server) == {}


def test_scores_that_are_no_times_are_no_traceback(filled, redis_client, server):
    """Every index by time contains foreign members and scores besides ours."""
    for kind in LISTS:
        if redis_client.type(filled.get(kind, b"")) == b"zset":
            as_sorted_set(redis_client, filled[kind])

    assert call_all(server) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("damage", WHOLE)
def test_a_key_of_another_kind_is_no_traceback(filled, redis_client, server, damage):
    """Each kind of key by itself, replaced by something else: everything answers."""
    wrong = {}
    for kind, name in filled.items():
        with replaced(redis_client, [name], WHOLE[damage]):
            wrong |= {f"{kind}: {where}": what for where, what in call_all(server).items()}

    assert wrong == {}
