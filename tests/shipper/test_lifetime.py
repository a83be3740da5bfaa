"""How long a shipper lives: by the word of its spool, the death of its process, and a clock that is handed in."""

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
from akastats.shipper import __main__ as shipping
from akastats.shipper.__main__ import Shipper, pauses
from akastats.shipper.lifetime import AFTERLIFE_S, LAST_S, Lifetime, writer_of
from akastats.spool import shipper_state as states
from akastats.spool.format import encode_line
from akastats.spool.writer import Writer
from akastats.store import indexes, runs
from conftest import eventually
from tests.telling import spool

ALIVE = {"pid": os.getpid(), "pid_mark": detached.read_start_time(os.getpid())}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shipper_of(path: Path, url: str, clock: Clock | None = None) -> Shipper:
    """Return who delivers a spool; not begun."""
    return Shipper(path, Config(redis_url=url), Lifetime(path, clock or time.monotonic))


def test_a_run_is_not_over_while_it_goes_on(tmp_path: Path) -> None:
    """Its process lives and has said nothing of an end."""
    path, clock = spool(tmp_path / "spool", ended=False, **ALIVE), Clock()
    lifetime = Lifetime(path, clock)

    clock.now += 1e6

    assert not lifetime.is_over(AFTERLIFE_S)


def test_a_run_is_over_some_time_after_its_end(tmp_path: Path, server: str) -> None:
    """From when its end was read on, though its process lives."""
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
    """A disk that was full from the start leaves an empty spool: its shipper must not live for ever."""
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
    """Run ids may hold the same dash that parts the names."""
    assert pid == writer_of(Path(name))


def test_the_last_resort_comes_after_the_patience() -> None:
    """Who still works is not ended from outside before it has given up itself; both within 40 s of progress."""
    assert AFTERLIFE_S < LAST_S < 40


def test_nothing_is_asked_of_the_server_when_the_run_is_long_over(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """What a run, or what it found beside itself, could not deliver in time is the next one's."""
    path, clock = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)]), Clock()
    shipper = shipper_of(path, server, clock)
    shipper._read()

    clock.now += AFTERLIFE_S + 1

    assert not shipper.run()
    assert [] == redis_client.keys()


def test_a_delivery_that_gets_on_is_not_given_up(
    tmp_path: Path, server: str, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a hundred others each answer takes its time: 40 tests, the lists and what others left take hours."""
    left = spool(tmp_path / "spool", [("a.py::left", "failed", 0.1)], started=time.time() - 60)
    told = [(f"a.py::t{number}", "passed", 0.1) for number in range(40)]
    path = spool(tmp_path / "spool", told, run_id="20231114T221321000-000002", started=time.time() - 30)
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


def test_first_answers_that_come_again_are_no_progress(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers what is asked first and fails at the rest does not keep its shipper for ever."""
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

    assert not shipper._persist(failing)
    assert AFTERLIFE_S <= attempts[-1] - attempts[0] <= AFTERLIFE_S + 2


def test_a_shipper_that_gives_up_writes_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for it hears that it has ended, and why: from itself, and from what ends it where it hangs."""
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


def test_a_spool_that_its_own_shipper_delivers_is_left_to_it(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """Of 40 that end at once each would deliver all; without one, also after its death, it is delivered."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], started=time.time() - 60)
    execute = shipper_of(path, server).execute

    with shipping.claim(path):
        beside = drain(path.parent, Config(), execute)
    afterwards = drain(path.parent, Config(), execute)

    assert ([], [True]) == (beside, [outcome.complete for outcome in afterwards])
    assert not lock_of(path).exists()


def test_only_one_at_a_time_lists_what_others_left(tmp_path: Path, server: str, redis_client: Redis) -> None:
    """Who has the turn may keep it; another one gets it when it has ended."""
    execute = shipper_of(tmp_path / "1-a-1-00.aks", server).execute

    taken = [execute(indexes.take_turn("AKA-STATS", holder)) for holder in ("a", "b", "a")]
    kept_s = redis_client.ttl("AKA-STATS::LISTING")
    execute(indexes.end_turn("AKA-STATS"))

    assert [True, False, True] == taken
    assert 0 < kept_s <= indexes.TURN_S
    assert execute(indexes.take_turn("AKA-STATS", "b"))


def test_telling_how_far_a_run_is_is_no_sign_that_its_delivery_gets_on(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """A run whose end was lost was waited for a second longer: so late its counts are told."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], ended=False, **ALIVE)
    shipper = shipper_of(path, server)
    shipper._read()
    shipper._apply()
    answers = shipper._answers

    shipper.delivery._progress_at -= spool_delivery.PROGRESS_S
    shipper._apply()

    (run,) = redis_client.keys("AKA-STATS::RUN::*")
    assert (answers, b"1") == (shipper._answers, redis_client.hget(run, "passed"))


def test_what_others_left_is_delivered_though_the_run_cannot_be_listed(
    tmp_path: Path, server: str, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stored value that nobody has thought of keeps one run from the lists, and no other from the server."""

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


def test_what_was_written_last_before_a_death_is_delivered(tmp_path: Path, server: str) -> None:
    """A process that ends between two looks has told its end all the same: that run has not crashed."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], ended=False, **ALIVE)
    shipper = shipper_of(path, server)
    end = json.dumps(["end", {"finished": 1_700_000_060.0, "exit_code": 0, "interrupted": False}])

    def dying() -> Iterator[bool]:
        """Say its last word just before it is found dead."""
        with path.open("ab") as file:
            file.write(encode_line(5, end))
        while True:
            yield True

    deaths = dying()
    shipper._lifetime.has_died = lambda: next(deaths)  # type: ignore[method-assign]  # a death at this very moment

    assert shipper.run()
    told = states.read(path)
    assert told is not None
    assert (states.DONE, "passed") == (told.phase, told.answer.status)


def test_pauses_grow_to_a_bound_and_vary() -> None:
    """Many that begin at one moment do not come back at one moment."""
    waits = pauses()

    drawn = [next(waits) for _ in range(200)]

    assert all(0 <= wait <= shipping.MAX_PAUSE_S for wait in drawn)
    assert max(drawn[:2]) <= 2 * shipping.MIN_PAUSE_S
    assert len(set(drawn)) > 100


def test_a_pause_ends_with_the_run(tmp_path: Path, server: str) -> None:
    """Somebody waits for the answer from then on: the next attempt comes at once."""
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
    """While no server answers, a long run waits in its spool and not in memory; its death is seen all the same."""
    monkeypatch.setattr(spool_delivery, "MAX_PENDING", 500)
    path = spool(tmp_path / "spool", ((f"a.py::t{number}", "passed", 0.1) for number in range(20_000)))
    shipper = shipper_of(path, server)

    for _ in range(100):
        assert shipper._read()

    assert 0 < len(shipper.delivery.builder.results) < 10_000
    assert shipper._lifetime.has_died()


class SlowCheckout(Checkout):
    """A git that answers once the state of the delivery has been seen to be alive twice."""

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


def test_a_git_that_takes_long_is_waited_for(tmp_path: Path, server: str, redis_client: Redis) -> None:
    """Its seconds look like those of a server that works, not like silence: a gate needs the verdicts."""
    path = spool(tmp_path / "spool", **ALIVE)
    checkout = SlowCheckout(path)

    Shipper(path, Config(redis_url=server), Lifetime(path), checkout).run()

    assert checkout.seen[-1].phase == states.DELIVERING
    assert states.read(path).phase == states.DONE  # type: ignore[union-attr]  # it was written just now
