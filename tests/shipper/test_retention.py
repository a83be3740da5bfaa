"""Retention by the server's clock: a client with a wrong clock neither removes nor hides a run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats import redis
from akastats.config import Config
from akastats.delivery import draining
from akastats.delivery.draining import drain_one
from akastats.delivery.spool_delivery import Delivery, is_misdated
from akastats.store import indexes, keys, query, runs
from akastats.store.push import Batch, apply_batch
from akastats.store.requests import Operation
from akastats.store.server import read_time
from conftest import Execute
from tests.delivered_runs import deliver_run, spool

NAMESPACE = "AKA-STATS"
IN_2012, IN_2036, IN_2090 = 1_336_262_400.0, 2_093_644_800.0, 3_797_798_400.0
FAILED = [("a.py::b", "failed", 0.5)]
OTHER = "E   KeyError: 'a'"

Deliver = Callable[..., str]


@pytest.fixture
def deliver(server: str, tmp_path: Path, execute: Execute) -> Deliver:
    """Return a function that delivers a run, and then removes expired runs as a shipper does."""

    def deliver(started: float, tests: list[Any] = FAILED, **fields: Any) -> str:
        run_id = time.strftime("%Y%m%dT%H%M%S000-", time.gmtime(min(started, 4e9))) + f"{len(delivered):06d}"
        delivered.append(deliver_run(server, tmp_path, tests, started=started, run_id=run_id, **fields))
        execute(runs.prune_profiles(Config()))
        execute(runs.prune(Config(), run_id))
        return run_id

    delivered: list[str] = []
    return deliver


def members(client: Redis, *key: str) -> set[str]:
    """Return the runs of a set."""
    return {name.decode() for name in client.zrange(keys.runs(NAMESPACE, *key), 0, -1)}


@pytest.mark.parametrize("moved", [IN_2012, IN_2036, IN_2090, 1e300], ids=["2012", "2036", "2090", "1e300"])
def test_a_wrong_clock_removes_and_hides_no_run(redis_client: Redis, deliver: Deliver, moved: float) -> None:
    """Runs before and after it stay in every set, with profiles and failures."""
    now = time.time()
    fields = {"branch": "main", "suite": "unit", "commit": "abc"}
    delivered = [deliver(now - 3600 + at, **fields) for at in range(3)]
    delivered.append(deliver(moved, [("a.py::b", "failed", 0.5, OTHER)], **fields))
    delivered += [deliver(now - 60 + at, **fields) for at in range(2)]

    by = [(), ("branch", "main"), ("suite", "unit"), ("commit", "abc"), ("status", "failed")]
    assert [set(delivered)] * len(by) == [members(redis_client, *key) for key in by]
    assert 6 == redis_client.exists(*(keys.profile(NAMESPACE, run_id) for run_id in delivered))
    assert 2 == redis_client.zcard(keys.errors(NAMESPACE)) == len(redis_client.keys(f"{NAMESPACE}::ERROR::*"))


def test_a_run_from_the_future_begins_when_it_is_reported(
    redis_client: Redis, execute: Execute, deliver: Deliver
) -> None:
    """Record, position in lists and end agree, and the end does not move the start."""
    before, run_id = time.time(), deliver(IN_2036)

    stored = execute(runs.read_run(NAMESPACE, run_id))
    score = redis_client.zscore(keys.runs(NAMESPACE), run_id)
    assert before - 1 <= score == float(stored["started"]) <= float(stored["finished"]) <= time.time() + 1
    assert 60 == pytest.approx(float(stored["duration"]))


def test_a_run_is_dated_by_its_first_report(
    redis_client: Redis, execute: Execute, server: str, tmp_path: Path
) -> None:
    """Later reports from a clock that is still ahead do not move it."""
    fields = {"id": "run-1", "started": IN_2036, "suite": ""}
    config = Config()
    began = redis_client.time()[0] - 1000.0
    redis_client.hset(keys.run(NAMESPACE, "run-1"), mapping={"id": "run-1", "started": began, "status": "running"})

    change = runs.build_end(fields | {"status": "passed", "finished": IN_2036 + 5}, config, b"profile")
    execute(apply_batch(Batch(run=change), config))

    stored = execute(runs.read_run(NAMESPACE, "run-1"))
    assert (began, began + 5) == (float(stored["started"]), float(stored["finished"]))
    assert began == redis_client.zscore(keys.runs(NAMESPACE), "run-1")


def test_a_future_run_of_an_older_release_costs_no_other_its_profile(
    redis_client: Redis, execute: Execute, deliver: Deliver
) -> None:
    """More such runs than stored profiles do not displace the others until 2036."""
    config = Config(profiles=2)
    redis_client.zadd(keys.runs(NAMESPACE), {f"20360506T00000{at}": IN_2036 + at for at in range(5)})
    delivered = [deliver(time.time() - 100 + at) for at in range(3)]

    removed = execute(runs.prune_profiles(config))

    have_profile = [bool(redis_client.exists(keys.profile(NAMESPACE, run_id))) for run_id in delivered]
    assert (1, [False, True, True]) == (removed, have_profile)


def test_runs_that_have_expired_leave_every_set(redis_client: Redis, execute: Execute, deliver: Deliver) -> None:
    """Whatever their date is. A hundred old runs that still exist do not prevent it."""
    run_id = deliver(time.time(), branch="main")
    long_ago = time.time() - 400 * runs.DAY_S
    living = {f"living-{at:03d}": long_ago + at for at in range(150)}
    for name in living:
        redis_client.hset(keys.run(NAMESPACE, name), mapping={"id": name})
    dead = {"dead-1": long_ago - 1, "dead-2": long_ago + 1000, "dead-3": IN_2036}
    listing = [
        keys.runs(NAMESPACE),
        keys.runs(NAMESPACE, "branch", "main"),
        keys.runs(NAMESPACE, "status", "passed"),
    ]
    for key in listing:
        redis_client.zadd(key, living | dead)

    for second in range(120):
        execute(_at(runs.prune(Config(), run_id), float(redis_client.time()[0] + second)))

    for key in listing:
        assert {name.encode() for name in living} == set(redis_client.zrange(key, 0, -1)) - {run_id.encode()}


def _at(operation: Operation[Any], now: float) -> Operation[Any]:
    """Execute an operation as if the time of the server were `now`."""
    request = next(operation)
    try:
        while True:
            is_clock = request.commands[0] == ("TIME",)
            replies = yield request
            request = operation.send([(int(now), 0)] if is_clock else replies)
    except StopIteration as stop:
        return stop.value


def test_a_run_that_ended_in_the_future_waits_like_any_other(
    redis_client: Redis, execute: Execute, server: str, tmp_path: Path
) -> None:
    """It displaces no other run from the pending index updates, and the next shipper updates its index."""
    config, waiting = Config(), keys.pending_index(NAMESPACE)
    seconds = redis_client.time()[0]
    redis_client.zadd(waiting, {"other": seconds - 10})

    fields = {"id": "run-1", "started": IN_2036, "finished": IN_2036 + 5, "status": "passed"}
    execute(apply_batch(Batch(run=runs.build_end(fields, config, b"profile")), config))

    scores = dict(redis_client.zrange(waiting, 0, -1, withscores=True))
    assert {b"other", b"run-1"} == scores.keys()
    assert seconds <= scores[b"run-1"] <= seconds + indexes.ORPHANED_S


def corrected(
    path: Path, server: str, execute: Execute, now: float, is_live: bool = True
) -> tuple[dict[str, str], float]:
    """Deliver a spool from a machine with the time `now`; return the run's record and the time of its point."""
    delivery = Delivery(path, Config(redis_url=server), execute, syncs=is_live, now=lambda: now)
    delivery.finish()
    (entry,) = execute(query.read_history(NAMESPACE, "test::a.py::b", 10))
    return execute(runs.read_run(NAMESPACE, delivery.builder.run_id)), entry.timestamp


