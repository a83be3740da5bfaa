"""What people say of changes: which change a mark is about, and which changes are still news."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.triage import acknowledgement_rules
from akastats.triage.acknowledgement_rules import AcknowledgedChange, find_acknowledgement, id_of, without_quiet
from tests.api.verdict_values import change, changed, run_id

LABEL = "test@unit::a.py::b"


def mark(
    at: int, kind: Any = "noise", *, label: str = LABEL, since: float = 1.0, **fields: Any
) -> AcknowledgedChange:
    """A mark about a change of `label` at a run."""
    return acknowledgement_rules.new_acknowledgement(change(label, at, **fields), kind, "why", since)


def said(*given: AcknowledgedChange) -> acknowledgement_rules.BySeries:
    """Marks as they are looked up."""
    return acknowledgement_rules.by_series(given)


def test_a_mark_is_about_the_change_it_was_made_of():
    """The same series at the same run."""
    made = mark(5)

    assert made == find_acknowledgement(change(LABEL, 5), said(mark(9), made, mark(1)))


@pytest.mark.parametrize(("at", "is_about"), [(2, False), (3, False), (4, True), (5, True), (7, True), (8, False)])
def test_a_mark_stays_with_a_change_whose_likeliest_run_shifts(at, is_about):
    """It is about a change between whose `since` (not itself) and `until` (itself) the marked run lies."""
    shifted = change(LABEL, 5, since=run_id(3), until=run_id(7))

    assert is_about == (find_acknowledgement(shifted, said(mark(at))) is not None)


@pytest.mark.parametrize(
    "other",
    [
        {"label": "test@unit::a.py::c"},
        {"environment": "unit/n1/laptop/3.13"},
        {"before": 2.0, "after": 1.0, "run": run_id(6)},
    ],
    ids=["label", "environment", "direction"],
)
def test_a_mark_is_about_one_series_and_direction(other):
    """What another test did, or this one elsewhere, or when it became faster, is another change."""
    shifted = change(**{"label": LABEL, "at": 5, "until": run_id(7), **other})

    assert find_acknowledgement(shifted, said(mark(5))) is None


def test_of_several_marks_that_of_the_run_itself_counts():
    """Else the one made last does."""
    marked = said(mark(5, "expected", since=1.0), mark(6, "noise", since=2.0), mark(7, "acknowledged", since=3.0))

    kinds = [
        found.mark
        for at in (5, 6, 4)
        if (found := find_acknowledgement(change(LABEL, at, since=run_id(3), until=run_id(9)), marked))
    ]

    assert ["expected", "noise", "acknowledged"] == kinds


@pytest.mark.parametrize(("kind", "is_news"), [("acknowledged", True), ("expected", False), ("noise", False)])
def test_what_is_expected_or_noise_is_no_news(kind, is_news):
    """It is told no more; what is only acknowledged is still slower than it was."""
    judged, other = changed(LABEL, 5), changed("fixture@unit::db", 5)

    assert ([judged, other] if is_news else [other]) == without_quiet([judged, other], [mark(5, kind)])


def test_without_marks_all_is_news():
    """Nobody has said anything."""
    assert [changed(LABEL, 5)] == without_quiet([changed(LABEL, 5)], [])


def test_an_id_is_short_and_of_series_and_run_alone():
    """Levels and intervals shift with each run; the id does not, unless the likeliest run does."""
    ids = {
        id_of(change(LABEL, 5)),
        id_of(change(LABEL, 5, after=3.0, until=run_id(9))),
        id_of(mark(5)),
    }

    assert 1 == len(ids)
    assert 16 == len(ids.pop())
    assert 4 == len(
        {id_of(each) for each in (mark(5), mark(6), mark(5, label="x"), mark(5, environment="elsewhere"))}
    )


def test_a_mark_comes_back_as_it_was_stored():
    """Whatever a label or a reason holds."""
    made = acknowledgement_rules.new_acknowledgement(change("stat ;\n\0 é", 5), "expected", "tax\n\u202e", 1.5)

    assert made == acknowledgement_rules.unpack(acknowledgement_rules.pack(made))


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b"1", b"null", b'{"mark": "noise"}', b"\xff", b'{"of": "another release"}']
)
def test_what_is_no_mark_is_none(stored):
    """A release that keeps them otherwise breaks no page of this one."""
    assert acknowledgement_rules.unpack(stored) is None
