"""Flaky tests. The number of the run determines which tests fail, so every demo has the same result."""

from __future__ import annotations

import time

import pytest


def test_talks_to_the_warehouse(run_number, stat):
    """Fails in every second run, as if the warehouse were unreachable."""
    stat("warehouse.tries", 1 + run_number % 2)

    if run_number % 2 == 0:
        raise ConnectionError("warehouse-7 did not answer within 200 ms")


def test_new_since_the_last_run(run_number):
    """Fails from the fifth run on."""
    assert run_number < 5, "the price list of May is missing"


@pytest.mark.xfail(reason="rounding is not agreed on")
def test_rounds_up():
    """Fails as expected."""
    assert round(0.5) == 1


@pytest.mark.skip(reason="needs a printer")
def test_prints_the_bill():
    """Is always skipped."""


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2], ids="waits {}s".format)
def test_waits(seconds):
    """Is slow, with a constant duration."""
    time.sleep(seconds)


@pytest.fixture
def broken_scanner(run_number):
    """A scanner whose setup fails in the third run."""
    if run_number == 3:
        raise OSError("scanner: no such device")


def test_scans(broken_scanner):
    """Has an error, not a failure, if its fixture fails."""
