"""Listing: rows and records brought up to date after runs, by anyone, any number of times."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.indexing import refresh
from akastats.errors import ConnectionLostError, ServerError
from akastats.model import rows
from akastats.redis import connect, run
from akastats.store import indexes, keys
from tests.delivered_runs import LETTERS, STARTED, spool

NAMESPACE = "AKA-STATS"
Deliver = Callable[..., str]


@pytest.fixture
def deliver(server, tmp_path, execute) -> Deliver:
    """Deliver a run, the `at`th, without listing it; return its id."""

    def deliver(at: int, tests: list[Any], **told: Any) -> str:
        run_id = f"20231114T22{at:07d}-000001"
        path = spool(tmp_path / str(at), tests, run_id=run_id, started=STARTED + 100 * at, **told)
        assert not drain_one(path, Config(redis_url=server), execute, force=True).problem
        return run_id

    return deliver


def row(client: Redis, label: str = "test::a.py::b") -> rows.Row | None:
    """Return a test's row as it is stored."""
    return rows.unpack(client.hget(keys.tests(NAMESPACE), label))


def everything(client: Redis) -> dict[bytes, Any]:
    """Return all that lists are read from, but for times of change."""
    stored: dict[bytes, Any] = {key: client.hgetall(key) for key in client.keys(f"{NAMESPACE}::ERROR::*")}
    return stored | {
        b"TESTS": client.hgetall(keys.tests(NAMESPACE)),
        b"ERRORS": client.zrange(keys.errors(NAMESPACE), 0, -1, withscores=True),
    }


def test_a_run_that_was_delivered_waits_to_be_listed(deliver, execute, redis_client):
    """Whoever applies a run's end notes it in the same script; listing takes it out."""
    run_id = deliver(1, [("a.py::b", "passed", 0.5)])
    waiting = redis_client.zrange(keys.pending_index(NAMESPACE), 0, -1)

    listed = execute(refresh(Config(), [run_id]))

    assert ([run_id.encode()], 1, 0) == (waiting, listed, redis_client.exists(keys.pending_index(NAMESPACE)))


def test_what_a_killed_shipper_left_the_next_one_lists(deliver, execute, redis_client):
    """Runs that have waited for a minute are nobody's; one that has just ended is its own shipper's."""
    left = deliver(1, [("a.py::b", "passed", 0.5)])
    fresh = deliver(2, [("a.py::c", "passed", 0.5)])
    seconds, _ = redis_client.time()
    redis_client.zadd(keys.pending_index(NAMESPACE), {left: seconds - indexes.ORPHANED_S - 1})

    listed = execute(refresh(Config()))

    assert (1, [fresh.encode()]) == (listed, redis_client.zrange(keys.pending_index(NAMESPACE), 0, -1))
    assert [b"test::a.py::b"] == redis_client.hkeys(keys.tests(NAMESPACE))


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_what_the_whole_history_comes_to(deliver, execute, redis_client, seed):
    """Run by run, late ones between, with reruns, several attempts and none: as if read at once."""
    chance = random.Random(seed)
    outcomes = list(LETTERS)
    order = list(range(1, 13))
    for at in chance.sample(order, len(order)) if seed % 2 else order:
        tests = [("a.py::b", chance.choice(outcomes), chance.random()) for _ in range(chance.randint(1, 12))]
        run_id = deliver(at, tests)
        if chance.random() < 0.7:
            execute(refresh(Config(), [run_id]))
    execute(refresh(Config()))
    made_bit_by_bit = row(redis_client)

    redis_client.delete(keys.tests(NAMESPACE))
    redis_client.zadd(keys.pending_index(NAMESPACE), {run_id: 1.0})
    execute(refresh(Config()))
    # A run of skipped tests only lists nothing: then any other does.
    for at in order:
        redis_client.zadd(keys.pending_index(NAMESPACE), {f"20231114T22{at:07d}-000001": 1.0})
    execute(refresh(Config()))

    assert row(redis_client) is not None
    assert row(redis_client) == made_bit_by_bit


