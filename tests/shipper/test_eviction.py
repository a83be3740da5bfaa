"""Servers that evict keys when memory is full: a redelivery counts no point twice in a label that remains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from akastats.config import config
from akastats.delivery.spool_delivery import Delivery
from akastats.redis import connect, run
from akastats.store.server import check_eviction
from conftest import Execute, eventually
from tests.delivery.test_spool_delivery import counts, write_spool


@pytest.fixture
def evicting(server: str, redis_client: Redis) -> Iterator[None]:
    """A server that may evict keys, as many hosted ones do by default."""
    redis_client.config_set("maxmemory-policy", "allkeys-lru")
    redis_client.config_resetstat()
    yield
    redis_client.config_set("maxmemory", 0)
    redis_client.config_set("maxmemory-policy", "noeviction")
    redis_client.config_resetstat()


def drained(path: Path, execute: Execute) -> Delivery:
    """Deliver a spool that may have been delivered before."""
    delivery = Delivery(path, config.now(), execute, syncs=False)
    delivery.finish()
    return delivery


def forget(client: Redis, *patterns: str) -> None:
    """Delete the keys that match, as eviction does."""
    for pattern in patterns:
        for name in client.scan_iter(pattern, count=1000):
            client.delete(name)


@pytest.mark.parametrize("lost", [["*::CURSOR::*"], ["*::CURSOR::*", "*::RUN*", "*::PROFILE::*"]])
def test_a_lost_cursor_doubles_nothing(tmp_path, evicting, execute, redis_client, lost):
    """Points that the labels contain are not applied again, with and without the record of the run."""
    path = write_spool(tmp_path)
    drained(path, execute)
    assert counts(redis_client) == {1}

    forget(redis_client, *lost)
    drained(path, execute)

    assert counts(redis_client) == {1}
    assert len(redis_client.keys("*::CURSOR::*")) == 1


def test_a_cursor_lost_during_a_run_doubles_and_loses_nothing(tmp_path, evicting, execute, redis_client):
    """The shipper continues after the records that it applied."""
    path = write_spool(tmp_path)
    delivery = Delivery(path, config.now(), execute)
    delivery.read()
    delivery.read_cursor()
    delivery._apply_next()
    delivery._apply_next()
    half = len(redis_client.keys("*::COUNT::*"))
    forget(redis_client, "*::CURSOR::*")

    delivery.deliver()

    assert 0 < half < len(redis_client.keys("*::COUNT::*"))
    assert counts(redis_client) == {1}
    assert delivery.is_done


def test_lost_labels_are_restored_but_not_parts_of_labels(tmp_path, evicting, execute, redis_client):
    """A label without any key is applied again; one that lost its history or its count is not changed."""
    path = write_spool(tmp_path)
    drained(path, execute)
    forget(redis_client, "*::CURSOR::*", "*::test::a.py::t1", "*::HISTORY::test::a.py::t2")
    redis_client.set("AKA-STATS::TOTAL::test::a.py::t2", "7")

    drained(path, execute)

    assert redis_client.get("AKA-STATS::COUNT::test::a.py::t1") == b"1"
    assert redis_client.get("AKA-STATS::TOTAL::test::a.py::t2") == b"7"
    assert counts(redis_client) == {1}


def test_what_the_server_really_evicts_doubles_nothing(tmp_path, evicting, execute, redis_client):
    """Other data fills the memory and keys of all kinds are evicted, but no count is too high."""
    path = write_spool(tmp_path)
    drained(path, execute)
    limit = redis_client.info("memory")["used_memory"]
    redis_client.config_set("maxmemory", limit)
    for number in range(5000):
        redis_client.set(f"other {number}", "x" * 500)
        if number % 50 == 0 and not redis_client.keys("*::CURSOR::*"):
            break
    survivors = len(redis_client.keys("*::COUNT::*"))
    redis_client.config_set("maxmemory", 0)

    drained(path, execute)

    assert survivors < 290
    assert counts(redis_client) == {1}


def test_a_server_without_eviction_gets_everything_again_after_a_restore(tmp_path, server, execute, redis_client):
    """There a missing cursor means older data, so all records are applied."""
    path = write_spool(tmp_path)
    assert execute(check_eviction()) is False
    drained(path, execute)
    redis_client.flushall()

    drained(path, execute)

    assert counts(redis_client) == {1}


def test_whether_a_server_evicts_is_read_without_config(evicting, execute, redis_client, server_url):
    """From INFO, also for a user who may not read the configuration. If INFO is denied, it may evict."""
    assert execute(check_eviction()) is True
    for permissions, expected in (({"+info"}, True), (set(), True)):
        redis_client.acl_setuser("narrow", enabled=True, nopass=True, reset=True, keys=["*"], commands=permissions)
        client = connect(server_url.replace("unix://", "unix://narrow:x@"))
        assert run(check_eviction(), client, client) is expected
        client.connection_pool.disconnect()
    redis_client.acl_deluser("narrow")


def test_a_policy_that_evicted_once_is_not_forgotten(evicting, execute, redis_client):
    """A server whose policy was changed later has still evicted keys."""
    for number in range(200):
        redis_client.set(f"other {number}", "x" * 5000)
    redis_client.config_set("maxmemory", redis_client.info("memory")["used_memory"] - 100_000)
    assert eventually(lambda: redis_client.dbsize() < 200)
    redis_client.config_set("maxmemory", 0)
    redis_client.config_set("maxmemory-policy", "noeviction")

    assert execute(check_eviction()) is True
