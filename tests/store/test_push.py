"""Batches: how points are parted and grouped. Pure."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akastats.config import Config
from akastats.records import Point
from akastats.store.push import (
    BATCH_BYTES,
    BATCH_LABELS,
    BATCH_POINTS,
    Batch,
    Entry,
    apply_batch,
    make_batch,
    make_context,
    split_into_batches,
)

POINTS = st.lists(
    st.builds(
        Point,
        st.floats(0, 100),
        st.sampled_from([f"label {number}" for number in range(250)]),
        st.floats(-1, 1),
        st.sampled_from([None, "", "x" * 60_000, b"y"]),
    ),
    max_size=400,
)


@given(POINTS)
def test_parts_hold_every_point_once_within_the_bounds(points):
    """Nothing is lost or doubled, and no part is larger than one script may be."""
    parts = split_into_batches(points)

    assert sorted(map(id, points)) == sorted(id(point) for part in parts for point in part)
    for part in parts:
        assert 1 <= len({point.label for point in part}) <= BATCH_LABELS
        heavy = sum(64 + len(point.context or "") for point in part)
        assert heavy <= BATCH_BYTES or len(part) == 1


@given(POINTS)
def test_a_label_s_points_keep_their_order_over_parts(points):
    """The points of one label are sent in the order of recording."""
    sent = [point for part in split_into_batches(points) for point in part]

    for label in {point.label for point in points}:
        assert [p for p in sent if p.label == label] == [p for p in points if p.label == label]


def test_one_label_s_many_points_go_in_pieces():
    """A label that repeats is parted too."""
    points = [Point(float(number), "a", 1.0) for number in range(2 * BATCH_POINTS + 1)]

    pieces = [len(list(part)) for part in split_into_batches(points)]

    assert sum(pieces) == len(points)
    assert all(len(make_batch(part).entries["a"]) <= len(points) for part in split_into_batches(points))


def test_a_batch_groups_labels_and_contexts():
    """A label that repeats comes once, oldest point first; equal contexts come once."""
    made = make_batch([Point(2.0, "a", 1.0, "why"), Point(1.0, "a", 2.0, b"why"), Point(3.0, "b", 3.0)])

    context = hashlib.md5(b"why").hexdigest()
    assert made.entries == {"a": [(1.0, 2.0, context), (2.0, 1.0, context)], "b": [(3.0, 3.0, "")]}
    assert [context.bytes for context in made.contexts.values()] == [b"why"]


def test_an_invalid_utf_8_context_is_escaped():
    """Lone surrogates, as tracebacks may hold them, are written as escapes."""
    assert make_context("a\ud800").bytes == b"a\\ud800"
    assert make_context("") is None


def test_a_nan_never_becomes_a_message():
    """A batch made by hand is checked as well, before anything is sent."""
    with pytest.raises(ValueError, match="finite"):
        next(apply_batch(Batch({"a": [Entry(1.0, float("nan"))]}), Config()))


def test_a_label_without_points_is_left_out():
    """A label with an empty list of points is not written."""
    request = next(apply_batch(Batch({"a": []}), Config()))

    assert not any("::a" in str(argument) for argument in request.commands[0])
