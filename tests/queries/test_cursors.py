"""Cursors: opaque positions in lists."""

from __future__ import annotations

import base64
import json

import pytest

from akastats.queries import cursors
from akastats.queries.runs import decode, encode
from akastats.store.runs import Position


def raw(text: str) -> str:
    """Return a text as a cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("parts", [(True, 0.5, "test::a.py::b"), (False, "é\u200b;", "ß")])
def test_cursor_contains_the_position(parts):
    """Decoding returns the encoded parts."""
    assert list(parts) == cursors.decode(cursors.encode(parts), *map(type, parts))


@pytest.mark.parametrize(
    "cursor",
    [
        "!",
        raw("{}"),
        raw("[1]"),
        raw("[1.0, 2]"),
        raw('["1", "a"]'),
        raw('[1, "a"]'),
        raw('[NaN, "a"]'),
        raw('[1.0, "\\ud800"]'),
        raw("[" * 5000),
    ],
    ids=["base64", "object", "length", "name", "number", "integer", "nan", "surrogate", "depth"],
)
def test_invalid_cursor_is_refused(cursor):
    """A client may send any text."""
    with pytest.raises(ValueError, match="not a cursor of this list"):
        cursors.decode(cursor, float, str)


@pytest.mark.parametrize("label", ["", "test::a.py::b", "\udcff"])
def test_cursor_contains_a_label(label):
    """A label in Redis need not be UTF-8."""
    assert label == cursors.label_of(cursors.of_label(label))


def test_cursor_contains_the_position_of_a_run():
    """Cursors of earlier releases, in ASCII, stay valid."""
    position = Position(1785579300.123, "run-ü")

    assert position == decode(encode(position) or "")
    assert position == decode(raw(json.dumps(position)))
    assert (None, None) == (encode(None), decode(""))
