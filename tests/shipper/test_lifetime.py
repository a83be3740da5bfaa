"""Lifetime of a shipper: the end in its spool, the death of its process, and a clock as an argument."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats import detached
from akastats.config import Config
from akastats.delivery import spool_delivery
from akastats.delivery.checkout import Checkout
from akastats.delivery.draining import drain, lock_of
from akastats.errors import ServerBusyError
from akastats.queries import runs as reading
from akastats.shipper import __main__ as shipping
from akastats.shipper import lifetime as lifetimes
from akastats.shipper.__main__ import Shipper, pauses
from akastats.shipper.lifetime import AFTERLIFE_S, LAST_S, ExitWatch, Lifetime, writer_of
from akastats.spool import shipper_state as states
from akastats.spool.format import encode_line
from akastats.spool.writer import Writer
from akastats.store import indexes, runs
from conftest import eventually
from tests.delivered_runs import spool

ALIVE = {"pid": os.getpid(), "pid_mark": detached.read_start_time(os.getpid())}


class Clock:
    """A clock that moves only when it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shipper_of(path: Path, url: str, clock: Clock | None = None) -> Shipper:
    """Return the shipper of a spool, before it starts."""
    return Shipper(path, Config(redis_url=url), Lifetime(path, clock or time.monotonic))


def test_a_run_is_not_over_while_it_is_in_progress(tmp_path: Path) -> None:
    """Its process is alive and has written no end."""
    path, clock = spool(tmp_path / "spool", ended=False, **ALIVE), Clock()
    lifetime = Lifetime(path, clock)

    clock.now += 1e6

    assert not lifetime.is_over(AFTERLIFE_S)


def test_a_run_is_over_some_time_after_its_end(tmp_path: Path, server: str) -> None:
    """The time counts from the reading of its end, even if its process is alive."""
    path, clock = spool(tmp_path / "spool", **ALIVE), Clock()
    lifetime = Lifetime(path, clock)
    shipper = Shipper(path, Config(redis_url=server), lifetime)

    shipper.delivery.read()
    lifetime.note_run(shipper.delivery.builder)
    clock.now += AFTERLIFE_S
    just_not = lifetime.is_over(AFTERLIFE_S)
    clock.now += 0.1

    assert [False, True] == [just_not, lifetime.is_over(AFTERLIFE_S)]


def test_a_run_without_a_header_is_over_with_the_process_in_its_name(tmp_path: Path) -> None:
    """A full disk leaves an empty spool, whose shipper must not live for ever."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path, clock = tmp_path / f"1-run-{gone.pid}-00.aks", Clock()
    lifetime = Lifetime(path, clock)

    seen = lifetime.is_over(AFTERLIFE_S)
    clock.now += AFTERLIFE_S + 1

    assert [False, True] == [seen, lifetime.is_over(AFTERLIFE_S)]


@pytest.mark.parametrize(
    ("name", "pid"),
    [
        ("1-20231114T221320000-000001-77-0af3.aks", 77),
        ("1-a-b-5-00.aks", 5),
        ("other.aks", 0),
        ("1-r-x-00.aks", 0),
    ],
)
def test_a_spool_is_named_after_its_process(name: str, pid: int) -> None:
    """Run ids may contain the dash that separates the parts of the name."""
    assert pid == writer_of(Path(name))


def test_the_hard_limit_is_longer_than_the_soft_one() -> None:
    """A shipper that still works gives up by itself first; both limits are within 40 s of progress."""
    assert AFTERLIFE_S < LAST_S < 40


def test_no_request_is_sent_when_the_run_is_long_over(tmp_path: Path, server: str, redis_client: Redis) -> None:
    """The next shipper delivers what this one could not deliver in time."""
    path, clock = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)]), Clock()
    shipper = shipper_of(path, server, clock)
    shipper._read()

    clock.now += AFTERLIFE_S + 1

    assert not shipper.run()
    assert [] == redis_client.keys()


def test_a_delivery_with_progress_continues(
    tmp_path: Path, server: str, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a hundred others each reply takes long: 40 tests, the index and undelivered runs take hours."""
    left = spool(tmp_path / "spool", [("a.py::left", "failed", 0.1)], started=time.time() - 60)
    tests = [(f"a.py::t{number}", "passed", 0.1) for number in range(40)]
    path = spool(tmp_path / "spool", tests, run_id="20231114T221321000-000002", started=time.time() - 30)
    redis_client.zadd("AKA-STATS::UNLISTED", {f"orphan-{number}": 1.0 for number in range(50)})
    monkeypatch.setattr(spool_delivery, "BATCH_LABELS", 2)
    clock = Clock()
    shipper = shipper_of(path, server, clock)
    note = shipper._note_progress

    def slowly() -> None:
        clock.now += AFTERLIFE_S - 1
        note()

    shipper._note_progress = slowly  # type: ignore[method-assign]  # an answer every 29 s

    assert shipper.run()
    shipper.tidy()

    assert clock.now > 100 * AFTERLIFE_S
    assert 2 == redis_client.zcard("AKA-STATS::RUNS")
    assert 41 == redis_client.hlen("AKA-STATS::TESTS")
    assert 0 == redis_client.exists("AKA-STATS::UNLISTED", "AKA-STATS::LISTING")
    assert left.exists()


