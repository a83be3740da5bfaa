"""Which exceptions a block counts: errors, each once."""

from __future__ import annotations

import asyncio
import pickle
import sys
from dataclasses import dataclass

import freezegun
import pytest

import akastats
from akastats import Stats, push_stat, stats
from akastats.prometheus import export, prometheus_export
from akastats.records import Summary
from akastats.sync_stats import available_stats, fetch_stats


def errors(prefix: str | None = None) -> int:
    """How many errors have been counted."""
    return int(fetch_stats("errors__all", prefix).count) if "errors__all" in available_stats(prefix=prefix) else 0


def test_nested_blocks_count_an_exception_once(server):
    """Three blocks around one exception, blocking ones in an asyncio one."""

    async def outer() -> None:
        async with Stats():
            with Stats(), Stats():
                int("test")

    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(outer())

    assert (errors(), fetch_stats("errors__EXC:ValueError").count) == (1, 1)


def test_an_exception_that_was_recorded_and_raised_again_counts_once(server):
    """`stat.exception(e)` and `raise`, with labels of its own."""

    def work() -> None:
        with Stats(), Stats() as stat:
            try:
                int("test")
            except ValueError as error:
                stat.exception(error, additional_labels=["db"])
                raise

    with pytest.raises(ValueError, match="invalid literal"):
        work()

    assert (errors(), fetch_stats("errors__db").count) == (1, 1)


def test_the_same_object_raised_anew_is_another_error(server):
    """An exception that a module keeps and raises again and again counts each time."""
    kept = ValueError("kept")
    for _ in range(3):
        with pytest.raises(ValueError, match="kept"), Stats(), Stats():
            raise kept

    assert errors() == 3


def test_what_is_recorded_by_hand_always_counts(server):
    """Two calls are two errors, and an exception that takes another's place is one of its own."""
    with Stats() as stat:
        for _ in range(2):
            stat.exception(ValueError("by hand"))

    def replace() -> None:
        with Stats():
            try:
                with Stats():
                    int("test")
            except ValueError as error:
                raise KeyError("in its place") from error

    with pytest.raises(KeyError):
        replace()

    assert errors() == 4


def test_each_namespace_counts_for_itself(server):
    """Nested blocks of two namespaces both record it."""
    with pytest.raises(ValueError, match="invalid"), Stats("OTHER"), Stats():
        int("test")

    assert (errors(), errors("OTHER")) == (1, 1)


@dataclass(frozen=True)
class FrozenError(Exception):
    """An exception that refuses attributes."""

    code: int


def test_an_exception_that_refuses_attributes_counts_once_too(server):
    """The mark changes no equality, and can be pickled."""
    with pytest.raises(FrozenError) as caught, Stats(), Stats():
        raise FrozenError(3)

    assert errors() == 1
    assert caught.value == FrozenError(3)
    with pytest.raises(ValueError, match="sent") as sent, Stats():
        raise ValueError("sent")
    assert repr(pickle.loads(pickle.dumps(sent.value))) == "ValueError('sent')"


@pytest.mark.parametrize("code", [None, 0])
def test_a_successful_exit_is_no_error(server, code):
    """`sys.exit()` and `sys.exit(0)` are not errors, and recorded points are written."""

    def work() -> None:
        with Stats() as stat:
            stat("a", 1)
            sys.exit(code)

    with pytest.raises(SystemExit):
        work()

    assert (errors(), fetch_stats("a").count) == (0, 1)


def test_an_exit_with_an_error_is_one(server):
    """Any other code counts."""
    with pytest.raises(SystemExit), Stats():
        sys.exit(3)

    assert fetch_stats("errors__EXC:SystemExit").count == 1


def test_a_generator_that_is_closed_is_no_error(server):
    """Its block is written all the same."""

    def numbers():
        with Stats() as stat:
            stat("a", 1)
            yield 1

    generator = numbers()
    next(generator)
    generator.close()

    assert (errors(), fetch_stats("a").count) == (0, 1)


# Names, and the clock


def test_names_of_aka_stats_are_there(server):
    """`STAT_NAMES` and `prometheus_export` return the same as in aka-stats."""
    push_stat("a", 1)

    async def lines() -> list[str]:
        return [line async for line in prometheus_export()]

    found = asyncio.run(lines())

    assert (
        set(stats.STAT_NAMES)
        == set(Summary._fields)
        == {*("count", "avg", "stdev", "max", "min", "total", "last", "last_time")}
    )
    assert "a_COUNT 1.0\n" in found
    assert "".join(found).encode() == asyncio.run(export()).body


def test_the_package_lists_its_names():
    """`dir` and completion show what can be imported, before anything was."""
    assert {"Stats", "push_stat", "push_stat_async", "timer", "__version__"} <= set(dir(akastats))


def test_a_frozen_clock_holds_for_blocks_as_for_single_pushes(server):
    """Frozen before the block, inside it, or not at all."""
    with freezegun.freeze_time("2020-01-01"), Stats() as stat:
        stat("a", 1)
    with Stats() as stat, freezegun.freeze_time("2020-01-02"):
        stat("b", 1)
    with freezegun.freeze_time("2020-01-03"):
        push_stat("c", 1)

    assert [fetch_stats(label).last_time for label in "abc"] == [1577836800 + day * 86400 for day in range(3)]
