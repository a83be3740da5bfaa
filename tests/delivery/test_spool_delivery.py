"""Delivery: every record once, however often and by however many."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats import sync_stats
from akastats.config import Config
from akastats.delivery.draining import drain
from akastats.delivery.spool_delivery import Delivery
from akastats.errors import ConnectionLostError, RequestRefusedError, ServerError
from akastats.queries.run_details import read_details
from akastats.spool.writer import Writer
from akastats.store import runs
from akastats.store.push import CURSOR_TTL_S
from akastats.store.requests import Operation
from conftest import Execute, executor
from tests.delivered_runs import spool

TESTS = 250


def write_spool(directory: Path, tests: int = TESTS, end: bool = True, run_id: str = "run-1") -> Path:
    """Write the spool of a run of `tests` tests and 40 numbers, whose process is gone."""
    rows = [(f"a.py::t{number}", "passed", 0.002) for number in range(tests)]
    numbers = [(f"own {number}", 1.0) for number in range(40)]
    now = time.time()
    return spool(
        directory, rows, numbers=numbers, run_id=run_id, started=now - 60, ended=end, exit_code=0, branch="main"
    )


def deliver(path: Path, config: Config, execute: Execute) -> Delivery:
    """Deliver a whole spool."""
    delivery = Delivery(path, config, execute)
    while delivery.read():
        delivery.apply()
    return delivery


def counts(client: Redis) -> set[int]:
    """Return how many points the labels have: {1} when each has exactly one."""
    return {int(client.get(key) or 0) for key in client.scan_iter("AKA-STATS::COUNT::*", count=1000)}


def test_a_spool_is_applied_once_however_often_it_is_delivered(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """The cursor moves with the data: the second time there is nothing to do."""
    path = write_spool(tmp_path / "spool")
    config = Config(redis_url=server)

    for _ in range(3):
        assert deliver(path, config, execute).is_done

    assert {1} == counts(redis_client)
    assert TESTS + 40 + 6 == len(list(sync_stats.available_stats()))


def test_many_at_once_apply_it_once(tmp_path: Path, server: str, redis_client: Redis) -> None:
    """Drainers that race do each other's work, never the same work twice."""
    path = write_spool(tmp_path / "spool")
    config = Config(redis_url=server)

    def drainer() -> None:
        deliver(path, config, executor(server))

    threads = [threading.Thread(target=drainer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {1} == counts(redis_client)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_request_or_reply_loses_and_doubles_nothing(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis, when: str
) -> None:
    """Whether the server had done it or not, trying again ends with each point once."""
    path = write_spool(tmp_path / "spool")
    calls = 0

    def failing(operation: Operation[Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2 == 0 and when == "before":
            raise ConnectionLostError("cut")
        result = execute(operation)
        if calls % 2 == 0:
            raise ConnectionLostError("cut")
        return result

    delivery = Delivery(path, Config(redis_url=server), failing)
    while delivery.read() or not delivery.is_done:
        try:
            delivery.apply()
        except ServerError:
            continue

    assert {1} == counts(redis_client)
    assert TESTS + 40 + 6 == len(list(sync_stats.available_stats()))


def test_a_server_with_older_data_is_told_again(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """What a server has lost with its cursor it gets again."""
    path = write_spool(tmp_path / "spool")
    config = Config(redis_url=server)
    deliver(path, config, execute)
    redis_client.flushall()

    deliver(path, config, execute)

    assert {1} == counts(redis_client)


def test_a_server_emptied_in_between_is_told_from_the_start(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """A delivery that finds the cursor behind itself begins with the file again."""
    path = write_spool(tmp_path / "spool")
    delivery = Delivery(path, Config(redis_url=server), execute)
    delivery.read()
    delivery.read_cursor()
    delivery._points = 10
    delivery._apply_next()  # the first piece, as an apply that was cut short
    redis_client.flushall()

    while delivery.read() or not delivery.is_done:
        delivery.apply()

    assert {1} == counts(redis_client)


def test_a_point_the_server_refuses_costs_no_other(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """A key of another type under one label's name: that point is passed over and counted, the rest arrives."""
    redis_client.hset("AKA-STATS::HISTORY::test::a.py::t7", "x", "y")
    path = write_spool(tmp_path / "spool")

    delivery = deliver(path, Config(redis_url=server), execute)

    assert (1, True) == (delivery.refused, delivery.is_done)
    labels = set(sync_stats.available_stats("test::*"))
    assert TESTS - 1 == len(labels)
    assert "test::a.py::t7" not in labels


def test_a_run_that_died_is_completed_as_crashed(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """Whoever drains it says what became of it; its finished tests count."""
    write_spool(tmp_path / "spool", end=False)

    (drained,) = drain(tmp_path / "spool", Config(redis_url=server), execute)

    assert (True, TESTS) == (drained.complete, drained.tests)
    stored = execute(runs.read_run("AKA-STATS", "run-1"))
    assert ("crashed", str(TESTS)) == (stored["status"], stored["tests"])
    assert redis_client.zscore("AKA-STATS::RUNS::status::crashed", "run-1")
    assert not redis_client.zscore("AKA-STATS::RUNS::status::running", "run-1")


def test_a_final_status_replaces_crashed_and_not_the_other_way_round(
    tmp_path: Path, server: str, execute: Execute
) -> None:
    """A late word of the run itself counts; a late guess about it does not."""
    path = write_spool(tmp_path / "spool")
    config = Config(redis_url=server)
    early = Delivery(path, config, execute)
    early.read()
    early.builder.end = None
    early.complete_as_crashed()

    finished = deliver(path, config, execute)
    passed = execute(runs.read_run("AKA-STATS", "run-1"))["status"]
    finished.builder.end = None
    finished.complete_as_crashed()

    assert ["passed", "passed"] == [passed, execute(runs.read_run("AKA-STATS", "run-1"))["status"]]


def test_a_spool_for_another_server_is_left_alone(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """A run goes where it was recorded for, and only there."""
    write_spool(tmp_path / "spool")
    header = {
        "id": "run-2",
        "started": time.time(),
        "pid": 1,
        "pid_mark": "",
        "destination": {"server": "redis://elsewhere"},
    }
    Writer(tmp_path / "spool", "run-2").append(json.dumps(["run", header]))

    drain(tmp_path / "spool", Config(redis_url=server), execute, {"server": "here"})

    assert redis_client.exists("AKA-STATS::RUN::run-1")
    assert not redis_client.exists("AKA-STATS::RUN::run-2")


def test_an_empty_spool_holds_no_other_up(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """A process that died before its first line leaves a file that says nothing."""
    write_spool(tmp_path / "spool")
    Writer(tmp_path / "spool", "run-2")

    drained = drain(tmp_path / "spool", Config(redis_url=server), execute)

    assert [False, True] == [outcome.complete for outcome in drained]


def test_an_applied_spool_is_removed_after_a_day(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """It is kept for a server that comes back from older data: a day old, and a day applied."""
    path = write_spool(tmp_path / "spool")
    written = path.stat().st_mtime
    cursor = f"AKA-STATS::CURSOR::{Delivery(path, Config(), execute).producer}"
    kept = []

    for age, rested in ((86_000, 87_000), (87_000, 10), (87_000, 87_000)):
        drain(tmp_path / "spool", Config(redis_url=server), execute)
        redis_client.expire(cursor, CURSOR_TTL_S - rested)
        drain(tmp_path / "spool", Config(redis_url=server), execute, now=lambda age=age: written + age)
        kept.append(path.exists())

    assert [True, True, False] == kept


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def going_on(path: Path, config: Config, execute: Execute, clock: Clock) -> Delivery:
    """Return the delivery of all that a run has written so far."""
    delivery = Delivery(path, config, execute, clock=clock)
    while delivery.read():
        delivery.apply()
    return delivery


def test_a_run_that_goes_on_tells_its_counts_once_a_second(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """Its record says how far it is, not more often than that, and only when there is news."""
    path, clock = write_spool(tmp_path / "spool", tests=7, end=False), Clock()
    asked = []

    def counting(operation: Operation[Any]) -> Any:
        asked.append(operation)
        return execute(operation)

    delivery = going_on(path, Config(redis_url=server), counting, clock)
    told = []
    for passed_s in (0.9, 0.1, 5.0):
        before, clock.now = len(asked), clock.now + passed_s
        delivery.store_progress(counting)
        told.append(len(asked) - before)

    stored = execute(runs.read_run("AKA-STATS", "run-1"))
    assert [0, 1, 0] == told
    assert ("running", "7", "7") == (stored["status"], stored["tests"], stored["passed"])
    assert {1} == counts(redis_client)


def test_a_run_in_progress_names_its_failures(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis
) -> None:
    """How many tests there will be, and which fail so far, are read before its end; then its profile has them."""
    clock, config = Clock(), Config(redis_url=server)
    writer = Writer(tmp_path / "spool", "run-1")
    header = {"id": "run-1", "started": time.time() - 60, "suite": "", "pid": 2**22 + 1, "pid_mark": "gone"}
    error = ["error", "a.py::bad", "", "call", "failed", "KeyError", "E   KeyError: 1", 9]
    for record in (["run", header], ["planned", 12], error, ["test", "a.py::bad", "", "pfp", 9, 1, 1, 1]):
        writer.append(json.dumps(record))
    delivery = going_on(writer.path, config, execute, clock)

    clock.now += 2
    delivery.store_progress(execute)
    before = execute(read_details("AKA-STATS", "run-1"))
    writer.append(json.dumps(["end", {"finished": time.time(), "exit_code": 1, "interrupted": False}]))
    writer.close()
    delivery.deliver()
    after = execute(read_details("AKA-STATS", "run-1"))

    assert (before.run.status, before.run.tests, before.run.planned, before.has_profile) == (
        "running",
        1,
        12,
        False,
    )
    assert [(each.exception, each.tests) for each in before.failures] == [("KeyError", ["a.py::bad"])]
    assert (after.run.status, after.run.planned, len(after.failures)) == ("failed", 12, 1)
    assert not redis_client.hexists("AKA-STATS::RUN::run-1", "failing")


@pytest.mark.parametrize("status", ["crashed", "passed", "interrupted"])
def test_progress_never_stands_over_an_end(
    tmp_path: Path, server: str, execute: Execute, redis_client: Redis, status: str
) -> None:
    """What anybody has said of the run's end is not changed by a late count."""
    path, clock = write_spool(tmp_path / "spool", tests=7, end=False), Clock()
    delivery = going_on(path, Config(redis_url=server), execute, clock)
    redis_client.hset("AKA-STATS::RUN::run-1", mapping={"status": status, "tests": "9"})

    clock.now += 2
    delivery.store_progress(execute)

    assert [status.encode(), b"9"] == redis_client.hmget("AKA-STATS::RUN::run-1", "status", "tests")


def test_progress_brings_no_run_back(tmp_path: Path, server: str, execute: Execute, redis_client: Redis) -> None:
    """A server that was emptied meanwhile gets no record with nothing in it but counts."""
    path, clock = write_spool(tmp_path / "spool", tests=7, end=False), Clock()
    delivery = going_on(path, Config(redis_url=server), execute, clock)
    redis_client.flushall()

    clock.now += 2
    delivery.store_progress(execute)

    assert not redis_client.exists("AKA-STATS::RUN::run-1")


def test_progress_that_is_refused_costs_the_run_nothing(tmp_path: Path, server: str, execute: Execute) -> None:
    """Only a server that is away is asked again: what it will not have, it need not."""
    path, clock = write_spool(tmp_path / "spool", tests=7, end=False), Clock()
    delivery = going_on(path, Config(redis_url=server), execute, clock)
    errors = [RequestRefusedError("no"), ConnectionLostError("no")]

    def failing(operation: Operation[Any]) -> Any:
        raise errors.pop(0)

    clock.now += 2
    delivery.store_progress(failing)
    delivery._progress = {}
    clock.now += 2

    with pytest.raises(ServerError, match="no"):
        delivery.store_progress(failing)
