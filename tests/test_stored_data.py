"""Data that release 0.1.0 wrote: three runs as a server held them, and the undelivered spool of a fourth.

The suite of seven tests was recorded with `--akastats-suite=py311`. `store.jsonl.gz` has one key per line: name,
type, value; bytes that are not UTF-8 are in base64.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats.app import app
from tests.api.conftest import call
from tests.delivered_runs import deliver

DATA = Path(__file__).parent / "stored_data"
RUNS = ["20261201T015153545-cff3f2", "20261201T015152095-917fcb", "20261201T015150543-15b849"]
UNDELIVERED = "20261201T015154976-fa8307"
FAILING = "tests/test_shop.py::test_fails_in_later_runs"

Read = Callable[..., Any]


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode()


def restore(client: Redis) -> None:
    """Write each key of the stored data."""
    writers: dict[str, Callable[[bytes, Any], Any]] = {
        "string": lambda key, value: client.set(key, _bytes(value)),
        "list": lambda key, values: client.rpush(key, *map(_bytes, values)),
        "hash": lambda key, pairs: client.hset(key, mapping={_bytes(f): _bytes(v) for f, v in pairs}),
        "zset": lambda key, pairs: client.zadd(key, {_bytes(member): score for member, score in pairs}),
        "set": lambda key, members: client.sadd(key, *map(_bytes, members)),
    }
    with gzip.open(DATA / "store.jsonl.gz", "rt") as lines:
        for line in lines:
            key, kind, value = json.loads(line)
            writers[kind](_bytes(key), value)


@pytest.fixture
def read(server: str, redis_client: Redis) -> Read:
    """Restore the data; return what reads a path of the API."""
    restore(redis_client)

    def get(path: str, **parameters: Any) -> Any:
        response = call(app, "GET", f"/api/v1/{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    return get


def test_runs_are_listed(read: Read) -> None:
    """Each run has its status and counts."""
    runs = read("runs")["items"]

    assert [run["id"] for run in runs] == RUNS
    assert {(run["status"], run["suite"], run["tests"]) for run in runs} == {("failed", "py311", 7)}
    assert [run["failed"] for run in runs] == [1, 0, 0]


def test_a_run_is_read_with_its_failures(read: Read) -> None:
    """Profile, error records, contexts and verdicts of one run belong together."""
    run = read(f"runs/{RUNS[0]}")

    failures = {failure["exception"]: failure["tests"] for failure in run["failures"]}
    assert failures == {
        "AssertionError": [FAILING],
        "ZeroDivisionError": ["tests/test_shop.py::test_teardown_fails"],
    }
    assert run["slowest"][0]["name"] == "tests/test_shop.py::test_passes"
    assert read(f"runs/{RUNS[0]}/tests")["total"] == 7


def test_the_history_of_a_test_is_read(read: Read) -> None:
    """The points are those of the three runs, newest first."""
    history = read(f"tests/{FAILING}/history", suite="py311")["items"]

    assert [attempt["run"] for attempt in history] == RUNS
    assert [attempt["outcome"] for attempt in history] == ["failed", "passed", "passed"]


def test_a_label_that_tests_pushed_is_read(read: Read) -> None:
    """Two tests pushed the number of letters in each of three runs."""
    assert "letters" in read("labels", q="letters")["items"]
    assert read("stats/letters")["count"] == 6


def test_verdicts_are_read(read: Read) -> None:
    """Verdicts of release 0.1.0 lack fields of later releases."""
    verdicts = read("verdicts", run=RUNS[0])

    assert verdicts["run"] == RUNS[0]


def test_an_undelivered_spool_is_delivered(read: Read, server: str, tmp_path: Path) -> None:
    """It becomes the fourth run, and the histories grow by one point."""
    (spool,) = DATA.glob("*.aks")
    copy = Path(shutil.copy(spool, tmp_path))
    copy.chmod(0o600)

    deliver(copy, server)

    assert [run["id"] for run in read("runs")["items"]] == [UNDELIVERED, *RUNS]
    history = read(f"tests/{FAILING}/history", suite="py311")["items"]
    assert [attempt["outcome"] for attempt in history] == ["failed", "failed", "passed", "passed"]
