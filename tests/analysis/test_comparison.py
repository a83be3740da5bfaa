"""Two runs side by side, without a server."""

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
    """Newly failing is what fails and did not; fixed is what failed and ran well now."""
    now = {"t": LastAttempt(outcome, 0.1)} if outcome else {}
    base = {"t": LastAttempt(before, 0.1)} if before else {}

    found = compare(now, base)

    assert (bool(found.newly_failing), bool(found.fixed)) == (newly_failing, fixed)


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
    """A difference counts when it is both large enough to matter and large enough to be none of chance."""
    found = compare({"t": LastAttempt("passed", seconds)}, {"t": LastAttempt("passed", before)})

    assert (bool(found.slower), bool(found.faster)) == (slower, faster)


@pytest.mark.parametrize(
    ("outcome", "before"), [("passed", "failed"), ("failed", "passed"), ("skipped", "skipped")]
)
def test_times_of_different_outcomes_are_not_compared(outcome, before):
    """A test that fails early is no faster, and one that is skipped takes no time."""
    found = compare({"t": LastAttempt(outcome, 0.1)}, {"t": LastAttempt(before, 9.0)})

    assert found.faster == []


def test_what_costs_most_stands_first():
    """Slower and faster tests are ordered by the seconds between, all else as it ran."""
    now = {
        name: LastAttempt("passed", seconds) for name, seconds in (("a", 2.0), ("b", 9.0), ("c", 1.0), ("d", 0.5))
    }
    base = {
        name: LastAttempt("passed", seconds) for name, seconds in (("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 9.0))
    }

    found = compare(now, base)

    assert (names(found.slower), names(found.faster)) == (["b", "a"], ["d", "c"])


def test_added_and_removed_have_one_side():
    """What is only here has no base, what is only there nothing else."""
    found = compare({"new": LastAttempt("passed", 0.5)}, {"old": LastAttempt("skipped", 0.0)})

    assert found.added == [Difference("new", "passed", None, 0.5, None)]
    assert found.removed == [Difference("old", None, "skipped", None, 0.0)]


def test_the_last_attempt_counts():
    """A test that was run again is what it came to; its seconds are the call's, or a failed setup's."""
    columns = {
        "nodeid": ["a", "b", "a"],
        "outcome": ["rerun", "error", "passed"],
        "setup": [1, 70_000, 1],
        "call": [500_000, 0, 250_000],
    }

    found = last_attempts(profile_with(columns))

    assert found == {"a": LastAttempt("passed", 0.25), "b": LastAttempt("error", 0.07)}


def test_what_lost_most_comes_first():
    """Slower ones by the seconds they lost, faster ones by those they gained, not by how long they take."""
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
