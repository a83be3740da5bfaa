"""Entries and contexts of histories, without a server."""

from __future__ import annotations

import pytest

from akastats.model import rows
from akastats.queries.history import attempts_of, context_id_of, parse_context, time_of


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"run": "r1", "outcome": "failed"}', {"run": "r1", "outcome": "failed"}),
        (b'{"run": "r1", "attempt": 2}', {"run": "r1"}),
        (b"[1]", {}),
        (b"Traceback", {}),
        (None, {}),
    ],
)
def test_context_has_run_and_outcome(content, expected):
    """A context that another program wrote has neither."""
    assert expected == parse_context(content)


@pytest.mark.parametrize(
    ("entry", "time", "context_id"), [(b"1.5;2;c1", 1.5, "c1"), (b"1.5;2;", 1.5, ""), (b"x;2;c1", 0.0, "c1")]
)
def test_entry_has_a_time_and_a_context(entry, time, context_id):
    """An entry is `timestamp;value;context_id`."""
    assert (time, context_id) == (time_of(entry), context_id_of(entry))


def test_entries_are_attempts():
    """An unknown outcome is `?`; a value that is not finite is `None`; an invalid entry is left out."""
    entries = [b"3;0.5;c1", b"2;nan;c2", b"x;1;c1"]

    assert [rows.Attempt(3.0, 0.5, "f"), rows.Attempt(2.0, None, "?")] == attempts_of(entries, {"c1": "f"})
