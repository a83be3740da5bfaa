"""Several operations at a time: results, errors, and commands per message."""

from __future__ import annotations

import asyncio

import pytest

from akastats.errors import ServerError
from akastats.redis import async_redis, sync_redis
from akastats.store.requests import send_writes


@pytest.fixture(params=["sync", "async"])
def run_all(request, server):
    """Execute writing operations, blocking or with asyncio; return the results."""
    if request.param == "sync":
        return sync_redis.run_all
    return lambda operations: asyncio.run(async_redis.run_all(operations))


def test_every_result_comes(run_all):
    """What operations return is there in the end, those that ask nothing included."""

    def one(number: int):
        if number % 3:
            yield from send_writes(("SET", f"key {number}", number))
        return number

    assert sorted(run_all(one(number) for number in range(10))) == list(range(10))


def test_after_an_error_what_is_under_way_is_finished_and_no_more_is_sent(run_all, redis_client):
    """The one beside the failing one is done, the ones behind are not begun."""
    redis_client.set("text", "x")
    commands = [("INCR", "text"), ("INCR", "beside"), ("INCR", "behind")]

    with pytest.raises(ServerError, match="refused"):
        run_all(send_writes(command) for command in commands)

    assert (redis_client.get("beside"), redis_client.get("behind")) == (b"1", None)


def test_an_error_in_making_an_operation_is_raised_after_the_others(run_all, redis_client):
    """An operation that cannot be made does not cost the one that was sent."""

    def broken():
        raise ValueError("broken")
        yield

    with pytest.raises(ValueError, match="broken"):
        run_all([send_writes(("INCR", "a")), broken()])

    assert redis_client.get("a") == b"1"


def test_several_commands_of_one_operation_are_one_message(run_all):
    """An operation may ask for several at once, and again."""

    def twice():
        first = yield from send_writes(("INCR", "a"), ("INCR", "a"))
        second = yield from send_writes(("INCR", "a"))
        return [*first, *second]

    assert run_all([twice(), twice()]) == [[1, 2, 5], [3, 4, 6]]
