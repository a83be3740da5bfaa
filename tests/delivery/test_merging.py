"""Histories of several servers made one: each run once, in any order, however often."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.indexing import refresh
from akastats.delivery.merging import merge
from akastats.store import runs
from akastats.store.requests import Operation
from conftest import executor, running_server
from tests import delivered_runs

TESTS = [("a.py::passes", "passed", 0.5), ("a.py::fails", "failed", 0.25), ("a.py::passes[1]", "passed", 0.125)]


@pytest.fixture(scope="module")
def other_url() -> Iterator[str]:
    """A second server."""
    with running_server() as url:
        yield url


@pytest.fixture
def other(other_url: str) -> Iterator[Redis]:
    """A client of the second server, which is empty."""
    with Redis.from_url(other_url) as client:
        client.flushall()
        yield client


def run_number(url: str, directory: Path, number: int, **told: Any) -> str:
    """Record a run of a number; what it measured is its own."""
    tests = [(nodeid, outcome, seconds + number / 64) for nodeid, outcome, seconds in TESTS]
    started = delivered_runs.STARTED + 100 * number
    return delivered_runs.deliver_run(url, directory, tests, run_id=f"run-{number:03d}", started=started, **told)


def stored(client: Redis) -> dict[bytes, Any]:
    """Return what a server holds of labels, contexts, runs and lists, without what its clock adds."""
    found: dict[bytes, Any] = {}
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        part = key.split(b"::")[1]
        if part in (b"SEEN", b"CURSOR", b"UNLISTED", b"TESTS_AT", b"ERRORS_AT", b"VERDICTS"):
            continue
        if kind == b"string":
            found[key] = client.get(key)
        elif kind == b"list":
            found[key] = client.lrange(key, 0, -1)
        elif kind == b"hash":
            fields = client.hgetall(key)
            found[key] = {name: text for name, text in fields.items() if name not in (b"revision", b"producer")}  # type: ignore[union-attr]  # not awaitable here
        else:
            found[key] = client.zrange(key, 0, -1, withscores=True)
    return found


def close(first: Any, second: Any) -> bool:
    """Compare stored values; floats by their value, since the order of additions shows in their last digit."""
    try:
        return float(first) == pytest.approx(float(second), rel=1e-9)
    except (TypeError, ValueError):
        return bool(first == second)


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "a"], 3))[:4], ids=str)
def test_two_histories_become_what_one_server_would_have(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis, order: tuple[str, ...]
) -> None:
    """Both began with runs 1 and 2; each has runs of its own, and their times interleave."""
    kinds = {"a": (1, 2, 3, 5), "b": (1, 2, 4, 6)}
    config = Config(redis_url=server)
    execute, source = executor(server), executor(other_url)
    for kind in order:
        other.flushall()
        for number in kinds[kind]:
            run_number(other_url, tmp_path, number)
        merged = merge(config, source, execute)
        execute(refresh(config, merged.run_ids))
        again = merge(config, source, execute)
        assert (again.run_ids, again.points, len(again.present_ids)) == ((), 0, 4)
    other.flushall()
    for number in range(1, 7):
        run_number(other_url, tmp_path, number)

    here, expected = stored(redis_client), stored(other)

    assert here.keys() == expected.keys()
    assert [key for key in expected if not close(here[key], expected[key])] == []
    assert redis_client.get("AKA-STATS::COUNT::test::a.py::passes") == b"6"


def test_overlapping_runs_are_told_apart(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis
) -> None:
    """Tracebacks name no run: of two runs at one time those of the missing one are added."""
    config = Config(redis_url=server)
    for url in (server, other_url):
        run_number(url, tmp_path, 1)
    delivered_runs.deliver_run(
        other_url, tmp_path, TESTS, run_id="run-002", started=delivered_runs.STARTED + 100.5
    )

    merge(config, executor(other_url), executor(server))

    assert redis_client.get("AKA-STATS::COUNT::errors__all") == b"2"
    assert redis_client.lrange("AKA-STATS::HISTORY::errors__all", 0, -1) == other.lrange(
        "AKA-STATS::HISTORY::errors__all", 0, -1
    )


def test_a_spool_of_a_merged_run_adds_nothing(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis
) -> None:
    """Its cursor comes along; of a run of an earlier release, which names no producer, the run itself is known."""
    config = Config(redis_url=server)
    execute = executor(server)
    paths = [
        delivered_runs.spool(tmp_path / "spools", TESTS, run_id="run-1", producer="ab" * 16),
        delivered_runs.spool(tmp_path / "spools", TESTS, run_id="run-2", started=delivered_runs.STARTED + 200),
    ]
    for path in paths:
        delivered_runs.deliver(path, other_url)

    merge(config, executor(other_url), execute)
    outcomes = [drain_one(path, config, execute) for path in paths]

    assert [outcome.left for outcome in outcomes if outcome.complete] == ["", ""]
    assert redis_client.get("AKA-STATS::COUNT::test::a.py::passes") == b"2"


def test_of_a_run_that_is_known_in_part_the_rest_is_added(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis
) -> None:
    """A crashed run was delivered up to some test here, and to its end there."""
    config = Config(redis_url=server)
    delivered_runs.deliver_run(server, tmp_path, TESTS[:1], ended=False, producer="ab" * 16)
    delivered_runs.deliver_run(other_url, tmp_path, TESTS, producer="ab" * 16)

    merged = merge(config, executor(other_url), executor(server))

    assert merged.run_ids == ("20231114T221320000-000001",)
    assert redis_client.get("AKA-STATS::COUNT::test::a.py::passes") == b"1"
    assert redis_client.get("AKA-STATS::COUNT::test::a.py::fails") == b"1"
    assert executor(server)(runs.read_run("AKA-STATS", merged.run_ids[0]))["status"] == "failed"


def test_a_run_in_progress_waits_for_a_later_copy(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis
) -> None:
    """Nobody would ever tell its end here."""
    run_number(other_url, tmp_path, 1)
    other.hset("AKA-STATS::RUN::run-001", "status", "running")

    merged = merge(Config(redis_url=server), executor(other_url), executor(server))

    assert (merged.run_ids, merged.running) == ((), 1)
    assert not redis_client.keys("AKA-STATS::*")


def test_two_merges_at_once_add_each_point_once(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis
) -> None:
    """One that finds another's step in between looks again at what is missing."""
    config = Config(redis_url=server)
    run_number(other_url, tmp_path, 1)
    execute, source = executor(server), executor(other_url)
    is_first = True

    def interrupted(operation: Operation[Any]) -> Any:
        nonlocal is_first
        result = execute(operation)
        if is_first and result == "0":
            # The cursor has just been read.
            is_first = False
            merge(config, source, execute)
        return result

    merge(config, source, interrupted)

    assert not is_first
    assert redis_client.get("AKA-STATS::COUNT::test::a.py::passes") == b"1"
    assert redis_client.llen("AKA-STATS::HISTORY::errors__all") == 1


