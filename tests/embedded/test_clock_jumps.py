"""A clock that is far ahead expires everything in Redis: the data is copied before a server starts with it."""

from __future__ import annotations

import os

import pytest

from akastats.embedded import append_only, clock_jumps
from akastats.embedded.clock_jumps import Clock, Decision, decide, find_replaced, make_copy_name

DAY = 86_400.0
NOW = 1_796_000_000.0
YEARS = 3650 * DAY


@pytest.fixture
def home(tmp_path):
    """Data of an ended server, last used at `NOW`."""
    append_only.get_parts_directory(tmp_path).mkdir()
    write(tmp_path, "good")
    clock_jumps.record(tmp_path, NOW)
    return tmp_path


def write(home, text):
    (append_only.get_parts_directory(home) / "appendonly.aof.1.incr.aof").write_text(text)
    (append_only.get_parts_directory(home) / append_only.MANIFEST).write_text(
        "file appendonly.aof.1.incr.aof seq 1 type i\n"
    )


def copied(home):
    """Return what each copy holds, the oldest first."""
    return [
        (append_only.get_parts_directory(copy) / "appendonly.aof.1.incr.aof").read_text()
        for copy in clock_jumps.list_copies(home)
    ]


@pytest.mark.parametrize(
    ("known", "now", "decision"),
    [
        (None, NOW, Decision(Clock(NOW))),
        (Clock(NOW, DAY), NOW + DAY, Decision(Clock(NOW + DAY, 2 * DAY))),
        (Clock(NOW, DAY), NOW + 7 * DAY, Decision(Clock(NOW + 7 * DAY, 8 * DAY))),
        (Clock(NOW, DAY), NOW + 7 * DAY + 1, Decision(Clock(NOW + 7 * DAY + 1), is_ahead=True)),
        (Clock(NOW, DAY), NOW + YEARS, Decision(Clock(NOW + YEARS), is_ahead=True)),
        (Clock(NOW, DAY), NOW - DAY, Decision(Clock(NOW - DAY, DAY))),
        (Clock(NOW, DAY), NOW - DAY - 1, Decision(Clock(NOW - DAY - 1), is_back=True)),
        (Clock(NOW, DAY), 5.0, Decision(None)),
        (Clock(NOW, DAY), 1e300, Decision(None)),
    ],
)
def test_clock_is_compared_with_the_last_use(known, now, decision):
    """More than 7 days ahead or 1 day back is a jump; a clock of 1970 is wrong and changes nothing."""
    assert decide(known, now) == decision


@pytest.mark.parametrize(
    ("gaps", "replaced"),
    [([], ""), ([20], ""), ([3650], ""), ([20, 20], 1), ([3650, 20], 1), ([20, 3650], None), ([3650, 3650], None)],
)
def test_good_copy_is_not_replaced(gaps, replaced):
    """At most 2 copies: the oldest stays, and the other one unless it was made at a pause of some weeks."""
    names = [make_copy_name(NOW + number * DAY, NOW + (number + gap) * DAY) for number, gap in enumerate(gaps)]

    assert find_replaced(names) == (names[replaced] if isinstance(replaced, int) else replaced)


def test_wrong_clock_costs_a_copy_and_the_notice_brings_it_back(home):
    """Two wrong clocks in a row: the good data is the first copy, named at the jump and when the clock is back."""
    ahead = clock_jumps.protect(home, NOW + YEARS)
    write(home, "expired")
    again = clock_jumps.protect(home, NOW + YEARS + DAY)
    further = clock_jumps.protect(home, NOW + 2 * YEARS)
    back = clock_jumps.protect(home, NOW + DAY)

    assert copied(home) == ["good", "expired"]
    first, second = clock_jumps.list_copies(home)
    assert "3650 days ahead" in ahead
    assert ahead.endswith(f"akastats merge {first}")
    assert (again, str(second) in further) == ("", True)
    assert f"akastats merge {first} {second}`" in back
    assert clock_jumps.protect(home, NOW + 2 * DAY) == ""


def test_pause_costs_a_copy_for_30_days(home):
    """Three weeks of holidays: no notice, and the copy is gone after 30 days of use."""
    assert clock_jumps.protect(home, NOW + 21 * DAY) == ""
    assert copied(home) == ["good"]

    for day in range(22, 51):
        clock_jumps.protect(home, NOW + day * DAY)
    assert copied(home) == ["good"]

    clock_jumps.protect(home, NOW + 51 * DAY)
    assert copied(home) == []


def test_data_of_an_earlier_release_is_protected(home):
    """It has no record, but its files have times."""
    (home / clock_jumps.RECORD).unlink()
    for file in append_only.list_files(home):
        os.utime(file, (NOW, NOW))

    assert "3650 days ahead" in clock_jumps.protect(home, NOW + YEARS)
    assert copied(home) == ["good"]


@pytest.mark.parametrize("text", ["", "nan 0", "1e400 0", f"{NOW} -1", "5 0", "text", "1 2 3", "\0"])
def test_unusable_record_is_none(home, text):
    """With any content of the record, the start continues with the times of the files."""
    (home / clock_jumps.RECORD).write_text(text)
    for file in append_only.list_files(home):
        os.utime(file, (NOW, NOW))

    assert clock_jumps.protect(home, NOW + DAY) == ""
    assert (home / clock_jumps.RECORD).read_text() == f"{NOW + DAY:.0f} {DAY:.0f}\n"


def test_interrupted_copy_is_none(home):
    """It has another name until it is complete, and the next copy replaces it."""
    (home / "copy-in-progress" / "appendonlydir").mkdir(parents=True)
    assert clock_jumps.list_copies(home) == []

    clock_jumps.protect(home, NOW + YEARS)

    assert copied(home) == ["good"]
    assert not (home / "copy-in-progress").exists()
