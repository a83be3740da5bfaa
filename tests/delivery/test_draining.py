"""Leftover spools: whatever lies there, and wherever a drainer dies, each record arrives once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from akastats import redis
from akastats.config import Config
from akastats.delivery import draining
from akastats.delivery.draining import OLDEST_S, drain, drain_one, find_spools, tidy
from akastats.delivery.spool_delivery import Delivery
from akastats.errors import ConnectionLostError, ServerUnreachableError
from akastats.queries import runs as reading
from akastats.queries.run_details import read_details
from akastats.spool.format import encode_line
from akastats.store import runs
from akastats.store.push import CURSOR_TTL_S
from akastats.store.requests import Operation
from conftest import Execute
from tests import delivered_runs

TESTS = [(f"a.py::t{number}", "passed", 0.5) for number in range(90)]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's real places are looked at."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def spools(tmp_path: Path) -> Path:
    """The project's spool directory."""
    return tmp_path / "home" / "spool"


@pytest.fixture
def config(server: str) -> Config:
    """The configuration to deliver with."""
    return Config(redis_url=server)


def spool(directory: Path, number: int = 1, tests: Any = TESTS, **told: Any) -> Path:
    """Write the spool of a run of just now."""
    return delivered_runs.spool(
        directory, tests, run_id=f"run-{number:03d}", **{"started": time.time() - 60, **told}
    )


def counts(client: Redis) -> set[int]:
    """Return how many points the labels of tests have."""
    return {int(client.get(key) or 0) for key in client.scan_iter("AKA-STATS::COUNT::test::*", count=1000)}


def history(client: Redis) -> int:
    """Return how many points of tests are stored."""
    return sum(client.llen(key) for key in client.scan_iter("AKA-STATS::HISTORY::test::*", count=1000))  # type: ignore[misc]  # not awaitable here


class Killed(BaseException):
    """A drainer's process is gone."""


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("ended", [True, False])
def test_a_drain_killed_at_any_step_loses_and_doubles_nothing(
    spools: Path, config: Config, execute: Execute, redis_client: Redis, when: str, ended: bool
) -> None:
    """The next one finishes what it left."""
    path = spool(spools, ended=ended)
    for step in range(100):
        redis_client.flushall()
        taken = 0

        def dying(operation: Operation[Any], step: int = step) -> Any:
            nonlocal taken
            taken += 1
            if taken > step and when == "before":
                raise Killed
            result = execute(operation)
            if taken > step:
                raise Killed
            return result

        try:
            drain(spools, config, dying)
        except Killed:
            drain(spools, config, execute)
            assert (90, {1}) == (history(redis_client), counts(redis_client))
            assert ("failed" if ended else "crashed") == execute(runs.read_run("AKA-STATS", "run-001"))["status"]
        else:
            break
    assert step > 3
    assert path.exists()


@pytest.mark.parametrize("function", ["rename", "unlink"])
@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_drain_killed_at_a_file_leaves_it_to_the_next(
    spools: Path,
    config: Config,
    execute: Execute,
    redis_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    when: str,
) -> None:
    """A spool is there, put aside, or gone; the next drain meets it as it is."""
    old = function == "rename"
    if old:
        redis_client.hset("AKA-STATS::RUN::run-001", mapping={"id": "run-001"})
    path = spool(spools, started=time.time() - OLDEST_S - 60 if old else time.time() - 60)

    def later() -> float:
        return time.time() + 90_000

    if not old:
        drain(spools, config, execute)
        execute(_expire(path, 90_000))
    real = getattr(Path, function)

    def dying(path: Path, *arguments: Any, **more: Any) -> None:
        if when == "behind":
            real(path, *arguments, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, function, dying)
        with pytest.raises(Killed):
            drain(spools, config, execute, now=later)
    drain(spools, config, execute, now=later)

    assert [f"{path.name}.old"] * old == [each.name for each in spools.iterdir()]


