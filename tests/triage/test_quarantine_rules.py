"""The rules of what may be in quarantine, and entries as they are stored."""

from __future__ import annotations

import time

import pytest

from akastats.triage.quarantine_rules import (
    QuarantinedTest,
    check_text,
    is_always_failing,
    is_too_far,
    pack,
    patterns_without_match,
    protecting_pattern,
    unpack,
)

NODEID = "tests/test_pay.py::TestRefund::test_total[eur]"
ENTRY = QuarantinedTest("test@unit::a.py::b", "a.py::b", "unit", 200.5, "hängt \x1b[2J", 100.0, "ada")


def test_an_entry_comes_back_as_it_was_stored() -> None:
    """Whatever its reason says."""
    assert ENTRY == unpack(ENTRY.label, "a.py::b", "unit", pack(ENTRY))


@pytest.mark.parametrize(
    "stored",
    [
        None,
        b"",
        b"{",
        b"7",
        b"[]",
        b'{"until":1,"since":1}',
        b'{"until":"soon","since":1,"reason":"x"}',
        b'{"until":NaN,"since":1,"reason":"x"}',
        b'{"until":1,"since":1e999,"reason":"x"}',
        b'{"until":1' + b"0" * 400 + b',"since":1,"reason":"x"}',
        b"[" * 10_000,
        b"\xff",
    ],
    ids=lambda stored: str(stored)[:40],
)
def test_what_cannot_be_read_is_no_entry(stored: bytes | None) -> None:
    """A later release's, or somebody else's: it excuses nothing, and breaks nothing."""
    assert None is unpack("test::a.py::b", "a.py::b", "", stored)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (NODEID, NODEID),
        ("a.py, tests/test_pay.py", "tests/test_pay.py"),
        ("a.py\n  tests/ \n", "tests/"),
        ("tests", "tests"),
        ("tests/test_pay.py::TestRefund", "tests/test_pay.py::TestRefund"),
        ("tests/test_pay.py::TestRefund::test_total", "tests/test_pay.py::TestRefund::test_total"),
        ("*::test_total*", "*::test_total*"),
        ("tests/test_pa?.py", "tests/test_pa?.py"),
        ("*", "*"),
        ("./tests", "./tests"),
        (".//tests/test_pay.py::TestRefund", ".//tests/test_pay.py::TestRefund"),
        ("tests\\test_pay.py", "tests\\test_pay.py"),
        ("t*s/*_pay*::*eur]", "t*s/*_pay*::*eur]"),
        ("*t*t*", "*t*t*"),
        ("*eur*]x", None),
        ("tests/test_pay*pay.py", None),
        ("tests/test_p", None),
        ("tests/test_pay.p", None),
        ("est_pay.py", None),
        ("tests/test_pay.py::TestRefund::test_total[usd]", None),
        ("tests/test_pay[a-z].py", None),
        ("testsXtest_pay.py", None),
        ("test_total", None),
        ("TESTS", None),
        ("", None),
        (",\n ,", None),
    ],
)
def test_a_pattern_protects_what_it_names_and_what_lies_below(patterns: str, expected: str | None) -> None:
    """Brackets are those of a node id; part of a name is not the name."""
    assert expected == protecting_pattern(patterns, NODEID)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    """One regular expression for it would try all positions of all stars together."""
    began = time.thread_time()

    found = protecting_pattern("*a" * 24 + "b", "a" * 400)

    assert (None, True) == (found, time.thread_time() - began < 0.1)


def test_patterns_that_protect_nothing_are_known() -> None:
    """A wrong spelling leaves its tests without protection."""
    patterns = "tests, ./tests/payments, /home/me/tests, test_pay.py"

    assert ["./tests/payments", "/home/me/tests", "test_pay.py"] == patterns_without_match(patterns, [NODEID])


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("", False),
        ("??", False),
        ("f", True),
        ("?e?f", True),
        ("ffffffffffp", True),
        ("fffffffffpf", False),
        ("???????????fffp", False),
        ("frrfer", True),
        ("prrp", False),
        ("fx", False),
    ],
)
def test_a_test_that_never_passed_lately_is_broken(outcomes: str, expected: bool) -> None:
    """Ten newest attempts count, those whose outcome nobody knows any more do not."""
    assert expected is is_always_failing(outcomes)


def test_the_ninetieth_day_is_the_last_that_can_be_named() -> None:
    """Wherever its end lies."""
    assert [False, True] == [is_too_far(91 * 86_400.0, 0.0), is_too_far(91 * 86_400.0 + 1, 0.0)]


def test_a_text_is_kept_without_its_blanks_and_can_be_stored() -> None:
    """Half a surrogate, which a command line can hold, is written as an escape."""
    assert "a\\udc80 b" == check_text("  a\udc80 b\n")


HIDDEN = ["\u200b", "\u0301", "\u115f\u3164", "\u2800", "\u202e\u2066", "\ufe0f", "\u00ad \u2060"]


@pytest.mark.parametrize(
    "text", ["e\u0301", "\u200b.", "\U0001f525\ufe0f", "\u6f22", "\u0915\u093e", "\u05d0\u05b8"]
)
def test_what_shows_something_is_a_reason(text: str) -> None:
    """In any script, an accent of its own and a picture included."""
    assert text == check_text(text)


@pytest.mark.parametrize("text", ["", " \n", "\x1f", "\u3000\ufeff\x7f", "x" * 501, *HIDDEN])
def test_a_reason_is_needed_and_has_an_end(text: str) -> None:
    """Nobody can ask a test why it is there."""
    with pytest.raises(ValueError, match="1 to 500 characters"):
        check_text(text)