def test_listing_twice_counts_nothing_twice(deliver, execute, redis_client):
    """A listing that was cut short anywhere is done again."""
    run_id = deliver(1, [("a.py::b", "failed", 0.5), ("a.py::c", "failed", 0.5), ("a.py::d", "passed", 0.1)])
    score = redis_client.zscore(keys.pending_index(NAMESPACE), run_id)
    execute(refresh(Config(), [run_id]))
    once = everything(redis_client)

    redis_client.zadd(keys.pending_index(NAMESPACE), {run_id: score})
    execute(refresh(Config(), [run_id]))

    assert once == everything(redis_client)


@pytest.mark.parametrize("stored", [b'[1,null,1,1,1,1,1,"",[]]', b"[]", b"\xff"])
def test_a_damaged_row_is_made_anew(deliver, execute, redis_client, stored):
    """Whatever stands there, the run is listed, and those after it."""
    redis_client.hset(keys.tests(NAMESPACE), "test::a.py::b", stored)

    execute(refresh(Config(), [deliver(1, [("a.py::b", "passed", 0.5)])]))

    assert row(redis_client).durations == (0.5,)


@pytest.mark.parametrize("revision", [b"x", b"\xff", b""])
def test_a_damaged_revision_keeps_what_is_known(deliver, execute, redis_client, revision):
    """The next run's failures are added to those before."""
    execute(refresh(Config(), [deliver(1, [("a.py::b", "failed", 0.5)])]))
    (key,) = redis_client.keys(f"{NAMESPACE}::ERROR::*")
    redis_client.hset(key, "revision", revision)

    execute(refresh(Config(), [deliver(2, [("a.py::b", "failed", 0.5)])]))

    assert (b"2", b"1") == tuple(redis_client.hmget(key, "count", "revision"))


@pytest.mark.parametrize("after", range(1, 12))
def test_a_listing_that_breaks_off_is_done_again(deliver, server, execute, redis_client, after):
    """Wherever the server goes away, what the next one lists is the same as if nothing had happened."""
    run_id = deliver(1, [("a.py::b", "failed", 0.5), ("a.py::c", "passed", 0.5)])
    client = connect(server)

    def broken():
        operation = refresh(Config(), [run_id])
        request = next(operation)
        for _ in range(after):
            request = operation.send((yield request))
        raise ConnectionLostError("gone")

    try:
        run(broken(), client, client)
    except (ServerError, RuntimeError):
        pass
    execute(refresh(Config(), [run_id]))
    execute(refresh(Config()))
    healed = everything(redis_client)

    assert 2 == len(healed[b"TESTS"])
    assert 1 == len(healed[b"ERRORS"])
    (record,) = (value for key, value in healed.items() if b"::ERROR::" in key)
    assert (b"1", b"1") == (record[b"count"], record[b"runs"])


def test_a_run_told_anew_meanwhile_stays_unlisted(deliver, execute, redis_client):
    """A final word on a run that comes while its first one is listed is listed too."""
    run_id = deliver(1, [("a.py::b", "passed", 0.5)])
    waiting = execute(indexes.read_pending(NAMESPACE, [run_id]))
    redis_client.zadd(keys.pending_index(NAMESPACE), {run_id: STARTED + 5000})

    taken = execute(indexes.remove_pending(NAMESPACE, waiting))

    assert (0, STARTED + 5000) == (taken, redis_client.zscore(keys.pending_index(NAMESPACE), run_id))


def test_two_that_list_at_once_lose_nothing(deliver, server, execute, redis_client):
    """A record that somebody else has changed meanwhile is read again."""
    first, second = deliver(1, [("a.py::b", "failed", 0.5)]), deliver(2, [("a.py::c", "failed", 0.5)])
    client = connect(server)
    slow = refresh(Config(), [first])
    request = next(slow)
    while not (request.commands[0][0] == "HMGET" and "::ERROR::" in str(request.commands[0][1])):
        request = _next(slow, client, request)
    answers = _answers(client, request)
    execute(refresh(Config(), [second]))
    try:
        request = slow.send(answers)
        while True:
            request = _next(slow, client, request)
    except StopIteration:
        pass

    (record,) = (redis_client.hgetall(key) for key in redis_client.keys(f"{NAMESPACE}::ERROR::*"))

    assert (b"2", b"2", b"2") == (record[b"count"], record[b"runs"], record[b"tests"])


