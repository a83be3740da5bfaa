"""Apply the user's own patterns: regular expressions whose cost is bounded before they are used.

Python cannot stop a search that has begun. Therefore a pattern is refused unless its structure bounds its steps
(`search_cost`). Each search reads a window of bounded length, and no search begins when the time is nearly used
up.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator

from akastats.redact.mask import MASK, Span, apply_mask
from akastats.redact.search_cost import WINDOW, bound_steps

#: Maximum number of steps of a pattern per window. The slowest of 3,700 random patterns took 7 ms on hostile
#: texts; near the limit a step takes 2 ns.
MAX_STEPS = 4_000_000
#: Maximum CPU time for all patterns per text, in seconds. Beyond it, the rest of the text is omitted.
BUDGET_S = 0.05
#: Maximum duration of one search, in seconds. No search begins if less time remains.
SEARCH_S = 0.015
#: Maximum number of patterns.
MAX_PATTERNS = 50


class Patterns:
    """The usable patterns; `warning` contains the first unusable one, and the reason."""

    def __init__(self, patterns: Iterable[str] = (), clock: Callable[[], float] = time.thread_time) -> None:
        self.warning = ""
        self._clock = clock
        self._accepted: list[re.Pattern[str]] = []
        for pattern in patterns:
            problem = self._accept(pattern)
            self.warning = self.warning or problem

    def _accept(self, pattern: str) -> str:
        """Add a pattern; return why it is refused, empty if it is accepted."""
        if len(self._accepted) == MAX_PATTERNS:
            return f"only the first {MAX_PATTERNS} patterns to redact are used"
        try:
            if bound_steps(pattern) > MAX_STEPS:
                return (
                    f"the pattern {pattern[:80]!r} is not used: it may take too long, because two repeats in it "
                    "can match the same text; see docs/explanation/secrets.md"
                )
            compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            return f"the pattern {pattern[:80]!r} is not used: {error}"
        if compiled.search(""):
            return f"the pattern {pattern[:80]!r} is not used: it matches the empty string"
        self._accepted.append(compiled)
        return ""

    def remove(self, text: str) -> str:
        """Return `text` without the matches: the group `secret` if a pattern has one, else the complete match."""
        if not self._accepted:
            return text
        ends = self._clock() + BUDGET_S - SEARCH_S
        lines: list[str] = []
        for line in text.split("\n"):
            redacted = self._line(line, ends)
            if redacted is None:
                self.warning = self.warning or "patterns to redact took too long: parts of texts are omitted"
                lines.append(MASK)
                break
            lines.append(redacted)
        return "\n".join(lines)

    def _line(self, line: str, ends: float) -> str | None:
        """Return a line without the matches; `None` if the time is up before all patterns have searched it."""
        for pattern in self._accepted:
            spans: list[Span] = []
            for start in _windows(len(line)):
                if self._clock() > ends:
                    return None
                spans += _spans(pattern, line, start)
            line = apply_mask(line, sorted(spans))
        return line


def _windows(length: int) -> range:
    """Return the starts of windows, half a window apart, so that a shorter match is complete in one of them."""
    return range(0, max(1, length - WINDOW // 2), WINDOW // 2)


def _spans(pattern: re.Pattern[str], line: str, start: int) -> Iterator[Span]:
    for match in pattern.finditer(line, start, start + WINDOW):
        named = match.span("secret") if "secret" in pattern.groupindex else (-1, -1)
        begin, end = named if named != (-1, -1) else match.span()
        if begin < end:
            yield begin, end