def test_repeated_first_replies_are_no_progress(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers only the first requests does not keep its shipper alive for ever."""
    path, clock = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)]), Clock()
    shipper = shipper_of(path, server, clock)
    attempts: list[float] = []

    def failing() -> None:
        attempts.append(clock.now)
        shipper.execute(runs.read_cursor("AKA-STATS", "someone"))
        raise ServerBusyError("it is busy")

    def pass_time(seconds: float) -> None:
        clock.now += 1

    monkeypatch.setattr(shipper, "_pause", pass_time)
    shipper._read()

    assert not shipper._retry(failing)
    assert AFTERLIFE_S <= attempts[-1] - attempts[0] <= AFTERLIFE_S + 2


def test_a_shipper_that_gives_up_writes_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state file contains the end and its reason, also if another thread ends a hanging shipper."""
    path, clock = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)]), Clock()
    shipper = shipper_of(path, "redis://127.0.0.1:1", clock)
    shipper._read()
    clock.now += LAST_S + 1
    monkeypatch.setattr(shipping, "prepare", lambda spool: (shipper, None))
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)

    shipping.main([str(path)])
    by_itself = states.read(path)
    states.write(path, states.State(phase=states.SILENT, message="no answer"))
    shipper._lifetime._watch(lambda: shipping.give_up(path))
    by_force = states.read(path)

    assert [1] == ended
    for state in (by_itself, by_force):
        assert state is not None
        assert states.FAILED == state.phase
        assert "gave up after 30 s; the next run or `akastats drain` delivers it" in state.message
    assert by_force is not None
    assert by_force.message.startswith("no answer; ")