@pytest.mark.parametrize("wrong", [IN_2012, IN_2036], ids=["2012", "2036"])
@pytest.mark.parametrize("is_live", [True, False])
def test_a_machine_whose_clock_is_wrong_is_corrected(
    tmp_path: Path, server: str, execute: Execute, wrong: float, is_live: bool
) -> None:
    """By its difference to the server's clock: run, end and points, live and later."""
    started = float(redis.run(read_time(), *[redis.connect(server)] * 2)) - 100
    path = spool(tmp_path / "spool", FAILED, started=wrong, pid=1, host=os.uname().nodename)

    stored, point = corrected(path, server, execute, wrong + 100, is_live)

    times = [float(stored["started"]), float(stored["finished"]) - 60, point - 0.5]
    assert [pytest.approx(started, abs=5)] * 3 == times


@pytest.mark.parametrize("now", [IN_2012, IN_2036], ids=["2012", "2036"])
def test_a_run_from_before_the_clock_was_moved_keeps_its_time(
    tmp_path: Path, server: str, execute: Execute, now: float
) -> None:
    """It was undelivered when the machine lost its time."""
    started = time.time() - 3600
    path = spool(tmp_path / "spool", FAILED, started=started, pid=1, host=os.uname().nodename)

    stored, point = corrected(path, server, execute, now, is_live=False)

    assert [pytest.approx(started), pytest.approx(started + 0.5)] == [float(stored["started"]), point]


