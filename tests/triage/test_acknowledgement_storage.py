"""Marks as they are stored, told by hand: no server."""

from __future__ import annotations

import pytest

from akastats.store.requests import Request
from akastats.triage import acknowledgement_storage
from conftest import replay


@pytest.mark.parametrize(
    "reply", [{b"a": b"1", b"\xff": b"2"}, [b"a", b"1", b"\xff", b"2"]], ids=["pairs", "flat"]
)
def test_all_marks_come_with_the_server_s_time(reply):
    """In one round trip, whichever way a client has hashes."""
    asked, stored = replay(acknowledgement_storage.read_entries("NS"), [(b"1700000000", b"123456"), reply])

    assert [Request((("TIME",), ("HGETALL", "NS::MARKS")))] == asked
    assert ({"a": b"1", "\N{REPLACEMENT CHARACTER}": b"2"}, 1_700_000_000.0) == (stored.entries, stored.now)


@pytest.mark.parametrize(
    ("gone", "removal"), [([], ()), (["a"], ()), (["b", "a", "c"], (("HDEL", "NS::MARKS", "b", "c"),))]
)
def test_a_mark_is_stored_and_those_that_are_gone_are_not(gone, removal):
    """What is put does not go, though it takes its own place."""
    asked, _ = replay(acknowledgement_storage.put("NS", "a", b"1", gone, 60), [1, 1, 1])

    assert [
        Request((("HSET", "NS::MARKS", "a", b"1"), *removal, ("EXPIRE", "NS::MARKS", 60)), writes=True)
    ] == asked


def test_removing_none_asks_nothing():
    """There is no such command."""
    with pytest.raises(StopIteration) as end:
        next(acknowledgement_storage.remove("NS", []))

    assert 0 == end.value.value


def test_removing_tells_how_many_there_were():
    """All in one command."""
    asked, removed = replay(acknowledgement_storage.remove("NS", ["a", "b"]), [1])

    assert ([Request((("HDEL", "NS::MARKS", "a", "b"),), writes=True)], 1) == (asked, removed)