def test_a_spool_with_its_own_shipper_is_not_delivered_by_others(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """Otherwise each of 40 shippers would deliver all spools. Without a living shipper it is delivered."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], started=time.time() - 60)
    execute = shipper_of(path, server).execute

    with shipping.claim(path):
        beside = drain(path.parent, Config(), execute)
    afterwards = drain(path.parent, Config(), execute)

    assert ([], [True]) == (beside, [outcome.complete for outcome in afterwards])
    assert not lock_of(path).exists()


def test_only_one_shipper_at_a_time_delivers_undelivered_runs(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """It keeps the turn until it ends; then another one gets it."""
    execute = shipper_of(tmp_path / "1-a-1-00.aks", server).execute

    taken = [execute(indexes.take_turn("AKA-STATS", holder)) for holder in ("a", "b", "a")]
    ttl_s = redis_client.ttl("AKA-STATS::LISTING")
    execute(indexes.end_turn("AKA-STATS"))

    assert [True, False, True] == taken
    assert 0 < ttl_s <= indexes.TURN_S
    assert execute(indexes.take_turn("AKA-STATS", "b"))


def test_publishing_counts_is_no_progress_of_the_delivery(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """Otherwise a run whose end was lost would live one second longer for each update."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], ended=False, **ALIVE)
    shipper = shipper_of(path, server)
    shipper._read()
    shipper._apply()
    answers = shipper._answers

    shipper.delivery._progress_at -= spool_delivery.PROGRESS_S
    shipper._apply()

    (run,) = redis_client.keys("AKA-STATS::RUN::*")
    assert (answers, b"1") == (shipper._answers, redis_client.hget(run, "passed"))


def test_undelivered_runs_are_delivered_although_the_run_cannot_be_indexed(
    tmp_path: Path, server: str, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected stored value affects the index of one run only."""

    def broken(*arguments: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(shipping, "refresh", broken)
    spool(tmp_path / "spool", [("a.py::left", "passed", 0.1)], started=time.time() - 60)
    path = spool(
        tmp_path / "spool",
        [("a.py::own", "passed", 0.1)],
        run_id="20231114T221321000-000002",
        started=time.time() - 30,
    )
    shipper = shipper_of(path, server)

    assert shipper.run()
    shipper.tidy()

    assert b"1" == redis_client.get("AKA-STATS::COUNT::test::a.py::left")


def test_the_last_records_before_a_death_are_delivered(tmp_path: Path, server: str) -> None:
    """A process that writes its end and dies between two polls has not crashed."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], ended=False, **ALIVE)
    shipper = shipper_of(path, server)
    end = json.dumps(["end", {"finished": 1_700_000_060.0, "exit_code": 0, "interrupted": False}])

    def dying() -> Iterator[bool]:
        """Return a function that writes the last records just before the process is dead."""
        with path.open("ab") as file:
            file.write(encode_line(5, end))
        while True:
            yield True

    deaths = dying()
    shipper._lifetime.has_died = lambda: next(deaths)  # type: ignore[method-assign]  # a death at this very moment

    assert shipper.run()
    state = states.read(path)
    assert state is not None
    assert (states.DONE, "passed") == (state.phase, state.answer.status)


def test_pauses_grow_to_a_bound_and_vary() -> None:
    """Shippers that start together do not retry together."""
    waits = pauses()

    drawn = [next(waits) for _ in range(200)]

    assert all(0 <= wait <= shipping.MAX_PAUSE_S for wait in drawn)
    assert max(drawn[:2]) <= 2 * shipping.MIN_PAUSE_S
    assert len(set(drawn)) > 100


def test_a_pause_ends_with_the_run(tmp_path: Path, server: str) -> None:
    """pytest waits for the delivery from then on, so the next attempt follows immediately."""
    writer = Writer(tmp_path / "spool", "run-1")
    writer.append(json.dumps(["run", {"id": "run-1", "started": 1000.0, "suite": "", **ALIVE}]))
    writer.append(json.dumps(["end", {"finished": 1010.0, "exit_code": 0, "interrupted": False}]))
    shipper = shipper_of(writer.path, server)
    began = time.monotonic()

    shipper._pause(60.0)

    assert time.monotonic() - began < 10
    assert shipper._lifetime.has_ended


def test_no_more_is_read_than_the_server_takes(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a server, a long run stays in its spool, not in memory, and its death is still detected."""
    monkeypatch.setattr(spool_delivery, "MAX_PENDING", 500)
    path = spool(tmp_path / "spool", ((f"a.py::t{number}", "passed", 0.1) for number in range(20_000)))
    shipper = shipper_of(path, server)

    for _ in range(100):
        assert shipper._read()

    assert 0 < len(shipper.delivery.builder.results) < 10_000
    assert shipper._lifetime.has_died()


class SlowCheckout(Checkout):
    """A checkout whose git command finishes after two signs of life of the delivery."""

    def __init__(self, path: Path) -> None:
        self.path, self.seen = path, list[states.State]()

    @property
    def is_read(self) -> bool:
        return False

    def fields(self, waits: bool) -> dict[str, Any]:
        def is_alive() -> bool:
            state = states.read(self.path)
            assert state is not None
            self.seen.append(state)
            return state.answers > self.seen[0].answers + 1

        return {"dirty": eventually(is_alive)} if waits else {}


def test_a_slow_git_command_is_waited_for(tmp_path: Path, server: str, redis_client: Redis) -> None:
    """It counts as progress, because `--akastats-fail-on` needs the verdicts."""
    path = spool(tmp_path / "spool", **ALIVE)
    checkout = SlowCheckout(path)

    Shipper(path, Config(redis_url=server), Lifetime(path), checkout).run()

    assert checkout.seen[-1].phase == states.DELIVERING
    assert states.read(path).phase == states.DONE  # type: ignore[union-attr]  # it was written just now


def test_the_end_of_the_process_is_observed(tmp_path: Path) -> None:
    """It is known after the process has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = detached.read_start_time(process.pid)
        path = spool(tmp_path / "spool", pid=process.pid, pid_mark=mark)
        shipper = shipper_of(path, "redis://127.0.0.1:1")
        shipper.delivery.read()
        shipper.lifetime.note_run(shipper.delivery.builder)
        watch = ExitWatch(shipper.lifetime, now=lambda: 17.5)
        watch.start()
        assert process.stdin is not None
        process.stdin.close()

        assert 17.5 == watch.wait()


def test_a_process_that_continues_has_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for it longer than a few seconds."""
    monkeypatch.setattr(lifetimes, "EXIT_S", 0.05)
    lifetime = Lifetime(spool(tmp_path / "spool", ended=False, **ALIVE))
    lifetime._pid, lifetime._mark = ALIVE["pid"], ALIVE["pid_mark"]
    watch = ExitWatch(lifetime)
    watch.start()

    assert watch.wait() is None


def test_the_end_of_the_process_is_part_of_the_run(tmp_path: Path, server: str, redis_client: Redis) -> None:
    """In epoch seconds, beside the fields that the spool gave."""
    shipper = shipper_of(spool(tmp_path / "spool"), server)
    assert shipper.run()

    shipper.note_exit(1_700_000_061.5)
    shipper.note_exit(None)

    run = shipper.execute(reading.read_run("AKA-STATS", shipper.delivery.builder.run_id))
    assert (1_700_000_061.5, "failed") == (run.exited, run.status)
    assert run.answered > run.exited
