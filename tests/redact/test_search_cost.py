"""The bound on the time of a pattern."""

from __future__ import annotations

import random
import re
import time

import pytest

from akastats.redact.patterns import BUDGET_S, MAX_STEPS, Patterns
from akastats.redact.search_cost import WINDOW, bound_steps


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+$",
        "(.*)*x",
        r"(\d+)+\1",
        "a*a*a*a*b",
        "(?:a?){30}a{30}",
        r"\d{0,199}\d{0,199}x",
        ".*.*.*x",
        "(?:[a-z]+)*!",
        "(?:a*b?)*c",
        "(?i)K*\u212a*k*K*!",
        r"\w*(?=.*.*!)",
        "(?:){0,100000}(?:){0,100000}a",
        r"(a)?(?(1)b*b*b*|c)",
    ],
)
def test_a_pattern_that_may_take_for_ever_is_refused(pattern: str) -> None:
    """Its structure shows it: nothing needs to be tried."""
    patterns = Patterns([pattern])

    assert "may take too long" in patterns.warning
    assert "a" * 400 == patterns.remove("a" * 400)


@pytest.mark.parametrize(
    "pattern",
    [
        r"ACME-\d{4}-[a-z]+",
        r"\b[0-9a-f]{32}\b",
        r"(?:foo|bar)-\w+",
        r"(?i)pin:\s*\d{4}",
        r"[\w.]+@[\w.]+\.com",
        r"\w+-\w+",
        r"\s*\w+\s*=\s*\d+",
        r"(?:\d[ -]?){13,16}",
        r"[A-Za-z0-9+/]{40,}={0,2}",
        '"token":\\s*"([^"]+)"',
        "(a|b)*c",
        r"\d{0,20}\d{0,20}x",
    ],
)
def test_common_patterns_are_accepted(pattern: str) -> None:
    """Repeats that what follows keeps apart, and one or two that it does not."""
    assert bound_steps(pattern) <= MAX_STEPS
    assert Patterns([pattern]).warning == ""


@pytest.mark.parametrize("seed", range(8))
def test_a_random_pattern_that_is_accepted_is_fast(seed: int) -> None:
    """No search in a window takes the time limit of a complete text, for any pattern and text."""
    drawn = random.Random(seed)
    accepted = [pattern for pattern in (_pattern(drawn, 3) for _ in range(120)) if _is_accepted(pattern)]

    slowest = max((_longest(re.compile(pattern)), pattern) for pattern in accepted)

    assert len(accepted) > 10
    assert slowest[0] < BUDGET_S, slowest


_ATOMS = ["a", "b", "1", "[ab]", "[a-z]", r"\d", r"\w", ".", "[^b]", r"\s", "-", "(?:ab)", r"\W", "A", "é"]


_REPEATS = ["*", "+", "?", "{0,20}", "{2,9}", "{0,60}", "{3}", "{10,}", "*?", "+?", "{0,199}", "", "", "", ""]


_HOSTILE = [*("a", "b", "1", "ab", "a1", "ab1", "1-", "a ", "aab", "é", "A", "ba", "11a", "abab1")]


def _pattern(drawn: random.Random, depth: int) -> str:
    """Draw a regular expression: atoms, groups, choices and conditions, most of them repeated."""
    return "".join(
        _item(drawn, depth) + drawn.choice(_REPEATS) for _ in range(drawn.randint(1, 4))
    ) + drawn.choice(["", "", "!", "$", r"\b"])


def _item(drawn: random.Random, depth: int) -> str:
    kind = drawn.random()
    if depth == 0 or kind < 0.55:
        return drawn.choice(_ATOMS)
    if kind < 0.8:
        return f"({_pattern(drawn, depth - 1)})"
    if kind < 0.95:
        return f"(?:{_pattern(drawn, depth - 1)}|{_pattern(drawn, depth - 1)})"
    return f"(?:(?={_pattern(drawn, depth - 1)}))"


def _is_accepted(pattern: str) -> bool:
    try:
        return bound_steps(pattern) <= MAX_STEPS
    except re.error:
        return False


def _longest(pattern: re.Pattern[str]) -> float:
    """Return the time of the slowest search; each is done three times, because others use the machine too."""
    texts = [f"{piece * WINDOW}"[:WINDOW] for piece in _HOSTILE]
    return max(min(_searching(pattern, text) for _ in range(3)) for text in texts)


def _searching(pattern: re.Pattern[str], text: str) -> float:
    began = time.thread_time()
    list(pattern.finditer(text))
    return time.thread_time() - began
