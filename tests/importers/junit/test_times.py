"""Durations and moments as reports write them, and what no number of theirs may become."""

from __future__ import annotations

import pytest

from akastats.importers.junit.report import Case, Suite
from akastats.importers.junit.times import Clock, parse_seconds, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("0.001", 0.001),
        (" 1.5 ", 1.5),
        ("2.5e-05", 2.5e-05),
        (".5", 0.5),
        ("1,204.118", 1204.118),
        ("1,204", 1204.0),
        ("0,012", 0.012),
        ("10000000", 1e7),
    ],
)
def test_durations(text, expected):
    """Plain, with an exponent, with thousands apart or with a decimal comma."""
    assert parse_seconds(text) == expected


BAD = ["", "nan", "inf", "-inf", "-1", "1e400", "1e8", "abc", "1_000", "0x10", "1;2", "1,2,3", "٣", "9" * 10_000]


@pytest.mark.parametrize("text", BAD)
def test_bad_numbers_are_no_durations(text):
    """Nothing infinite, negative or impossibly long becomes a point, and no text is worked on for long."""
    assert parse_seconds(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T08:00:00", 1_795_161_600.0),
        ("2026-11-20T08:00:00Z", 1_795_161_600.0),
        ("2026-11-20T09:00:00+01:00", 1_795_161_600.0),
        ("2026-11-20T08:00:00.250000+00:00", 1_795_161_600.25),
        ("2026-11-20T08:00:00.25Z", 1_795_161_600.25),
        ("2026-11-20T08:00:00.123456789Z", 1_795_161_600.123456),
        ("2026-11-20 08:00:00", 1_795_161_600.0),
        ("1795161600", 1_795_161_600.0),
        ("1795161600.5", 1_795_161_600.5),
    ],
)
def test_moments(text, expected):
    """With a zone or, as most reports, without one, which is UTC."""
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2026-13-40", "1"]
)
def test_what_is_no_moment_of_a_test(text):
    """A time that no test ran at is none."""
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T21:59:00", 1_795_211_940.0),
        ("2090-01-01T00:00:00", None),
        ("2026-11-22T00:00:00Z", None),
        ("1970-01-01T00:00:00", None),
    ],
)
def test_a_time_that_is_ahead_is_none(text, expected):
    """Local time without a zone may be ahead by hours; a day is a wrong clock."""
    assert parse_time(text, now=1_795_161_600.0) == expected


def test_a_suite_that_is_ahead_follows_the_one_before_it():
    """It does not move the end of its run to 2090."""
    clock = Clock(1_795_161_600.0, now=1_795_170_000.0)

    clock.begin(Suite(timestamp="2026-11-20T08:00:10", time="5"))
    clock.begin(Suite(timestamp="2090-01-01T00:00:00", time="5"))

    assert clock.end == 1_795_161_600.0 + 20


def test_cases_follow_one_another_in_their_suites():
    """A suite with a start time begins then, another one after all earlier ones."""
    clock = Clock(1_795_161_600.0)
    one = Case(Suite(), "", "a", time="1.5")

    clock.begin(Suite(timestamp="2026-11-20T08:00:10", time="5"))
    first, second = clock.advance(one), clock.advance(one)
    clock.begin(Suite())
    third = clock.advance(one)

    base = 1_795_161_600.0
    assert (first, second, third) == ((base + 10, 1.5), (base + 11.5, 1.5), (base + 15, 1.5))
    assert clock.end == base + 16.5


def test_unreadable_durations_are_counted():
    """They count as zero, and their number is reported."""
    clock = Clock(0.0)

    took = [clock.advance(Case(Suite(), "", "a", time=text))[1] for text in ("nan", "", "1")]

    assert (took, clock.unreadable) == ([0.0, 0.0, 1.0], 1)
