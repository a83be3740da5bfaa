"""Long texts are truncated to their beginning and end, without secrets."""

from __future__ import annotations

import re

import pytest

from akastats.redact.excerpt import MAX_TEXT, make_bytes_excerpt, make_excerpt, shorten

SECRET = "hunter2-" * 8
LINE = "x" * 79 + "\n"


def redact(text: str) -> str:
    """Replace the secret."""
    return text.replace(SECRET, "***")


def test_a_short_text_is_complete() -> None:
    """Only its secrets are removed."""
    assert make_excerpt(f"a {SECRET} b", redact) == "a *** b"


def test_a_long_text_keeps_beginning_and_end() -> None:
    """A line between them has the number of omitted bytes."""
    text = f"first {SECRET}\n{LINE * 5000}last {SECRET}"

    excerpt = make_excerpt(text, redact)

    assert excerpt.startswith("first ***\n")
    assert excerpt.endswith("\nlast ***")
    assert re.search(r"\n\.\.\. \d{6} bytes left out \.\.\.\n", excerpt)
    assert len(excerpt.encode()) <= MAX_TEXT


@pytest.mark.parametrize("before", range(MAX_TEXT // 2 - 150, MAX_TEXT // 2 + 50, 8))
def test_a_secret_at_the_cut_is_removed(before: int) -> None:
    """No part of it is in the excerpt."""
    excerpt = make_excerpt(f"{'x ' * (before // 2)}{SECRET}\n{LINE * 5000}", redact)

    assert "hunter2" not in excerpt


def test_a_character_at_the_cut_is_not_split() -> None:
    """A text of characters with several bytes stays valid, and within the limit."""
    excerpt = shorten("€" * MAX_TEXT)

    assert len(excerpt.encode()) <= MAX_TEXT
    assert "\ufffd" not in excerpt
    assert "bytes left out" in excerpt


def test_a_lone_surrogate_is_spelled_out() -> None:
    """UTF-8 cannot encode it."""
    assert shorten("a\ud800b") == "a\\ud800b"


def test_bytes_are_truncated_without_a_change() -> None:
    """Bytes that are not text stay as they are; secrets are removed."""
    content = bytes(range(256)) + SECRET.encode() + b"x" * 2 * MAX_TEXT

    excerpt = make_bytes_excerpt(content, redact)

    assert excerpt.startswith(bytes(range(256)) + b"***x")
    assert len(excerpt) == MAX_TEXT
