"""Match globs in linear time: `*` matches any text, `?` one character; brackets are literal.

One regular expression for a glob with 24 stars can backtrack for minutes. The text between two stars has a fixed
length, so its first match suffices.
"""

from __future__ import annotations

import re


class Glob:
    """A glob, which must match a complete text."""

    def __init__(self, glob: str) -> None:
        first, *others = glob.split("*")
        self._first = _piece(first)
        self._middle = [_piece(piece) for piece in others[:-1] if piece]
        self._last = _piece(others[-1]) if others else None
        self._last_length = len(others[-1]) if others else 0

    def matches(self, text: str) -> bool:
        """Return whether all of `text` matches."""
        if self._last is None:
            return self._first.fullmatch(text) is not None
        match = self._first.match(text)
        for piece in self._middle:
            match = match and piece.search(text, match.end())
        at = len(text) - self._last_length
        return match is not None and at >= match.end() and self._last.match(text, at) is not None


def _piece(text: str) -> re.Pattern[str]:
    return re.compile("".join("." if character == "?" else re.escape(character) for character in text), re.DOTALL)