def _next(operation: Any, client: Any, request: Any) -> Any:
    """Answer a request, with the error of a server that does not hold the script yet; return the next one."""
    try:
        answers = _answers(client, request)
    except ServerError as error:
        return operation.throw(error)
    return operation.send(answers)


def _answers(client: Any, request: Any) -> list[Any]:
    def one():
        return (yield request)

    return run(one(), client, client)


def test_a_run_whose_profile_is_gone_is_listed_as_nothing(deliver, execute, redis_client):
    """Nobody can ever list it: it waits no more."""
    run_id = deliver(1, [("a.py::b", "passed", 0.5)])
    redis_client.set(keys.profile(NAMESPACE, run_id), b"not ours")

    assert 1 == execute(refresh(Config(), [run_id]))
    assert (0, 0) == (
        redis_client.exists(keys.tests(NAMESPACE)),
        redis_client.exists(keys.pending_index(NAMESPACE)),
    )


def test_rows_live_as_long_as_their_labels(deliver, execute, redis_client):
    """A test that has not run for two weeks leaves the list, a hundred with each change."""
    execute(refresh(Config(), [deliver(1, [("a.py::b", "passed", 0.5), ("a.py::c", "passed", 0.5)])]))
    seconds, _ = redis_client.time()
    redis_client.zadd(keys.tests_at(NAMESPACE), {"test::a.py::b": seconds - keys.LABEL_TTL_S - 1})

    execute(refresh(Config(), [deliver(2, [("a.py::c", "passed", 0.5)])]))

    assert [b"test::a.py::c"] == redis_client.hkeys(keys.tests(NAMESPACE))
    assert 0 < redis_client.ttl(keys.tests(NAMESPACE)) <= keys.LABEL_TTL_S


def test_failures_that_are_long_gone_are_forgotten(deliver, execute, redis_client):
    """After the days that runs are kept for, with their records: by the server's clock, not by theirs."""
    config, other = Config(run_days=1), "E   KeyError: 'a'"
    execute(refresh(config, [deliver(1, [("a.py::b", "failed", 0.5)])]))
    (first,) = redis_client.zrange(keys.errors(NAMESPACE), 0, -1)
    seconds, _ = redis_client.time()

    execute(refresh(config, [deliver(1000, [("a.py::b", "failed", 0.5, other)])]))
    both = redis_client.zcard(keys.errors(NAMESPACE))
    redis_client.zadd(keys.errors_at(NAMESPACE), {first: seconds - 86_401})
    execute(refresh(config, [deliver(1001, [("a.py::b", "failed", 0.5, other)])]))

    sizes = [redis_client.zcard(key(NAMESPACE)) for key in (keys.errors, keys.errors_at)]
    assert [2, 1, 1, 1] == [both, *sizes, len(redis_client.keys(f"{NAMESPACE}::ERROR::*"))]


def test_a_change_is_always_later_than_the_one_before(execute, redis_client):
    """A server's clock that was set back hides no change from a reader."""
    redis_client.zadd(keys.tests_at(NAMESPACE), {"later": 9_000_000_000.0})
    execute(indexes.store_rows(NAMESPACE, {"now": b"[]"}))

    changed = execute(indexes.read_changes(keys.tests_at(NAMESPACE), 9_000_000_000.0))

    assert ["now"] == list(changed.members)


def test_a_listing_of_many_tests_takes_bounded_steps(deliver, execute, redis_client):
    """250 tests are three steps of at most a hundred."""
    run_id = deliver(1, [(f"a.py::t{at}", "passed", 0.5) for at in range(250)])
    redis_client.config_resetstat()

    execute(refresh(Config(), [run_id]))

    calls = redis_client.info("commandstats")
    assert 250 == redis_client.hlen(keys.tests(NAMESPACE))
    assert 3 == calls["cmdstat_hset"]["calls"]
