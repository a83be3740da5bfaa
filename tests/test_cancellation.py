"""Saves that are cancelled or interrupted: no point is lost in silence, none is written twice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from akastats import Stats, cancellation, push_stat_async
from akastats.config import Config, config
from akastats.redis import async_redis, sync_redis
from akastats.store.push import BATCH_LABELS
from akastats.sync_stats import available_stats, fetch_stats
from tests.faults.proxy import Proxy

# The replies to the first two batches, which are sent together, are lost; others remain.
LABELS = 3 * BATCH_LABELS + 10


@pytest.fixture
def network(server: str, server_url: str) -> Iterator[Proxy]:
    """A way to the server that can be held up, which the library uses."""
    with Proxy(server_url.removeprefix("unix://")) as proxy:
        config.use(Config(redis_url=proxy.url))
        yield proxy
        proxy.heal()
    config.use(Config(redis_url=server_url))


def filled() -> Stats:
    """A block's points, four batches of them."""
    stat = Stats()
    for number in range(LABELS):
        stat(f"label {number}", number)
    return stat


async def hold_up(network: Proxy) -> None:
    """Hold up data sent from now on through open connections."""
    await async_redis.open_connection()
    await push_stat_async("before", 1)
    network.is_open.clear()


async def sent(network: Proxy) -> None:
    """Return when something has been sent to the server, held up behind the proxy."""
    while not network.held:
        await asyncio.sleep(0.001)


def counts() -> set[int]:
    """How often each label has been written."""
    return {int(fetch_stats(label).count) for label in available_stats()}


def test_a_cancelled_save_finishes_and_is_cancelled_then(network):
    """All batches are written once, the caller's cancellation comes through, and saving again writes nothing."""
    stat = filled()

    async def work() -> None:
        await hold_up(network)
        saving = asyncio.ensure_future(stat.save_stats_async())
        await sent(network)
        saving.cancel()
        await asyncio.sleep(0)
        saving.cancel()
        network.is_open.set()
        with pytest.raises(asyncio.CancelledError):
            await saving
        await stat.save_stats_async()
        await async_redis.close()

    asyncio.run(work())
    assert (stat.recorded_stats, len(list(available_stats())), counts()) == ([], LABELS + 1, {1})


def test_a_block_under_a_timeout_is_written(network):
    """`wait_for` around a block that is being saved: its points are there, and the timeout is raised."""

    async def block() -> None:
        async with Stats() as stat:
            stat("a", 1)

    async def work() -> None:
        await hold_up(network)
        waiting = asyncio.ensure_future(asyncio.wait_for(block(), 0.05))
        await sent(network)
        await asyncio.sleep(0.06)
        network.is_open.set()
        with pytest.raises(asyncio.TimeoutError):
            await waiting
        await async_redis.close()

    asyncio.run(work())
    assert fetch_stats("a").count == 1


def test_a_loop_that_ends_cancels_no_save(network):
    """A task that is not awaited, and saves while `asyncio.run` ends, finishes."""
    tasks = []
    stat = Stats()
    stat("a", 1)

    async def work() -> None:
        await hold_up(network)
        tasks.append(asyncio.ensure_future(stat.save_stats_async()))
        await sent(network)
        await async_redis.close()
        network.is_open.set()

    asyncio.run(work())
    assert all(task.cancelled() for task in tasks)
    assert (stat.recorded_stats, list(available_stats()), counts()) == ([], ["a", "before"], {1})


def test_what_may_have_been_written_is_not_sent_again(network, monkeypatch, caplog):
    """Without a reply a warning reports the batches in flight; the other points stay in the object."""
    monkeypatch.setattr(cancellation, "PATIENCE_S", 0.05)
    stat = filled()

    async def work() -> None:
        await hold_up(network)
        saving = asyncio.ensure_future(stat.save_stats_async())
        await sent(network)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        network.is_open.set()
        await async_redis.close()

    asyncio.run(work())
    assert len(stat.recorded_stats) == LABELS - 2 * BATCH_LABELS
    assert f"{2 * BATCH_LABELS} points may or may not have been written and are not sent again" in caplog.text
    stat.save_stats()
    assert counts() == {1}


def test_an_error_of_a_cancelled_save_is_logged(network, caplog):
    """The cancellation is raised; the log reports the number of kept points."""
    stat = filled()

    async def work() -> None:
        await hold_up(network)
        saving = asyncio.ensure_future(stat.save_stats_async())
        await sent(network)
        saving.cancel()
        await asyncio.sleep(0)
        network.sever()
        with pytest.raises(asyncio.CancelledError):
            await saving
        await async_redis.close()

    asyncio.run(work())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert f"{LABELS} points are still in this object" in caplog.text
    assert len(stat.recorded_stats) == LABELS


def test_a_save_that_is_interrupted_is_not_doubled(network, monkeypatch, caplog):
    """After Ctrl-C during a reply, a warning reports possibly written points, which are not sent again."""
    stat = filled()
    with sync_redis() as (_, writer):
        pool = writer.connection_pool
        connection = pool.get_connection()
        pool.release(connection)

        def interrupt(*args: object, **options: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(type(connection), "read_response", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stat.save_stats()
        monkeypatch.undo()
        kept = len(stat.recorded_stats)
        stat.save_stats()

    assert kept == LABELS - 2 * BATCH_LABELS
    assert f"{2 * BATCH_LABELS} points may or may not" in caplog.text
    assert counts() == {1}


@pytest.mark.parametrize("error", [RuntimeError("of the driver"), TypeError("of the driver"), OSError("of it")])
@pytest.mark.parametrize("flavour", ["with", "async with"])
def test_the_block_s_own_exception_wins_over_any_error_of_a_save(monkeypatch, caplog, error, flavour):
    """A foreign error is logged, and the block's exception is raised."""

    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(sync_redis, "run_all", fail)
    monkeypatch.setattr("akastats.redis.async_redis.run_all", fail)

    async def in_asyncio() -> None:
        async with Stats():
            raise ZeroDivisionError("of the block")

    def blocking() -> None:
        with Stats():
            raise ZeroDivisionError("of the block")

    with pytest.raises(ZeroDivisionError, match="of the block"):
        blocking() if flavour == "with" else asyncio.run(in_asyncio())

    assert str(error) in caplog.text
