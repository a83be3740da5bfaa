"""Patterns of the user."""

from __future__ import annotations

import time

import pytest

from akastats.redact import MASK, create_redactor
from akastats.redact.patterns import BUDGET_S, Patterns


def test_all_patterns_together_end_in_time() -> None:
    """Fifty patterns that are as slow as a pattern may be, on a text that is hostile to them."""
    patterns = Patterns([rf"\d{{0,60}}\d{{0,{size}}}x" for size in range(10, 60)])
    text = "1" * 64 * 1024

    took = min(_removing(patterns, text) for _ in range(3))

    # Others use the machine too.
    assert took < 1.5 * BUDGET_S
    assert MASK == patterns.remove(text)
    assert "too long" in patterns.warning


def _removing(patterns: Patterns, text: str) -> float:
    began = time.thread_time()
    patterns.remove(text)
    return time.thread_time() - began


@pytest.mark.parametrize("before", [0, 240, 250, 490, 499, 730])
def test_a_long_line_hides_nothing_at_the_end_of_a_window(before: int) -> None:
    """A secret that lies over the end of a window is whole in the next one."""
    assert f"{'.' * before}{MASK}{'.' * 600}" == Patterns(["ACME-[a-z]{90}"]).remove(
        f"{'.' * before}ACME-{'z' * 90}{'.' * 600}"
    )


def test_patterns_of_the_user_are_removed() -> None:
    """All that a pattern finds, or its group `secret` where it has one."""
    redact = create_redactor({}, [r"ACME-\d{4}", r"room (?P<secret>\w+) is"])

    assert f"{MASK}, room {MASK} is free" == redact("ACME-1234, room blue is free")


@pytest.mark.parametrize(("pattern", "why"), [("(", "unterminated"), ("a*", "empty"), ("[z-a]", "range")])
def test_a_bad_pattern_is_named_and_the_others_work(pattern: str, why: str) -> None:
    """One warning names the pattern and the reason."""
    redact = create_redactor({}, [pattern, "ACME"])

    assert f"{MASK}!" == redact("ACME!")
    assert repr(pattern) in redact.warning
    assert why in redact.warning


def test_patterns_that_use_up_their_time_leave_the_rest_out() -> None:
    """The time is measured; text that was not searched is omitted."""
    clock = iter(range(100))
    patterns = Patterns(["ACME"], clock=lambda: float(next(clock)))

    assert MASK == patterns.remove("a\nACME\nb")
    assert "too long" in patterns.warning