def _expire(path: Path, rested_s: int) -> Operation[Any]:
    """Let a spool's cursor have rested for so long."""
    from akastats.spool.records import get_producer
    from akastats.store import keys
    from akastats.store.requests import send_writes

    return send_writes(("EXPIRE", keys.cursor("AKA-STATS", get_producer(path.name)), CURSOR_TTL_S - rested_s))


def test_the_newest_run_of_all_places_comes_first(
    tmp_path: Path, spools: Path, config: Config, execute: Execute
) -> None:
    """The user's and the temporary directory are looked at too."""
    elsewhere = draining.directories.list_alternatives(spools, os.environ)
    for number, place in ((1, elsewhere[0]), (2, spools), (3, elsewhere[1])):
        spool(place, number)

    drained = drain(spools, config, execute)

    assert ["run-003", "run-002", "run-001"] == [outcome.run_id for outcome in drained]


def test_of_a_spool_that_moved_the_longest_copy_counts(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """The place that could not be written any more keeps the beginning; it goes with the rest."""
    elsewhere = draining.directories.list_alternatives(spools, os.environ)[0]
    path = spool(elsewhere)
    spools.mkdir(parents=True)
    short = spools / path.name
    short.write_bytes(path.read_bytes()[:2000])

    (drained,) = drain(spools, config, execute)
    also = drain_one(short, config, execute)
    execute(_expire(path, 90_000))
    drain(spools, config, execute, now=lambda: time.time() + 90_000)

    assert (path, True, 90) == (drained.path, drained.complete, drained.tests)
    assert (path, True, 90) == (also.path, also.complete, also.tests)
    assert (90, {1}) == (history(redis_client), counts(redis_client))
    assert (False, False) == (path.exists(), short.exists())


def test_an_invalid_spool_delays_no_other(spools: Path, config: Config, execute: Execute, tmp_path: Path) -> None:
    """Each is reported with its reason."""
    spool(spools, 1)
    os.mkfifo(spools / "1-run-002-1-pipe.aks")
    (spools / "1-run-003-1-directory.aks").mkdir()
    (spools / "1-run-004-1-link.aks").symlink_to(tmp_path)
    (spools / "1-run-005-1-text.aks").write_text("no spool\n" * 1000)
    (spools / "1-run-006-1-empty.aks").touch()
    (spools / "2-run-007-1-later.aks").write_bytes(encode_line(1, '["run",{"id":"x","started":1.0}]'))
    (spools / "1-run-008-1-sparse.aks").touch()
    os.truncate(spools / "1-run-008-1-sparse.aks", 10 * 1024**3)

    drained = {outcome.path.name.split("-")[-1]: outcome for outcome in drain(spools, config, execute)}

    assert [True] == [outcome.complete for outcome in drained.values() if not outcome.left]
    assert "later release" in drained["later.aks"].left
    assert "no run can be read" in drained["text.aks"].left
    assert "is not a regular file" in drained["pipe.aks"].left
    assert not any(outcome.problem for outcome in drained.values())


@pytest.mark.parametrize("hit", [1, 2])
def test_a_damaged_header_costs_nothing(
    spools: Path, config: Config, execute: Execute, redis_client: Redis, hit: int
) -> None:
    """It stands twice."""
    path = spool(spools)
    lines = path.read_bytes().split(b"\n")
    lines[hit - 1] = lines[hit - 1].replace(b'"run"', b'"rum"')
    path.write_bytes(b"\n".join(lines))

    (drained,) = drain(spools, config, execute)

    assert (True, 1, 90) == (drained.complete, drained.damaged, history(redis_client))
    assert path.with_name(f"{path.name}.bad").exists()


def test_both_headers_lost_leave_the_spool_alone(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """Without them nobody knows the suite, and so the labels: nothing is invented."""
    path = spool(spools)
    path.write_bytes(path.read_bytes().replace(b'"run"', b'"rum"'))

    (drained,) = drain(spools, config, execute)

    assert ("no run can be read from it", 0, True) == (drained.left, redis_client.dbsize(), path.exists())


@pytest.mark.parametrize(
    "content",
    [
        '["test"]',
        '["test",1,2,3]',
        '["test","a","","ppp",1e999,1,1,1]',
        '["test","a","","p",1,2,3,4]',
        '["stat","a","",[[1.5,"x","no number",null]]]',
        '["stat","a","",[[1e999,"x",1.0,null]]]',
        '["stat","a","",[[1.5,"\\ud800",1.0,null]]]',
        '["stat","a","",[[1.5,"",1.0,null]]]',
        '["test","a","","ppp",1' + "0" * 310 + ",1,1,1]",
        '["test",7,"","ppp",1,1,1,1]',
        '["began",7,1]',
        '["began",["a"],1]',
        '["end",{"finished":"then","exit_code":0}]',
        '["end",7]',
        '["fixtures",7]',
        '["error","a","","call","failed",null,null,null]',
        '["run",{"id":"another","started":1.0}]',
        '["collected"]',
        '["later kind",{"what":1}]',
        '["__init__",1]',
    ],
)
def test_a_sound_line_without_sense_costs_no_other(
    spools: Path, config: Config, execute: Execute, redis_client: Redis, content: str
) -> None:
    """It was written by no release that we know: it is left out."""
    path = spool(spools, ended=False)
    with path.open("ab") as file:
        file.write(encode_line(1000, content))
        file.write(encode_line(1001, '["test","a.py::last","","ppp",1,2,3,4]'))

    (drained,) = drain(spools, config, execute)

    assert (True, 91, "run-001") == (drained.complete, history(redis_client), drained.run_id)
    assert {1} == counts(redis_client)


def test_the_test_that_a_run_died_in_is_named(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """What began and never ended has failed, and has one attempt in its history however often it is delivered."""
    path = spool(spools, ended=False)
    with path.open("ab") as file:
        file.write(encode_line(1000, '["began","a.py::deadly",1700000100000000]'))

    (drained,) = drain(spools, config, execute)
    (again,) = drain(spools, config, execute)
    redis_client.hdel("AKA-STATS::RUN::run-001", "status", "tests")
    (lost,) = drain(spools, config, execute)

    assert {(True, ("a.py::deadly",), 91)} == {
        (at.complete, at.unfinished, at.tests) for at in (drained, again, lost)
    }
    assert 1 == redis_client.llen("AKA-STATS::HISTORY::test::a.py::deadly")
    assert 1 == redis_client.llen("AKA-STATS::HISTORY::errors__EXC:ProcessCrash")
    run = execute(reading.read_run("AKA-STATS", "run-001"))
    assert ("crashed", 91, 1, ["a.py::deadly"]) == (run.status, run.tests, run.failed, run.died_in)
    (failure,) = execute(read_details("AKA-STATS", "run-001")).failures
    assert ("ProcessCrash", ["a.py::deadly"]) == (failure.exception, failure.tests)


def test_a_run_that_ends_after_all_did_not_die(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """The final record of a run that was taken for dead removes what was written about its death."""
    path = spool(spools, ended=False)
    with path.open("ab") as file:
        file.write(encode_line(1000, '["began","a.py::slow",1700000100000000]'))
    drain(spools, config, execute)
    with path.open("ab") as file:
        file.write(encode_line(1001, '["test","a.py::slow","","ppp",1700000100000000,1,2,3]'))
        file.write(encode_line(1002, '["end",{"finished":1700000200.0,"exit_code":0,"interrupted":false}]'))

    drain(spools, config, execute)

    run = execute(reading.read_run("AKA-STATS", "run-001"))
    assert ("passed", 91, 0, None) == (run.status, run.tests, run.failed, run.died_in)


def test_a_torn_last_line_is_counted_and_a_whole_one_is_taken(
    spools: Path, config: Config, execute: Execute
) -> None:
    """A process that is killed while it writes leaves half a line, or all of it but its end."""
    torn, whole = spool(spools, 1, ended=False), spool(spools, 2, ended=False)
    with torn.open("ab") as file:
        file.write(encode_line(1000, '["test","a.py::last","","ppp",1,2,3,4]')[:-9])
    with whole.open("ab") as file:
        file.write(encode_line(1000, '["end",{"finished":7.0,"exit_code":0,"interrupted":false}]')[:-1])

    second, first = drain(spools, config, execute)

    assert [(90, 1), (90, 0)] == [(first.tests, first.damaged), (second.tests, second.damaged)]
    assert ["crashed", "passed"] == [
        execute(runs.read_run("AKA-STATS", run_id))["status"] for run_id in ("run-001", "run-002")
    ]


def test_a_spool_older_than_any_cursor_is_put_aside(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """Its run is known and its cursor is not: only by force; one whose cursor is known is delivered as ever."""
    path = spool(spools, started=time.time() - OLDEST_S - 60)
    redis_client.hset("AKA-STATS::RUN::run-001", mapping={"id": "run-001"})

    first = drain(spools, config, execute)
    second = drain(spools, config, execute)
    untouched = redis_client.dbsize()
    (old,) = find_spools(spools, old=True)
    forced = drain_one(old, config, execute, force=True)
    again = drain_one(old, config, execute)

    assert ("akastats drain --force" in first[0].left, [], 1) == (True, second, untouched)
    assert (f"{path.name}.old", True, True) == (old.name, forced.complete, again.complete)
    assert (90, {1}) == (history(redis_client), counts(redis_client))


def test_a_crashed_run_is_told_once(spools: Path, config: Config, execute: Execute, redis_client: Redis) -> None:
    """Telling it anew with each drain would keep its cursor young and its spool for ever."""
    path = spool(spools, ended=False)
    drain(spools, config, execute)
    execute(_expire(path, 90_000))

    drain(spools, config, execute, now=lambda: time.time() + 90_000)

    assert not path.exists()


@pytest.mark.parametrize("bad", [[7], [0, 1, 2], [89], list(range(0, 90, 10))])
def test_points_that_the_server_refuses_are_set_aside(
    spools: Path, config: Config, execute: Execute, redis_client: Redis, bad: list[int]
) -> None:
    """Found by halves, written beside the spool, counted; all others arrive."""
    for number in bad:
        redis_client.set(f"AKA-STATS::HISTORY::test::a.py::t{number}", "no list")
    path = spool(spools)
    calls = 0

    def counted(operation: Operation[Any]) -> Any:
        nonlocal calls
        calls += 1
        return execute(operation)

    (drained,) = drain(spools, config, counted)

    aside = path.with_name(f"{path.name}.refused").read_text().splitlines()
    assert [f"test::a.py::t{number}" for number in bad] == [json.loads(each)["label"] for each in aside]
    assert (len(bad), True, "BADTYPE" in aside[0]) == (drained.refused, drained.complete, True)
    assert calls < 10 + 20 * len(bad)
    stored = len(list(redis_client.scan_iter("AKA-STATS::LAST::test::*", count=1000)))
    assert len(TESTS) - len(bad) == stored


@pytest.mark.parametrize("lost_at", [None, 1, 2, 3, 5])
@pytest.mark.parametrize("bad", [(), (7, 80)])
@pytest.mark.parametrize("meets", [False, True])
def test_batches_that_overlap_arrive_once(
    spools: Path, config: Config, execute: Execute, redis_client: Redis, lost_at: int | None, bad: Any, meets: bool
) -> None:
    """A batch is made while the server works on another: what is lost, refused or done by others is gone over."""
    for number in bad:
        redis_client.set(f"AKA-STATS::HISTORY::test::a.py::t{number}", "no list")
    spool(spools, tests=[(f"a.py::t{number}", "passed", 0.5) for number in range(400)])
    client = redis.connect(config.redis_url)

    def together(operations: Any) -> list[str]:
        def some() -> Any:
            for at, operation in enumerate(operations, 1):
                if at == lost_at:
                    raise ConnectionLostError("cut")
                if at == 2 and meets:
                    drain(spools, config, execute)
                yield operation

        return redis.run_all(some(), client)

    outcomes = [drain(spools, config, execute, execute_all=together)[0]]
    if outcomes[0].problem:
        outcomes = drain(spools, config, execute)

    assert (True, 400) == (outcomes[0].complete, outcomes[0].tests)
    for number in bad:
        redis_client.delete(f"AKA-STATS::HISTORY::test::a.py::t{number}")
    assert (400 - len(bad), {1}) == (history(redis_client), counts(redis_client))


def test_a_server_that_refuses_everything_gets_nothing_and_costs_nothing(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """With a foreign key in the index's place the points are not to blame: the spool waits."""
    redis_client.set("AKA-STATS::INDEX", "no set")
    spool(spools)

    (drained,) = drain(spools, config, execute)
    redis_client.delete("AKA-STATS::INDEX")
    (again,) = drain(spools, config, execute)

    assert ("BADTYPE" in drained.problem, 0) == (True, drained.refused)
    assert (True, 0, {1}) == (again.complete, again.refused, counts(redis_client))


def test_a_server_that_is_away_costs_no_memory(
    spools: Path, config: Config, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much is read and no more until it is applied; then all of it arrives."""
    monkeypatch.setattr("akastats.delivery.spool_delivery.MAX_PENDING", 100)
    path = spool(spools, tests=[(f"a.py::t{number}", "passed", 0.5) for number in range(8000)])
    is_away = True

    def leaving(operation: Operation[Any]) -> Any:
        if is_away:
            raise ServerUnreachableError("away")
        return execute(operation)

    delivery = Delivery(path, config, leaving)
    for _ in range(100):
        assert delivery.read()
    held = delivery.waiting
    is_away = False
    delivery.deliver()

    assert held < 5000
    assert (True, 8000) == (delivery.is_done, len(delivery.builder.results))


def test_a_run_that_goes_on_is_synced_once_a_second(spools: Path, config: Config, execute: Execute) -> None:
    """And at its end; a drain of leftovers syncs nothing."""
    path = spool(spools, ended=False)
    now, synced = 0.0, []
    delivery = Delivery(path, config, execute, clock=lambda: now)
    delivery._reader.sync = lambda: synced.append(now)  # type: ignore[method-assign]  # counted

    for now in (0.1, 0.9, 1.5, 1.6, 2.4, 2.6):
        with path.open("ab") as file:
            file.write(encode_line(1000 + int(now * 10), '["began","a.py::t",1]'))
        delivery.read()
    with path.open("ab") as file:
        file.write(encode_line(2000, '["end",{"finished":7.0,"exit_code":0,"interrupted":false}]'))
    delivery.read()

    assert [1.5, 2.6, 2.6] == synced


def test_what_lies_beside_spools_goes_when_they_are_gone(spools: Path) -> None:
    """States after a day, what was set aside after three weeks; a spool of nothing after a day."""
    spools.mkdir(parents=True)
    names = ("1-a.state", "1-a.7.tmp", "1-a.aks.bad", "1-b.aks", "1-b.state", "1-c.aks", "1-c.state", "notes.txt")
    for name in names:
        (spools / name).write_text("x" if name != "1-c.aks" else "")

    left = []
    for age in (80_000, 90_000, 22 * 86_400):
        tidy(spools, [], now=lambda age=age: time.time() + age)  # type: ignore[misc]  # a clock
        left.append(sorted(path.name for path in spools.iterdir()))

    kept = ["1-b.aks", "1-b.state", "notes.txt"]
    assert [sorted(names), sorted([*kept, "1-a.aks.bad", "1-c.state"]), kept] == left


def test_applied_spools_make_room_oldest_first(
    spools: Path, config: Config, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all take too much room, those that wait stay."""
    paths = [spool(spools, number) for number in (1, 2, 3)]
    monkeypatch.setattr(draining, "DIRECTORY_BYTES", sum(path.stat().st_size for path in paths) - 1)

    drain(spools, config, execute)

    assert [False, True, True] == [path.exists() for path in paths]


def _copy(path: Path, name: str, size: int | None = None) -> Path:
    """Copy the first bytes of a spool, all by default, under another name."""
    path.with_name(name).write_bytes(path.read_bytes()[:size])
    return path.with_name(name)


@pytest.mark.parametrize("name", ["{stem} (1).aks", "backup of {stem}.copy.aks", "1.aks"])
@pytest.mark.parametrize("says_producer", [True, False], ids=["identity inside", "earlier release"])
def test_a_copy_under_another_name_is_the_same_spool(
    spools: Path, config: Config, execute: Execute, redis_client: Redis, name: str, says_producer: bool
) -> None:
    """What a download, a backup or an artifact tool leaves beside it counts nothing twice."""
    told = {"producer": "0123456789abcdef" * 2} if says_producer else {}
    path = spool(spools, **told)
    drain(spools, config, execute)
    _copy(path, name.format(stem=path.stem))

    outcomes = drain(spools, config, execute)

    assert (90, {1}) == (history(redis_client), counts(redis_client))
    assert [True, True] == [outcome.complete for outcome in outcomes]


@pytest.mark.parametrize("says_producer", [True, False], ids=["identity inside", "earlier release"])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["longer last", "longer first"])
def test_a_copy_that_is_cut_short_adds_and_takes_nothing(
    tmp_path: Path,
    spools: Path,
    config: Config,
    execute: Execute,
    redis_client: Redis,
    order: tuple[int, int],
    ended: bool,
    says_producer: bool,
) -> None:
    """Whichever of two copies comes first: each record counts once, and the longer one tells how the run ended."""
    path = spool(tmp_path / "made", ended=ended, **({"producer": "ab" * 16} if says_producer else {}))
    spools.mkdir(parents=True)
    content = path.read_bytes()
    copies = [content[: len(content) // 2], content]
    for number in order:
        (spools / f"{path.stem} ({number}).aks").write_bytes(copies[number])
        drain(spools, config, execute)

    stored = execute(runs.read_run("AKA-STATS", "run-001"))
    assert (90, {1}) == (history(redis_client), counts(redis_client))
    assert ("failed" if ended else "crashed", "90") == (stored["status"], stored["tests"])


def test_a_run_whose_file_lost_delivered_records_is_crashed(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """The power failed behind a delivery: the server has more than the disk, and no longer copy will come."""
    path = spool(spools, ended=False)
    delivery = Delivery(path, config, execute)
    delivery.deliver()
    delivery.close()
    assert "running" == execute(runs.read_run("AKA-STATS", "run-001"))["status"]
    os.truncate(path, path.stat().st_size // 2)

    drain(spools, config, execute)

    assert "crashed" == execute(runs.read_run("AKA-STATS", "run-001"))["status"]
    assert (90, {1}) == (history(redis_client), counts(redis_client))


def test_a_test_whose_delivered_end_the_file_has_lost_did_not_fail(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """It runs as far as the file tells, and has passed as the server knows."""
    path = spool(spools, tests=TESTS[:2], ended=False)
    seq, now_us = len(path.read_bytes().splitlines()), int(time.time() * 1e6)
    began = encode_line(seq + 1, json.dumps(["began", "a.py::last", now_us]))
    ended = encode_line(seq + 2, json.dumps(["test", "a.py::last", "", "ppp", now_us, 1, 1, 1]))
    path.write_bytes(path.read_bytes() + began + ended)
    delivery = Delivery(path, config, execute)
    delivery.deliver()
    delivery.close()
    os.truncate(path, path.stat().st_size - len(ended))

    drain(spools, config, execute)

    assert "crashed" == execute(runs.read_run("AKA-STATS", "run-001"))["status"]
    assert b"1" == redis_client.get("AKA-STATS::COUNT::test::a.py::last")


def test_a_run_that_is_stored_without_its_cursor_is_left(
    spools: Path, config: Config, execute: Execute, redis_client: Redis
) -> None:
    """Nobody knows how much of it is there: it says how to deliver it, and nothing is counted twice."""
    path = spool(spools)
    drain(spools, config, execute)
    redis_client.delete(*redis_client.scan_iter("AKA-STATS::CURSOR::*"))
    redis_client.hset("AKA-STATS::RUN::run-001", "status", "running")

    (outcome,) = drain(spools, config, execute)

    assert "--force" in outcome.left
    assert (90, {1}) == (history(redis_client), counts(redis_client))
    assert drain_one(path, config, execute, force=True).complete
