"""Format durations and percentages, and escape characters that control a terminal or reorder text."""

from __future__ import annotations

import unicodedata

# Cc: control, Cf: format (including bidi), Cs: surrogate, Co: private use, Zl and Zp: line and paragraph
# separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def escape_unprintable(text: str) -> str:
    """Return `text` on one line, with unprintable characters written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if unicodedata.category(character) in _HIDDEN:
        return character.encode("unicode_escape").decode()
    return character


def shorten_url(url: str) -> str:
    """Return the URL of a server for display; for a Unix socket, return its path."""
    return escape_unprintable(url.removeprefix("unix://"))


def format_percent(share: float) -> str:
    """Format a share (0 to 1) as `12 %` or `4.2 %`, like the page; near 0 or 1 as `<0.1 %` or `>99.9 %`."""
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{round(share * 100, 1):g} %"


def format_duration(value: float) -> str:
    """Format a duration in seconds with its unit: `1.23 s`, `4.5 ms`, `2 min 03 s`."""
    if value >= 60:
        return f"{int(value // 60)} min {value % 60:02.0f} s"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.3g} ms"


def format_decimal_seconds(value: float) -> str:
    """Format seconds without the unit: to the millisecond, below 1 ms to the microsecond."""
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.6f}"
