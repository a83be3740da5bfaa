"""quarantine.lua on a real server: expired entries are removed, invalid ones stay, and the number is limited."""

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
    """Execute an operation, blocking and with asyncio."""
    if request.param == "async":
        return lambda operation: asyncio.run(async_redis.run(operation))
    return sync_redis.run


def make_entry(seconds: float) -> bytes:
    """Return an entry that ends at `seconds` since the epoch."""
    return json.dumps({"until": seconds, "reason": "x"}).encode()


def test_expired_entries_are_removed_with_the_next_one(execute, redis_client):
    """By the server's clock; later and invalid entries stay."""
    stored = {b"later": make_entry(4e9), b"torn": b"{", b"list": b"[1]", b"strange": b'{"until":"soon"}'}
    redis_client.hset(KEY, mapping={**stored, b"over": make_entry(1e9)})

    is_added = execute(put(NAMESPACE, "new", make_entry(5e9)))

    assert is_added is True
    assert {**stored, b"new": make_entry(5e9)} == redis_client.hgetall(KEY)
    assert 91 * 86_400 < redis_client.ttl(KEY) <= 92 * 86_400


def test_there_is_room_for_so_many(execute, redis_client, monkeypatch):
    """Who is in may be changed, a further one is not taken."""
    monkeypatch.setattr(quarantine_storage, "MAX_ENTRIES", 2)

    is_added = [execute(put(NAMESPACE, label, make_entry(4e9))) for label in ("a", "b", "c", "a")]

    assert [True, True, False, True] == is_added
    assert {b"a", b"b"} == set(redis_client.hgetall(KEY))


def test_what_is_over_makes_room(execute, redis_client, monkeypatch):
    """Before it is asked whether there is any."""
    monkeypatch.setattr(quarantine_storage, "MAX_ENTRIES", 1)
    redis_client.hset(KEY, "over", make_entry(1e9))

    assert execute(put(NAMESPACE, "new", make_entry(4e9))) is True


def test_all_is_read_with_the_server_s_time(execute, redis_client):
    """Expired entries are returned too; the caller decides."""
    redis_client.hset(KEY, "over", make_entry(1e9))

    stored_entries = execute(read_entries(NAMESPACE))

    assert {"over": make_entry(1e9)} == stored_entries.entries
    assert abs(redis_client.time()[0] - stored_entries.now) <= 5


def test_removing_tells_whether_it_was_there(execute):
    """Twice is once."""
    execute(put(NAMESPACE, "a", make_entry(4e9)))

    assert [True, False] == [execute(remove(NAMESPACE, "a")), execute(remove(NAMESPACE, "a"))]
