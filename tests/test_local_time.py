"""Moments as people read them."""

from __future__ import annotations

import time

import pytest

from akastats.config import Config, read_environment
from akastats.errors import ConfigError
from akastats.local_time import LOCAL, format_day, format_last_day, format_time, get_end_of_day, load_zone


@pytest.mark.parametrize("name", ["Middle/Earth", "../etc/passwd", "Europe", "", "/abs", "x" * 300])
def test_an_unknown_zone_is_a_configuration_error(name):
    """Whatever zoneinfo makes of a name, we name the variable."""
    with pytest.raises(ConfigError, match="AKA_STATS_TIMEZONE"):
        load_zone(name)


@pytest.mark.parametrize("timestamp", [None, 1e300, -1e300, float("nan"), float("inf")])
def test_a_moment_that_is_none_is_a_dash(timestamp):
    """A broken number costs its own cell."""
    assert format_time(timestamp, load_zone("UTC")) == "-"


@pytest.mark.parametrize(
    ("day", "name", "end"),
    [
        ("1970-01-01", "UTC", 86_400.0),
        ("2026-12-24", "Europe/Amsterdam", 1_798_153_200.0),
        # 25 hours long there.
        ("2026-10-25", "Europe/Amsterdam", 1_792_969_200.0),
        ("9999-12-31", "UTC", float("inf")),
    ],
)
def test_a_day_ends_when_the_next_begins(day, name, end):
    """In the given zone; the last day of the calendar has no end."""
    assert get_end_of_day(day, load_zone(name)) == end


@pytest.mark.parametrize(
    "text", ["", "2026-2-3", "2026-02-30", "20260203", "2026-02-03 ", "２０２６-02-03", "0000-01-01"]
)
def test_what_is_no_day_is_refused(text):
    """However a library would read it."""
    with pytest.raises(ValueError, match="day"):
        get_end_of_day(text, load_zone("UTC"))


@pytest.mark.parametrize("name", ["UTC", "Europe/Amsterdam", "Pacific/Kiritimati"])
def test_the_last_day_is_the_one_that_ended(name):
    """A day that was entered is shown as the same day."""
    assert format_last_day(get_end_of_day("2026-12-24", load_zone(name)), load_zone(name)) == "2026-12-24"


@pytest.mark.parametrize("until", [1e300, float("nan"), float("inf")])
def test_a_last_day_that_is_none_is_a_dash(until):
    """A broken number costs its own cell."""
    assert format_last_day(until, load_zone("UTC")) == "-"


@pytest.fixture
def machine(monkeypatch):
    """Set the time zone of this machine for the length of a test."""

    def move(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "winter", "summer"),
    [
        ("America/New_York", "2026-01-01 07:00:00 EST", "2026-07-01 08:00:00 EDT"),
        ("Asia/Tokyo", "2026-01-01 21:00:00 JST", "2026-07-01 21:00:00 JST"),
        ("UTC", "2026-01-01 12:00:00 UTC", "2026-07-01 12:00:00 UTC"),
    ],
)
def test_without_a_zone_times_are_the_machine_s(machine, name, winter, summer):
    """The default of the library, Amsterdam, is not a configured zone."""
    machine(name)
    where = load_zone(Config().timezone)

    assert [format_time(at, where) for at in (1_767_268_800.0, 1_782_907_200.0)] == [winter, summer]
    assert get_end_of_day("2026-07-01", where) == get_end_of_day("2026-07-01", load_zone(name))
    assert (
        format_last_day(get_end_of_day("2026-07-01", where), where)
        == format_day(1_782_907_200.0, where)
        == "2026-07-01"
    )


def test_a_zone_that_is_set_wins(machine):
    """Also if it is the default's name."""
    machine("Asia/Tokyo")
    chosen = load_zone(read_environment({"AKA_STATS_TIMEZONE": "Europe/Amsterdam"}).timezone)

    assert (chosen, load_zone(read_environment({}).timezone)) == (load_zone("Europe/Amsterdam"), LOCAL)
    assert read_environment({}).timezone == "Europe/Amsterdam"


def test_what_ends_within_a_day_here_has_its_time():
    """A day that was chosen in Amsterdam ends at six in the evening in New York."""
    until = get_end_of_day("2026-12-24", load_zone("Europe/Amsterdam"))

    assert format_last_day(until, load_zone("America/New_York")) == "2026-12-24 18:00"
    assert format_last_day(until, load_zone("Asia/Tokyo")) == "2026-12-25 08:00"
