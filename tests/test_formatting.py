"""Strangers' text in a terminal."""

from __future__ import annotations

import pytest

from akastats.formatting import escape_unprintable, format_decimal_seconds, format_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tests/test_a.py::test_b[ü]", "tests/test_a.py::test_b[ü]"),
        ("\x1b[31mred\x1b]8;;http://x\x07", "\\x1b[31mred\\x1b]8;;http://x\\x07"),
        ("a\nb\r", "a\\nb\\r"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        ("日本", "日本"),
    ],
)
def test_what_is_not_seen_is_escaped(text: str, expected: str) -> None:
    """Escape sequences, line ends, bidi and surrogates are shown; letters of any script stay."""
    assert expected == escape_unprintable(text)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0000123, "0.0123 ms"), (0.5, "500 ms"), (1.234, "1.23 s"), (125.4, "2 min 05 s")]
)
def test_durations_have_their_unit(value: float, expected: str) -> None:
    """Short ones in milliseconds, long ones in minutes."""
    assert expected == format_duration(value)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0.000"), (0.000064, "0.000064"), (0.001, "0.001"), (12.34567, "12.346")]
)
def test_seconds_of_a_column_show_a_fast_test_too(value, shown):
    assert shown == format_decimal_seconds(value)
