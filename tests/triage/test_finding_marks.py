"""Marks of findings: acknowledged or dismissed, in all runs of a suite."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.model.findings import Finding, FindingMark, Place, Saving
from akastats.redis import sync_redis
from akastats.store import keys
from akastats.store.requests import send_writes
from akastats.triage.finding_marks import (
    MAX_MARKS,
    add_marks,
    id_of,
    put_mark,
    read_marks,
    remove_mark,
    without_dismissed,
)

NAMESPACE = "AKA-STATS"
SCOPE = Finding(
    "fixture-scope",
    "title",
    Saving(1, 1, 1, 0.5, 1),
    (Place(fixture="::db", file="conftest.py"),),
    3,
    None,
    {},
    "advice",
)
SLOW = replace(SCOPE, kind="slow-tests", where=())


def test_the_id_is_that_of_kind_place_and_suite() -> None:
    """The title contains numbers that differ between runs."""
    same = replace(SCOPE, title="other", tests=4, where=(*SCOPE.where, Place(nodeid="a")))

    assert id_of(SCOPE, "unit") == id_of(same, "unit")
    assert 3 == len({id_of(SCOPE, "unit"), id_of(SCOPE, ""), id_of(SLOW, "unit")})


def test_dismissed_findings_are_omitted() -> None:
    """Acknowledged ones stay, with their mark."""
    marks = {
        id_of(SCOPE, ""): FindingMark("dismissed", "", 1.0),
        id_of(SLOW, ""): FindingMark("acknowledged", "next week", 2.0),
    }

    (slow,) = without_dismissed([SCOPE, SLOW], "", marks)

    assert (id_of(SLOW, ""), "acknowledged") == (slow.id, slow.mark and slow.mark.mark)
    assert ["dismissed", "acknowledged"] == [
        each.mark and each.mark.mark for each in add_marks([SCOPE, SLOW], "", marks)
    ]


@pytest.mark.usefixtures("server")
def test_a_mark_is_replaced_and_removed() -> None:
    """Each finding has at most one."""
    sync_redis.run(put_mark(NAMESPACE, 30, "a", "acknowledged", ""))
    stored = sync_redis.run(put_mark(NAMESPACE, 30, "a", "dismissed", "needs the server"))

    assert {"a": stored} == sync_redis.run(read_marks(NAMESPACE))
    assert [True, False] == [sync_redis.run(remove_mark(NAMESPACE, "a")) for _ in range(2)]
    assert {} == sync_redis.run(read_marks(NAMESPACE))


@pytest.mark.usefixtures("server")
def test_the_oldest_marks_are_removed() -> None:
    """Damaged ones are omitted."""
    mark = '{{"mark": "dismissed", "reason": "", "since": {}}}'
    entries = {f"m{at}": mark.format(at) for at in range(MAX_MARKS)} | {"damaged": "{"}
    words = [word for pair in entries.items() for word in pair]
    sync_redis.run(send_writes(("HSET", keys.finding_marks(NAMESPACE), *words)))

    sync_redis.run(put_mark(NAMESPACE, 30, "new", "dismissed", ""))

    marks = sync_redis.run(read_marks(NAMESPACE))
    assert (MAX_MARKS, False, True) == (len(marks), "m0" in marks, "m1" in marks)
