"""The comparison of two runs, without a server."""

from __future__ import annotations

import pytest

from akastats.analysis.comparison import Difference, LastAttempt, compare, last_attempts
from tests.profiles import profile_with


def names(changes):
    """Return the node ids of changes."""
    return [change.nodeid for change in changes]


@pytest.mark.parametrize(
    ("outcome", "before", "newly_failing", "fixed"),
    [
        ("failed", "passed", True, False),
        ("error", "passed", True, False),
        ("failed", "skipped", True, False),
        ("failed", None, True, False),
        ("failed", "error", False, False),
        ("passed", "failed", False, True),
        ("xfailed", "error", False, True),
        ("skipped", "failed", False, False),
        (None, "failed", False, False),
        ("passed", "passed", False, False),
    ],
)
def test_outcomes(outcome, before, newly_failing, fixed):
    """A newly failing test did not fail in the base; a fixed one failed there and passes now."""
    now = {"t": LastAttempt(outcome, 0.1)} if outcome else {}
    base = {"t": LastAttempt(before, 0.1)} if before else {}

    comparison = compare(now, base)

    assert (bool(comparison.newly_failing), bool(comparison.fixed)) == (newly_failing, fixed)


@pytest.mark.parametrize(
    ("seconds", "before", "slower", "faster"),
    [
        (0.12, 0.1, True, False),
        (0.119, 0.1, False, False),
        (1.1, 1.0, True, False),
        (1.09, 1.0, False, False),
        (0.1, 0.12, False, True),
        (0.9, 1.0, False, True),
        (0.92, 1.0, False, False),
        (0.019, 0.0, False, False),
        (0.02, 0.0, True, False),
    ],
)
def test_times_differ_from_a_tenth_and_20_ms_on(seconds, before, slower, faster):
    """A difference counts from 10 % and 20 ms on."""
    comparison = compare({"t": LastAttempt("passed", seconds)}, {"t": LastAttempt("passed", before)})

    assert (bool(comparison.slower), bool(comparison.faster)) == (slower, faster)


@pytest.mark.parametrize(
    ("outcome", "before"), [("passed", "failed"), ("failed", "passed"), ("skipped", "skipped")]
)
def test_times_of_different_outcomes_are_not_compared(outcome, before):
    """A test that fails early is not faster, and a skipped one has no duration."""
    comparison = compare({"t": LastAttempt(outcome, 0.1)}, {"t": LastAttempt(before, 9.0)})

    assert comparison.faster == []


def test_the_largest_difference_is_first():
    """Slower and faster tests are ordered by the difference in seconds; other lists by the order of the run."""
    now = {
        name: LastAttempt("passed", seconds) for name, seconds in (("a", 2.0), ("b", 9.0), ("c", 1.0), ("d", 0.5))
    }
    base = {
        name: LastAttempt("passed", seconds) for name, seconds in (("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 9.0))
    }

    comparison = compare(now, base)

    assert (names(comparison.slower), names(comparison.faster)) == (["b", "a"], ["d", "c"])


def test_added_and_removed_have_one_side():
    """An added test has no values of the base, and a removed one has no others."""
    comparison = compare({"new": LastAttempt("passed", 0.5)}, {"old": LastAttempt("skipped", 0.0)})

    assert comparison.added == [Difference("new", "passed", None, 0.5, None)]
    assert comparison.removed == [Difference("old", None, "skipped", None, 0.0)]


def test_the_last_attempt_counts():
    """Its outcome and its seconds: those of the call, or of a failed setup."""
    columns = {
        "nodeid": ["a", "b", "a"],
        "outcome": ["rerun", "error", "passed"],
        "setup": [1, 70_000, 1],
        "call": [500_000, 0, 250_000],
    }

    comparison = last_attempts(profile_with(columns))

    assert comparison == {"a": LastAttempt("passed", 0.25), "b": LastAttempt("error", 0.07)}


def test_slower_tests_are_ordered_by_the_lost_seconds():
    """And faster ones by the saved seconds, not by their duration."""
    base = {
        "long": LastAttempt("passed", 9.0),
        "short": LastAttempt("passed", 1.0),
        "third": LastAttempt("passed", 4.0),
    }
    now = {
        "long": LastAttempt("passed", 10.0),
        "short": LastAttempt("passed", 6.0),
        "third": LastAttempt("passed", 7.0),
    }

    assert ["short", "third", "long"] == names(compare(now, base).slower)
    assert ["short", "third", "long"] == names(compare(base, now).faster)
