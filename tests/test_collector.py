"""Collecting: labels, contexts and errors, before anything is sent."""

from __future__ import annotations

import logging
import sys

import pytest

from akastats.collector import Collector


@pytest.fixture
def stat() -> Collector:
    """A collector at noon."""
    return Collector(now=lambda: 12.0)


def collected(stat: Collector) -> dict[str, float]:
    """Return the recorded values by label."""
    return {point.label: point.value for point in stat.recorded_stats}


def fail() -> None:
    """Raise a `ValueError`, as the guide does."""
    int("test")


def test_a_call_records_a_point(stat):
    """Time, label, value and context are kept as given."""
    stat("a", 2, context=b"cake")

    assert stat.recorded_stats == [(12.0, "a", 2.0, b"cake")]


def test_extra_labels_become_part_of_the_label(stat):
    """Separators inside keys and values become `_`, backslashes go."""
    stat("a", 1, extra_labels={"host": "x,y;z", "path": "c\\d e", "n=": 3})

    assert list(collected(stat)) == ["a;host=x_y_z,path=cd_e,n_=3"]


@pytest.mark.parametrize(
    ("label", "value"), [("", 1), ("a", float("nan")), ("a", "1"), ("\ud800", 1), ("x" * 4097, 1)]
)
def test_what_cannot_be_stored_is_refused_at_once(stat, label, value):
    """A bad label or value is a `ValueError` where it is given, and nothing is recorded."""
    with pytest.raises(ValueError, match="label"):
        stat(label, value)

    assert stat.recorded_stats == []


def test_timer_records_the_seconds_of_a_block_that_fails_too():
    """The block's exception is raised, and its duration is recorded."""
    stat = Collector(clock=iter([1.0, 3.5]).__next__)

    with pytest.raises(ValueError, match="test"), stat.timer("job"):
        fail()

    assert collected(stat) == {"job": 2.5}


def handled_exception(stat: Collector) -> None:
    """Nothing given: the exception being handled."""
    try:
        fail()
    except ValueError:
        stat.exception()


def with_exception(stat: Collector) -> None:
    """The exception itself, also when it is no longer handled."""
    try:
        fail()
    except ValueError as error:
        kept = error
    stat.exception(kept)


def with_class(stat: Collector) -> None:
    """The class, while its exception is handled."""
    try:
        fail()
    except ValueError:
        stat.exception(ValueError)


def with_three(stat: Collector) -> None:
    """The three values of `sys.exc_info()`."""
    try:
        fail()
    except ValueError:
        stat.exception(*sys.exc_info())


@pytest.mark.parametrize("form", [handled_exception, with_exception, with_class, with_three])
def test_every_form_of_exception_says_the_same(stat, form):
    """Class and total are counted, with the traceback as context."""
    form(stat)

    assert collected(stat) == {"errors__EXC:ValueError": 1.0, "errors__all": 1.0}
    (traceback,) = {point.context for point in stat.recorded_stats}
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert "in fail" in traceback
    assert traceback.endswith("ValueError: invalid literal for int() with base 10: 'test'\n")


def test_a_class_alone_is_counted_without_a_traceback(stat):
    """A class without an instance is recorded by its name."""
    stat.exception(KeyError)

    assert collected(stat) == {"errors__EXC:KeyError": 1.0, "errors__all": 1.0}


def test_a_chain_of_exceptions_is_recorded_completely(stat):
    """Cause and context stand in the traceback."""
    try:
        try:
            fail()
        except ValueError as error:
            raise KeyError("outer") from error
    except KeyError:
        stat.exception()

    context = stat.recorded_stats[0].context
    assert "ValueError: invalid literal" in context
    assert "direct cause" in context


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_an_exception_group_is_one_error_with_all_its_parts(stat):
    """The group's class is counted, and its context shows each part."""
    group = ExceptionGroup("two", [ValueError("one"), KeyError("other")])  # noqa: F821 - 3.11 on

    stat.exception(group)

    assert collected(stat) == {"errors__EXC:ExceptionGroup": 1.0, "errors__all": 1.0}
    assert "ValueError: one" in stat.recorded_stats[0].context
    assert "KeyError: 'other'" in stat.recorded_stats[0].context


def test_an_exception_without_a_message_or_with_a_broken_one(stat):
    """Neither an empty message nor a failing `__str__` costs the record."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    stat.exception(AssertionError())
    stat.exception(BrokenError())

    assert list(collected(stat)) == ["errors__EXC:AssertionError", "errors__all", "errors__EXC:BrokenError"]


@pytest.mark.parametrize("letter", ["X", "𝒳"])
def test_a_class_of_any_name_can_be_recorded(stat, letter):
    """A name too long for a label is cut: the block's own exception is never replaced by ours."""
    stat.exception(type(letter * 5000, (Exception,), {})("why"))

    assert list(collected(stat)) == [f"errors__EXC:{letter * 1000}", "errors__all"]


def test_additional_labels_and_an_own_context(stat):
    """Further labels are counted beside, and a given context replaces the traceback."""
    stat.exception(ValueError("x"), additional_labels=["db", "all"], context="mine")

    assert list(collected(stat)) == ["errors__EXC:ValueError", "errors__db", "errors__all"]
    assert {point.context for point in stat.recorded_stats} == {"mine"}


def test_error_counts_its_labels_and_the_total(stat):
    """`error` needs no exception, and counts a label that repeats once."""
    stat.error("timeout", "timeout", "db", context=b"why")

    assert list(collected(stat)) == ["errors__timeout", "errors__db", "errors__all"]


def test_an_empty_call_to_exception_warns_unless_disabled(caplog):
    """Without an exception there is a warning and the total is counted."""
    loud, quiet = Collector(), Collector(disable_warnings=True)

    loud.exception()
    quiet.exception()

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert collected(loud) == collected(quiet) == {"errors__all": 1.0}


def test_the_clocks_are_bound_when_the_collector_is_made(monkeypatch):
    """What a test does to the clock afterwards is not felt."""
    stat = Collector()
    monkeypatch.setattr("time.time", lambda: 0.0)

    stat("a", 1)

    assert stat.recorded_stats[0].timestamp > 1e9
