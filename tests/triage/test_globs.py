"""Globs: `*` matches any text, `?` one character."""

from __future__ import annotations

import time

import pytest

from akastats.triage.globs import Glob


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("", ""),
        ("a.py", "a.py"),
        ("*", ""),
        ("*", "a\nb"),
        ("a*", "a.py::b"),
        ("*::b", "a.py::b"),
        ("a*b*c", "a-b-b-c"),
        ("a**c", "ac"),
        ("a?c", "abc"),
        ("t[1]*", "t[1]::x"),
        ("*?", "x"),
    ],
)
def test_a_glob_matches_a_complete_text(glob: str, text: str) -> None:
    """Brackets are literal, because node ids contain them."""
    assert Glob(glob).matches(text)


@pytest.mark.parametrize(
    ("glob", "text"),
    [("a", "ab"), ("a?", "a"), ("a.py", "axpy"), ("t[1]", "t1"), ("a*b", "abc"), ("ab*ba", "aba"), ("*?", "")],
)
def test_a_glob_does_not_match_other_texts(glob: str, text: str) -> None:
    """Two pieces of a glob do not share a character of the text."""
    assert not Glob(glob).matches(text)


def test_the_time_is_linear() -> None:
    """A regular expression with 24 stars would backtrack for minutes."""
    start = time.perf_counter()

    assert not Glob("a*" * 24 + "b").matches("a" * 5000)
    assert time.perf_counter() - start < 1
