"""quarantine.lua on a real server: what is over goes, what cannot be read stays, and there is an end of room."""

from __future__ import annotations

import asyncio
import json

import pytest

from akastats.redis import async_redis, sync_redis
from akastats.store import keys
from akastats.triage import quarantine_storage
from akastats.triage.quarantine_storage import put, read_entries, remove

NAMESPACE = "N"
KEY = keys.quarantine(NAMESPACE)


@pytest.fixture(params=["sync", "async"])
def execute(request, server):
    """Carry out an operation, blocking and awaiting."""
    if request.param == "async":
        return lambda operation: asyncio.run(async_redis.run(operation))
    return sync_redis.run


def ending(seconds: float) -> bytes:
    """Return an entry that ends so many seconds from the epoch."""
    return json.dumps({"until": seconds, "reason": "x"}).encode()


def test_what_is_over_goes_when_another_is_put(execute, redis_client):
    """By the server's clock; what ends later and what nobody can read stays."""
    kept = {b"later": ending(4e9), b"torn": b"{", b"list": b"[1]", b"strange": b'{"until":"soon"}'}
    redis_client.hset(KEY, mapping={**kept, b"over": ending(1e9)})

    told = execute(put(NAMESPACE, "new", ending(5e9)))

    assert told is True
    assert {**kept, b"new": ending(5e9)} == redis_client.hgetall(KEY)
    assert 91 * 86_400 < redis_client.ttl(KEY) <= 92 * 86_400


def test_there_is_room_for_so_many(execute, redis_client, monkeypatch):
    """Who is in may be changed, a further one is not taken."""
    monkeypatch.setattr(quarantine_storage, "MAX_ENTRIES", 2)

    told = [execute(put(NAMESPACE, label, ending(4e9))) for label in ("a", "b", "c", "a")]

    assert [True, True, False, True] == told
    assert {b"a", b"b"} == set(redis_client.hgetall(KEY))


def test_what_is_over_makes_room(execute, redis_client, monkeypatch):
    """Before it is asked whether there is any."""
    monkeypatch.setattr(quarantine_storage, "MAX_ENTRIES", 1)
    redis_client.hset(KEY, "over", ending(1e9))

    assert execute(put(NAMESPACE, "new", ending(4e9))) is True


def test_all_is_read_with_the_server_s_time(execute, redis_client):
    """Also what is over: the reader decides."""
    redis_client.hset(KEY, "over", ending(1e9))

    found = execute(read_entries(NAMESPACE))

    assert {"over": ending(1e9)} == found.entries
    assert abs(redis_client.time()[0] - found.now) <= 5


def test_removing_tells_whether_it_was_there(execute):
    """Twice is once."""
    execute(put(NAMESPACE, "a", ending(4e9)))

    assert [True, False] == [execute(remove(NAMESPACE, "a")), execute(remove(NAMESPACE, "a"))]
