"""The fixtures for users' tests, used as users would."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest
from redis import Redis

from akastats import Stats, async_stats, push_stat, push_stat_async, sync_stats
from akastats.config import Config, config
from akastats.errors import AkastatsError
from akastats.redis import sync_redis
from akastats.testing import connect_fakes, fake_stats, mock_stats, recording

__all__ = ["fake_stats", "mock_stats"]


@pytest.fixture(autouse=True)
def _no_server():
    """Nothing answers here: a push that got out would fail."""
    config.use(Config(redis_url="redis://127.0.0.1:1"))
    yield
    config.use(None)


def do_something() -> None:
    """Code under test that imported `Stats` and `push_stat` long before."""
    with Stats() as stat:
        stat("test", 1)
        stat("with a context", 2.5, context=b"why")
    push_stat("pushed", 3, "because")


async def do_something_async() -> None:
    """The same for asyncio."""
    async with Stats() as stat:
        stat("test", 1)
    await push_stat_async("pushed", 3)


def values(points):
    """Return the pushed points without their times."""
    return [point[1:] for point in points]


def test_mock_stats_records_points_in_order(mock_stats):
    """Every point is (time, label, value, context), as it was given."""
    do_something()

    assert values(mock_stats) == [
        ("test", 1, None),
        ("with a context", 2.5, b"why"),
        ("pushed", 3, "because"),
    ]
    assert mock_stats[0] == (mock_stats[0].timestamp, "test", 1, None)


def test_mock_stats_records_asyncio_s(mock_stats):
    """`async with Stats()` and `push_stat_async` are recorded like their twins."""
    asyncio.run(do_something_async())

    assert values(mock_stats) == [("test", 1, None), ("pushed", 3, None)]


def test_mock_stats_sees_late_imports_and_saves(mock_stats):
    """`akastats.stats.Stats` and `save_stats` by hand are the same object and method."""
    import akastats.stats

    stat = akastats.stats.Stats()
    stat("a", 1)
    stat.save_stats()
    stat.save_stats()

    assert values(mock_stats) == [("a", 1, None)]
    assert stat.recorded_stats == []


def test_mock_stats_records_exceptions(mock_stats):
    """An exception in the block is recorded and raised."""
    with pytest.raises(ValueError, match="invalid literal"), Stats():
        int("test")

    assert [point.label for point in mock_stats] == ["errors__EXC:ValueError", "errors__all"]


def test_mock_stats_still_refuses_what_cannot_be_stored(mock_stats):
    """A test with the fixture finds the mistakes that a server would."""
    with pytest.raises(ValueError, match="not a finite number"):
        push_stat("a", float("nan"))

    assert mock_stats == []


def test_after_mock_stats_pushes_are_real_again():
    """Nothing of the fixture stays."""

    with recording():
        push_stat("a", 1)

    with pytest.raises(AkastatsError, match=r"127\.0\.0\.1:1"):
        push_stat("a", 1)


def test_fake_stats_keeps_what_is_pushed(fake_stats):
    """Numbers, history and contexts are those that the real scripts write."""
    do_something()
    push_stat("test", 3)

    assert sync_stats.fetch_stats("test").avg == 2
    assert list(sync_stats.available_stats()) == ["pushed", "test", "with a context"]
    (point,) = sync_stats.stat_history("with a context")
    assert sync_stats.contexts([point.context_id]) == {point.context_id: b"why"}
    assert fake_stats.llen("AKA-STATS::HISTORY::test") == 2


def test_fake_stats_is_one_server_for_both_kinds(fake_stats):
    """What asyncio pushes, blocking code reads; several event loops may follow each other."""
    asyncio.run(do_something_async())
    asyncio.run(do_something_async())

    assert sync_stats.fetch_stats("pushed").count == 2
    assert asyncio.run(async_stats.fetch_stats("pushed")).count == 2


def test_fake_stats_is_empty_for_every_test(fake_stats):
    """Tests do not see each other's numbers."""
    assert list(sync_stats.available_stats()) == []


def test_fake_stats_gives_back_what_was_attached_and_open(server_url):
    """Connections from before the test are there again behind it, and were not used in it."""
    with Redis.from_url(server_url) as mine:
        sync_redis.attach(mine, mine)
        with connect_fakes():
            attached_within = sync_redis.reader
        attached_behind = sync_redis.reader
        sync_redis.detach()
    _, opened = sync_redis.open_connection()
    with connect_fakes():
        opened_within = (sync_redis.reader, sync_redis.call_count)
    opened_behind = (sync_redis.reader, sync_redis.call_count)
    sync_redis.close()

    assert (attached_within, attached_behind) == (None, mine)
    assert (opened_within, opened_behind) == ((None, 0), (opened, 1))


def test_after_fake_stats_pushes_are_real_again():
    """Also where the code under test left its connection open."""
    with connect_fakes():
        sync_redis.open_connection()
        push_stat("a", 1)

    with pytest.raises(AkastatsError, match=r"127\.0\.0\.1:1"):
        push_stat("a", 1)


@pytest.mark.parametrize("missing", ["fakeredis", "lupa"])
def test_without_fakeredis_the_error_says_what_to_install(monkeypatch, missing):
    """The extra is named, not an ImportError from somewhere inside."""
    found = importlib.util.find_spec
    monkeypatch.setattr("akastats.testing.find_spec", lambda name: None if name == missing else found(name))

    with (
        pytest.raises(AkastatsError, match=rf"needs {missing}: pip install 'pytest-akastats\[testing\]'"),
        connect_fakes(),
    ):
        pass


def test_the_fixtures_come_by_naming_the_module(pytester):
    """`pytest_plugins = ["akastats.testing"]` in a project's conftest is all it takes."""
    pytester.makeconftest('pytest_plugins = ["akastats.testing"]')
    pytester.makepyfile(
        """
        from akastats import push_stat

        def test_mock(mock_stats):
            push_stat("a", 1)
            assert len(mock_stats) == 1

        def test_fake(fake_stats):
            push_stat("a", 1)
            assert fake_stats.keys("*COUNT*") == [b"AKA-STATS::COUNT::a"]
        """
    )

    pytester.runpytest("-p", "no:randomly").assert_outcomes(passed=2)


PROJECT = """
import asyncio
import sys

import pytest

from akastats import Stats, push_stat, push_stat_async

def work():
    with Stats() as stat:
        stat("a", 1)

def test_mock(mock_stats):
    work()
    asyncio.run(push_stat_async("b", 2))
    assert [point[1:3] for point in mock_stats] == [("a", 1), ("b", 2)]

@pytest.mark.parametrize("number", range(4))
def test_fake(fake_stats, number):
    work()
    assert fake_stats.keys("*COUNT*") == [b"AKA-STATS::COUNT::a"]
"""


@pytest.mark.parametrize("spread", [[], ["-n", "2"]], ids=["alone", "-n 2"])
def test_the_fixtures_are_there_once_it_is_installed(pytester, spread):
    """As with 21.2.5 nothing has to be named: the plugin brings them, also to workers."""
    pytester.makepyfile(PROJECT)

    pytester.runpytest_subprocess("-p", "no:randomly", *spread).assert_outcomes(passed=5)


def test_who_does_not_use_them_pays_for_no_driver(pytester):
    """A run whose tests push nothing imports neither redis-py nor the fixtures' module."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert not {"redis", "akastats.testing", "akastats.stats"} & set(sys.modules)
        """
    )

    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)