DAY = runs.DAY_S


@pytest.mark.parametrize(
    ("started", "now", "expected"),
    [
        (IN_2012 - 5, IN_2012, True),
        (IN_2012 - 20 * DAY, IN_2012, True),
        (IN_2036 - 5, IN_2036, True),
        (1.8e9 - 5, IN_2036, False),
        (1.8e9 - 5, IN_2012, False),
        (1.8e9 - 300 * DAY, IN_2036, False),
        (IN_2012, 1.8e9 + 299, False),
        (1.8e9 - 3 * DAY, 1.8e9 - 2 * DAY, True),
        (1.8e9 - DAY, 1.8e9 - 2 * DAY, False),
    ],
)
def test_a_run_belongs_to_the_closer_clock(started: float, now: float, expected: bool) -> None:
    """A clock may be moved between recording and delivery; the server's is 1.8e9."""
    assert expected == is_misdated(started, now, 1.8e9)


@pytest.mark.parametrize("fields", [{"host": "elsewhere", "pid": 1}, {}], ids=["another machine's", "a report's"])
def test_a_run_of_another_clock_is_not_corrected(
    tmp_path: Path, server: str, execute: Execute, fields: dict[str, Any]
) -> None:
    """The error of this machine's clock does not apply to it."""
    path = spool(tmp_path / "spool", FAILED, started=IN_2012, **fields)

    assert IN_2012 == float(corrected(path, server, execute, IN_2012 + 100)[0]["started"])


@pytest.mark.parametrize(
    ("age_days", "is_stored", "is_set_aside"),
    [(30, False, False), (30, True, False), (400, False, True), (5000, False, False), (5000, True, False)],
)
def test_only_a_spool_that_may_have_been_delivered_is_set_aside(
    tmp_path: Path,
    redis_client: Redis,
    execute: Execute,
    monkeypatch: pytest.MonkeyPatch,
    age_days: int,
    is_stored: bool,
    is_set_aside: bool,
) -> None:
    """The server stores a run for a year and a cursor for a month; before 2026 there were no spools."""
    path = spool(tmp_path / "spool", FAILED, started=max(0.0, time.time() - age_days * runs.DAY_S))
    if is_stored:
        drain_one(path, Config(), execute, force=True)
        redis_client.delete(*redis_client.keys(f"{NAMESPACE}::CURSOR::*"))
    # 500 days ago, as in 2027.
    monkeypatch.setattr(draining, "FIRST_SPOOL", time.time() - 500 * runs.DAY_S)

    drained = drain_one(path, Config(), execute)

    assert is_set_aside == ("akastats drain --force" in drained.left) == (not drained.complete)
    assert (None if is_set_aside else b"1") == redis_client.get(f"{NAMESPACE}::COUNT::test::a.py::b")
