"""`Stats`, `push_stat` and `push_stat_async`: what a block writes, keeps and says."""

from __future__ import annotations

import asyncio
import logging
import time
from enum import Enum

import pytest
from redis import Redis

from akastats import Stats, push_stat, push_stat_async
from akastats.config import Config, config
from akastats.errors import ServerError
from akastats.sync_stats import available_stats, contexts, fetch_stats, stat_history


def sync_block(fill, **options) -> Stats:
    """A `with` block that `fill` fills."""
    with Stats(**options) as stat:
        fill(stat)
    return stat


def async_block(fill, **options) -> Stats:
    """The same, `async with`."""

    async def work() -> Stats:
        async with Stats(**options) as stat:
            fill(stat)
        return stat

    return asyncio.run(work())


@pytest.fixture(params=[sync_block, async_block], ids=["with", "async with"])
def block(request, server):
    """Run a function inside a block of either kind, on an empty server."""
    return request.param


def test_a_block_writes_when_it_ends(block):
    """Everything given is written, with its moment, and leaves the object."""
    before = time.time()

    stat = block(lambda stat: [stat("a", 1), stat("a", 3, context="why"), stat("b", 2)])

    assert stat.recorded_stats == []
    assert fetch_stats("a")[:6] == (3, 4, 2, pytest.approx(2**0.5), 2, 1)
    assert before <= fetch_stats("a").last_time <= time.time()
    newest, oldest = stat_history("a")
    assert contexts([newest.context_id]) == {newest.context_id: b"why"}
    assert oldest.context_id == ""
    assert list(available_stats()) == ["a", "b"]


def test_an_exception_in_a_block_is_recorded_and_goes_on(block):
    """Points recorded before it are written too, and the caller gets the exception."""

    def fail(stat: Stats) -> None:
        stat("before", 1)
        int("test")

    with pytest.raises(ValueError, match="invalid literal"):
        block(fail)

    assert list(available_stats()) == ["before", "errors__EXC:ValueError", "errors__all"]
    (point,) = stat_history("errors__EXC:ValueError")
    assert b"invalid literal for int()" in contexts([point.context_id])[point.context_id]


def test_a_bad_value_costs_only_itself(block):
    """An invalid value raises immediately; points recorded before it are written."""

    def fail(stat: Stats) -> None:
        stat("good", 1)
        stat("bad", float("nan"))

    with pytest.raises(ValueError, match="bad"):
        block(fail)

    assert "good" in list(available_stats())
    assert "bad" not in list(available_stats())


def test_the_prefix_is_the_namespace(block, redis_client: Redis):
    """`prefix=` goes before the configured namespace, for writing and reading."""
    block(lambda stat: stat("a", 1), prefix="MINE")
    push_stat("a", 2, prefix="MINE")
    asyncio.run(push_stat_async("a", 3, prefix="MINE"))

    assert fetch_stats("a", prefix="MINE").total == 6
    assert list(available_stats(prefix="MINE")) == ["a"]
    assert len(stat_history("a", prefix="MINE")) == 3
    assert not any(name.startswith(b"AKA-STATS") for name in redis_client.scan_iter())


def test_push_stat_s_third_argument_is_the_context(server):
    """One number is written at once, with or without a context."""
    push_stat("a", 1, b"\x00cake")
    asyncio.run(push_stat_async("a", 2, "cake"))
    push_stat("a", 3)

    ids = [point.context_id for point in stat_history("a")]
    assert ids[0] == ""
    assert contexts(ids[1:]) == {ids[1]: b"cake", ids[2]: b"\x00cake"}


@pytest.mark.parametrize(("label", "value"), [("", 1), ("a", float("inf")), ("a", "1")])
def test_a_refused_push_asks_no_server(label, value):
    """An invalid label or value raises `ValueError` even without a server."""
    config.use(Config(redis_url="redis://127.0.0.1:1"))

    with pytest.raises(ValueError, match="label"):
        push_stat(label, value)
    with pytest.raises(ValueError, match="label"):
        asyncio.run(push_stat_async(label, value))

    config.use(None)


