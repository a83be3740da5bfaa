"""How long a shipper lives: by the word of its spool, the death of its process, and a clock that is handed in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from akastats import detached
from akastats.config import Config
from akastats.shipper import __main__ as shipping
from akastats.shipper import delivery
from akastats.shipper import state as states
from akastats.shipper.__main__ import Shipper, pauses
from akastats.shipper.lifetime import AFTERLIFE_S, LAST_S, Lifetime, writer_of
from akastats.spool.format import line
from akastats.spool.writer import Writer
from tests.telling import spool

ALIVE = {"pid": os.getpid(), "pid_mark": detached.start_mark(os.getpid())}


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
    lifetime.hear(shipper.delivery.story)
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
    """Who still works is not ended from outside before it has given up itself; both before 40 s."""
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


def test_telling_how_far_a_run_is_is_no_sign_that_its_delivery_gets_on(
    tmp_path: Path, server: str, redis_client: Redis
) -> None:
    """A run whose end was lost was waited for a second longer: so late its counts are told."""
    path = spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)], ended=False, **ALIVE)
    shipper = shipper_of(path, server)
    shipper._read()
    shipper._apply()
    answers = shipper._answers

    shipper.delivery._progress_told -= delivery.PROGRESS_S
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
            file.write(line(5, end))
        while True:
            yield True

    deaths = dying()
    shipper._lifetime.has_died = lambda: next(deaths)  # type: ignore[method-assign]  # a death at this very moment

    assert shipper.run()
    told = states.read(path)
    assert told is not None
    assert (states.DONE, "passed") == (told.phase, told.answer["status"])


def test_pauses_grow_to_a_bound_and_vary() -> None:
    """Many that begin at one moment do not come back at one moment."""
    waits = pauses()

    drawn = [next(waits) for _ in range(200)]

    assert all(0 <= wait <= shipping.LONGEST_PAUSE_S for wait in drawn)
    assert max(drawn[:2]) <= 2 * shipping.SHORTEST_PAUSE_S
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
    monkeypatch.setattr(delivery, "MOST_PENDING", 500)
    path = spool(tmp_path / "spool", ((f"a.py::t{number}", "passed", 0.1) for number in range(20_000)))
    shipper = shipper_of(path, server)

    for _ in range(100):
        assert shipper._read()

    assert 0 < len(shipper.delivery.story.results) < 10_000
    assert shipper._lifetime.has_died()
