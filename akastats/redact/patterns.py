"""Patterns of the user's own: regular expressions whose cost is known before they are used.

Python cannot stop a search once it has begun, and one with a repeat inside a repeat may take longer than the
world has. So a pattern is refused unless its structure bounds its steps, it sees a bounded piece of a line at
a time, and the time it takes is measured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from akastats.redact.mask import MASK

#: A longer line is looked at in pieces of this length, in characters.
PIECE = 500
#: A pattern that may need more steps than this for one piece is refused; some 10 to 50 ns each.
MOST_STEPS = 20_000_000
#: What all patterns together may take for one text, in seconds; what is not looked at by then is left out.
BUDGET_S = 0.05
#: So many patterns at most.
MOST = 50

# The parser has moved: it was a module of its own until Python 3.10.
_PARSER: Any = getattr(re, "_parser", None) or getattr(re, "sre_parse", None)


class Patterns:
    """The user's patterns that can be used; `warning` names the first that cannot, and why."""

    def __init__(self, patterns: Iterable[str] = (), clock: Callable[[], float] = time.perf_counter) -> None:
        self.warning = ""
        self._clock = clock
        self._accepted: list[re.Pattern[str]] = []
        for pattern in patterns:
            problem = self._accept(pattern)
            self.warning = self.warning or problem

    def _accept(self, pattern: str) -> str:
        """Take a pattern; return why not, empty if it is taken."""
        if len(self._accepted) == MOST:
            return f"of the patterns to redact only the first {MOST} are used"
        try:
            if steps(pattern) > MOST_STEPS:
                return f"the pattern {pattern[:80]!r} is not used: it may take too long; see docs/secrets.md"
            compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            return f"the pattern {pattern[:80]!r} is not used: {error}"
        if compiled.search(""):
            return f"the pattern {pattern[:80]!r} is not used: it finds what is empty"
        self._accepted.append(compiled)
        return ""

    def remove(self, text: str) -> str:
        """Return `text` without what they find: the group `secret` where a pattern has one, else all of it."""
        if not self._accepted:
            return text
        started = self._clock()
        lines: list[str] = []
        for line in text.split("\n"):
            if self._clock() - started > BUDGET_S:
                self.warning = self.warning or "patterns to redact took too long: parts of texts are left out"
                lines.append(MASK)
                break
            lines.append("".join(self._piece(line[at : at + PIECE]) for at in range(0, len(line), PIECE)))
        return "\n".join(lines)

    def _piece(self, piece: str) -> str:
        for pattern in self._accepted:
            piece = pattern.sub(_masked, piece)
        return piece


def _masked(match: re.Match[str]) -> str:
    whole = match.group()
    if "secret" not in match.re.groupindex or match["secret"] is None:
        return MASK if whole else ""
    start, end = (at - match.start() for at in match.span("secret"))
    return f"{whole[:start]}{MASK}{whole[end:]}"


def steps(pattern: str) -> float:
    """Return how many steps a search of one piece may take at most, infinity where nothing bounds it."""
    if _PARSER is None:
        return float("inf")
    return PIECE * _ways(_PARSER.parse(pattern))


def _ways(items: Any) -> float:
    """Return in how many ways a sequence may be matched from one place on."""
    ways = 1.0
    for operation, argument in items:
        ways *= _ways_of(str(operation), argument)
    return ways


def _ways_of(operation: str, argument: Any) -> float:
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _repeated(*argument)
    if operation == "BRANCH":
        return sum(map(_ways, argument[1]))
    if operation == "SUBPATTERN":
        return _ways(argument[-1])
    if operation in ("ASSERT", "ASSERT_NOT"):
        return _ways(argument[1])
    if operation == "ATOMIC_GROUP":
        return _ways(argument)
    # A reference to a group, and whatever a later Python brings.
    return 1.0 if operation in _SIMPLE else float("inf")


_SIMPLE = {"LITERAL", "NOT_LITERAL", "IN", "ANY", "AT", "CATEGORY", "RANGE", "NEGATE"}


def _repeated(least: int, most: int, body: Any) -> float:
    """Return the ways of a repeat: a choice of how often, and the ways of its body each time."""
    times = min(int(most), PIECE)
    inner = _ways(body)
    if inner > 1:
        return float(min((inner + 1) ** times, float("inf"))) if times <= 8 else float("inf")
    return float(max(1, times - min(least, times) + 1))