def test_a_block_without_a_server_keeps_its_points(server, server_url):
    """The error mentions the points, and `save_stats` sends them when the server is back."""
    stat = Stats()
    stat("a", 1)
    stat("a", 2)
    config.use(Config(redis_url="redis://127.0.0.1:1"))

    with pytest.raises(ServerError, match=r"2 points are still in this object: call save_stats\(\) again"):
        stat.save_stats()
    with pytest.raises(ServerError, match="2 points are still in this object"):
        asyncio.run(stat.save_stats_async())

    config.use(Config(redis_url=server_url))
    stat("a", 3)
    stat.save_stats()
    assert (fetch_stats("a").count, stat.recorded_stats) == (3, [])


def test_a_server_that_is_away_does_not_hide_the_block_s_own_exception(caplog):
    """The caller gets the block's exception; the log mentions the kept points."""
    config.use(Config(redis_url="redis://127.0.0.1:1"))

    for kind in (sync_block, async_block):
        with pytest.raises(ZeroDivisionError):
            kind(lambda stat: stat("a", 1 / 0))

    config.use(None)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "2 points are still in this object" in caplog.text


def test_a_partial_failure_keeps_what_was_not_written(block, redis_client: Redis):
    """Of three batches one is refused: the others are written, and only its points stay."""
    redis_client.set("AKA-STATS::HISTORY::label 150", "in the way")
    kept: list[Stats] = []

    def fill(stat: Stats) -> None:
        kept.append(stat)
        for number in range(250):
            stat(f"label {number}", number)

    with pytest.raises(ServerError, match="BADTYPE"):
        block(fill)

    left = {point.label for point in kept[0].recorded_stats}
    written = set(available_stats())
    assert "label 150" in left
    assert left | written == {f"label {number}" for number in range(250)}
    assert not left & written
    assert len(written) >= 100
    redis_client.delete("AKA-STATS::HISTORY::label 150")
    kept[0].save_stats()
    assert {fetch_stats(f"label {number}").count for number in range(250)} == {1}


def test_many_points_of_many_labels_are_all_written(block):
    """Thousands of points in one block arrive, each once."""
    block(lambda stat: [stat(f"label {n % 700}", n, context=str(n % 30)) for n in range(7000)])

    assert len(list(available_stats())) == 700
    assert {fetch_stats(f"label {n}").count for n in range(0, 700, 50)} == {10}


def test_an_own_log_and_silence(server, caplog):
    """`log` is where warnings go, and `disable_warnings` stops them."""
    log = logging.getLogger("mine")

    with Stats(None, log) as stat:
        stat.exception()
    with Stats(None, log, True) as stat:
        stat.exception()

    assert [record.name for record in caplog.records] == ["mine"]
    assert fetch_stats("errors__all").count == 2


def test_an_empty_block_asks_no_server():
    """Where nothing was recorded nothing is sent, so no server is needed."""
    config.use(Config(redis_url="redis://127.0.0.1:1"))

    sync_block(lambda stat: None)
    async_block(lambda stat: None)

    config.use(None)


def test_the_history_size_is_the_configured_one(server, server_url):
    """`AKA_STATS_HISTORY_SIZE` bounds the stored and the returned points."""
    config.use(Config(redis_url=server_url, history_size=3))

    sync_block(lambda stat: [stat("a", number) for number in range(5)])

    assert [point.value for point in stat_history("a")] == [4, 3, 2]
    assert [point.value for point in stat_history("a", size=2)] == [4, 3]
    assert fetch_stats("a").count == 5


class Service(str, Enum):
    """Labels as a program may keep them."""

    LOGIN = "login"


def test_a_label_may_be_an_enum_s_member(block):
    """Its value is the label, for writing and for every reader."""
    block(lambda stat: stat(Service.LOGIN, 1))
    push_stat(Service.LOGIN, 3)

    assert list(available_stats()) == ["login"]
    assert fetch_stats("login").count == fetch_stats(Service.LOGIN).count == 2
    assert [point.value for point in stat_history(Service.LOGIN)] == [3, 1]


def test_the_object_tells_its_namespace(server):
    """`prefix` is the one given, else the configured one, as in 21.2.5; it can be changed."""
    stat = Stats()
    assert (stat.prefix, Stats("MINE").prefix) == ("AKA-STATS", "MINE")

    stat.prefix = "OTHER"
    stat("a", 1)
    stat.save_stats()

    assert fetch_stats("a", prefix="OTHER").count == 1


def test_an_empty_prefix_is_one_too(block):
    """Writing and reading without a namespace use the same one."""
    block(lambda stat: stat("a", 1), prefix="")

    assert fetch_stats("a", prefix="").count == 1
    assert (list(available_stats(prefix="")), list(available_stats())) == (["a"], [])
