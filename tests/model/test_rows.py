"""Rows of tests: what a hundred attempts come to, made at once or bit by bit."""

from __future__ import annotations

import random
from statistics import quantiles

import pytest

from akastats.model.rows import SHOWN, WINDOW, Attempt, extend, pack, quantile, row_of, unpack


def attempts(count: int, seed: int = 1) -> list[Attempt]:
    """Return attempts, newest first, of every outcome and some without a number."""
    chance = random.Random(seed)
    return [
        Attempt(1000.0 - at, None if at % 17 == 5 else chance.lognormvariate(-3, 1), chance.choice("pppfexXr?"))
        for at in range(count)
    ]


def test_a_test_without_attempts_has_no_row():
    """There is nothing to tell."""
    assert row_of([], 0, None) is None


@pytest.mark.parametrize("known", [1, 5, 99, 100, 150])
@pytest.mark.parametrize("newer", [0, 1, 7, 120])
def test_a_row_that_is_extended_is_the_row_made_anew(known, newer):
    """A run adds to a row what reading the whole history would come to."""
    every = attempts(known + newer)
    before = row_of(every[newer:], known, 0.1)
    assert before is not None

    assert row_of(every, known + newer, 0.2) == extend(before, every[:newer], known + newer, 0.2)


@pytest.mark.parametrize(
    ("letters", "expected"), [("pp", 0.0), ("pfer", 0.75), ("??p", 0.0), ("?", None), ("xX", 0.0)]
)
def test_a_failure_rate_is_of_what_is_known(letters, expected):
    """Failed, in error or run again; what has expired counts on neither side."""
    row = row_of([Attempt(1.0, 1.0, letter) for letter in letters], len(letters), 1.0)

    assert row is not None
    assert expected == row.failure_rate


def test_a_row_tells_what_its_attempts_came_to():
    """Seconds to the microsecond; what is no number is absent, and an unknown outcome counts for no rate."""
    row = row_of(
        [
            Attempt(30.0, 0.30000004, "p"),
            Attempt(20.0, None, "f"),
            Attempt(10.0, float("nan"), "?"),
            Attempt(5.0, 0.1, "r"),
        ],
        4,
        0.2,
    )

    assert row is not None
    assert (4, 0.6667, 0.2, 0.3) == (row.runs, row.failure_rate, row.avg, row.last)
    assert (0.2, 0.29, 30.0) == (row.p50, row.p95, row.last_time)
    assert ("pf?r", (0.3, None, None, 0.1)) == (row.outcomes, row.durations)


@pytest.mark.parametrize(
    ("letter", "outcome"),
    [
        ("p", "passed"),
        ("f", "failed"),
        ("e", "error"),
        ("x", "xfailed"),
        ("X", "xpassed"),
        ("r", "rerun"),
        ("?", None),
    ],
)
def test_the_newest_letter_is_the_last_outcome(letter, outcome):
    """Each letter stands for the outcome that pytest's users know."""
    row = row_of([Attempt(2.0, 0.1, letter), Attempt(1.0, 0.1, "p")], 2, 0.1)

    assert row is not None
    assert outcome == row.last_outcome


def test_a_row_round_trips():
    """What is stored is what was made."""
    row = row_of(attempts(200), 200, 0.5)

    assert row is not None
    assert row == unpack(pack(row))
    assert SHOWN < WINDOW == len(row.outcomes) == len(row.durations)


@pytest.mark.parametrize(
    "stored",
    [
        *(None, b"", b"x", b"[1]", b"{}", b"[1,2,3,4,5,6,7,8,9]", b"[1,2,3,4,5,6,7,8,9,10]"),
        b'[1,null,1,1,1,1,1,"",[]]',
    ],
)
def test_what_is_no_row_of_ours_is_none(stored):
    """A row of a later release is passed over, as is one without any attempt."""
    assert unpack(stored) is None


@pytest.mark.parametrize("count", [2, 3, 10, 100])
def test_quantiles_are_those_of_the_statistics_module(count):
    """Between two values in proportion, both ends included."""
    chance = random.Random(count)
    values = sorted(chance.random() for _ in range(count))
    twentieths = quantiles(values, n=20, method="inclusive")

    assert [pytest.approx(twentieths[9], abs=1e-6), pytest.approx(twentieths[18], abs=1e-6)] == [
        quantile(values, 0.5),
        quantile(values, 0.95),
    ]
    assert (None, 3.0) == (quantile([], 0.5), quantile([3.0], 0.95))
