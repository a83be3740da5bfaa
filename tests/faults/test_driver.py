"""The instrument itself: it sees what is lost, doubled and changed, and says nothing of a run without a fault."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.driver import Driver, Ran, Stored, Suite, judge, normalised
from tests.faults.table import Rows

MIXED = """
import pytest
@pytest.fixture
def broken(): raise RuntimeError("in a fixture")
def test_passes(): pass
def test_fails(): assert 12 == 13
def test_errs(broken): pass
@pytest.mark.skip
def test_skips(): pass
@pytest.mark.xfail
def test_xfails(): assert 0
@pytest.mark.xfail
def test_xpasses(): pass
"""
ALL = {"passed": 1, "failed": 1, "error": 1, "skipped": 1, "xfailed": 1, "xpassed": 1}


@pytest.mark.parametrize("spread", [(), ("-n2",)], ids=["one", "workers"])
def test_without_a_fault_nothing_is_lost_doubled_or_changed(
    driver: Driver, row: Rows, spread: tuple[str, ...]
) -> None:
    """Each outcome is seen by the suite's own file and found on the server, once."""
    verdict = driver.compare(Suite({"test_mixed.py": MIXED}, spread))

    assert Counter(outcome for _, outcome in verdict.recorded.finished) == ALL
    row("0", f"no fault{', -n2' if spread else ''}", verdict, warnings=0)


def ran(output: str = "", *finished: tuple[str, str]) -> Ran:
    """A run as the suite's own file tells it."""
    return Ran(0, output, "", Counter(finished), 0.0, Path())


def test_what_the_server_lacks_is_lost_and_what_it_has_too_often_is_doubled() -> None:
    """Both are counted by test and outcome, also where a count is not its history's."""
    told = [("a", "passed"), ("b", "passed"), ("b", "passed")]
    stored = Stored(Counter([("b", "passed"), ("b", "failed")]), 2, 0, (), ())

    verdict = judge(ran("", *told), ran("", *told), stored, 0, "")

    assert (2, 3) == (verdict.lost, verdict.doubled)


def test_a_line_that_is_not_ours_is_a_change() -> None:
    """Our block is left out of the comparison, and nothing else is."""
    bare, nothing = ran("1 passed"), Stored(Counter(), 0, 0, (), ())

    ours = judge(bare, ran("akastats: kept in x\n  more\n1 passed"), nothing, 0, "")
    foreign = judge(bare, ran("1 passed\nWARNING"), nothing, 0, "")

    assert (True, 1) == (ours.outcomes_equal, ours.warning_lines)
    assert (False, 0) == (foreign.outcomes_equal, foreign.warning_lines)


def test_times_places_and_the_order_of_workers_are_no_difference() -> None:
    """What differs between any two runs is left out, what a test printed is not."""
    first = normalised("[gw0] [ 50%] PASSED b\n[gw1] [100%] FAILED a\n1 in 0.12s /d/x", Path("/d"), ("-n2",))
    second = normalised("[gw0] [ 50%] FAILED a\n[gw1] [100%] PASSED b\n1 in 3.4s /e/x", Path("/e"), ("-n2",))
    other = normalised("[gw0] [ 50%] FAILED a\n[gw1] [100%] PASSED b\n2 in 3.4s /e/x", Path("/e"), ("-n2",))

    assert first == second
    assert other != second