def test_points_that_a_full_history_does_not_keep_are_counted_once(
    tmp_path: Path,
    server: str,
    redis_client: Redis,
    other_url: str,
    other: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are missing there after each batch of the same labels."""
    monkeypatch.setattr("akastats.delivery.merging.BATCH_POINTS", 2)
    config = Config(redis_url=server, history_size=2)
    execute, source = executor(server), executor(other_url)
    for number in (1, 2):
        run_number(other_url, tmp_path / "other", number)
    for number in (3, 4):
        run_number(server, tmp_path / "own", number)

    merge(config, source, execute)

    assert redis_client.get("AKA-STATS::COUNT::test::a.py::passes") == b"4"


def test_records_of_another_writer_are_no_runs(
    tmp_path: Path, server: str, redis_client: Redis, other_url: str, other: Redis
) -> None:
    """Without a status or a time, or with a count that is no number, nothing ends the merge."""
    run_number(other_url, tmp_path, 1)
    for number in (2, 3):
        run_number(other_url, tmp_path, number)
        run_number(server, tmp_path, number)
    other.hset("AKA-STATS::RUN::run-002", mapping={"status": "crashed", "tests": "many"})
    redis_client.hset("AKA-STATS::RUN::run-002", mapping={"status": "crashed", "tests": "few"})
    other.hset("AKA-STATS::RUN::run-003", "started", "nan")
    other.hset("AKA-STATS::RUN::run-004", "id", "run-004")
    other.zadd("AKA-STATS::RUNS", {"run-004": 1.0})

    merged = merge(Config(redis_url=server), executor(other_url), executor(server))

    assert merged.run_ids == ("run-001",)
