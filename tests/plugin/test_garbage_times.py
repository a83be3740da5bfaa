"""Times of garbage collections, by phase and process."""

from __future__ import annotations

import gc

import pytest

from akastats.model import profile
from pytest_akastats.garbage_times import GarbageTimer
from tests.plugin.conftest import Record, Recorded

SUITE = """
    import gc
    import time

    import pytest

    HEAP = [[number] for number in range(300_000)]


    @pytest.fixture
    def collected():
        yield
        gc.collect()


    def test_plain():
        time.sleep(0.002)


    def test_collects():
        gc.collect()
        gc.collect()


    def test_with_fixture(collected):
        time.sleep(0.002)
    """


def rows_of(recorded: Recorded) -> dict[str, dict[str, int | None]]:
    """Return the attempts by the name of the test."""
    rows = profile.rows(recorded.profile["tests"])
    return {row["nodeid"].partition("::")[2]: row for row in rows}


def test_collections_are_counted() -> None:
    """Seconds are those of the clock between the two calls."""
    times = iter([1.0, 1.5, 7.0, 7.25])
    timer = GarbageTimer(lambda: next(times))
    for _ in range(2):
        timer._callback("start", {})
        timer._callback("stop", {})

    assert (0.75, 2) == timer.take()
    assert (0.0, 0) == timer.take()
    assert (0.75, 2) == (timer.total, timer.total_passes)


def test_an_end_without_a_start_is_ignored() -> None:
    """Measuring began during a collection."""
    timer = GarbageTimer(lambda: 1.0)
    timer._callback("stop", {})

    assert (0.0, 0) == timer.take()


def test_a_timer_is_active_until_it_is_stopped_or_cleared() -> None:
    """Tests may clear the callbacks of others."""
    timer, others = GarbageTimer(), list(gc.callbacks)
    timer.stop()
    timer.start()
    gc.collect()
    assert timer.is_active
    assert timer.passes

    timer.stop()

    assert not timer.is_active
    assert others == gc.callbacks


def test_collections_are_recorded_by_phase(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Those of tests and fixtures, and in total of the process."""
    pytester.makepyfile(test_one=SUITE)

    recorded = record(spread, "--dist=loadfile")

    tests = rows_of(recorded)
    assert (tests["test_collects"]["gc_call"] or 0) > 1000
    assert (tests["test_collects"]["gc_passes"] or 0) >= 2
    assert (tests["test_with_fixture"]["gc_teardown"] or 0) > 500
    assert (tests["test_plain"]["gc_call"] or 0) < 1000
    total = sum(row.get(name) or 0 for row in tests.values() for name in ("gc_setup", "gc_call", "gc_teardown"))
    assert total <= sum(row["gc"] or 0 for row in profile.rows(recorded.profile["processes"]))


@pytest.mark.parametrize("change", ["gc.callbacks.clear()", "gc.freeze()", "gc.disable()"])
def test_a_suite_that_changes_the_collector_is_recorded(
    pytester: pytest.Pytester, record: Record, change: str
) -> None:
    """Its tests pass, and see what they expect."""
    pytester.makepyfile(
        test_one=f"""
        import gc

        def test_changes():
            {change}
            gc.collect()

        def test_after():
            gc.collect()
        """
    )

    assert (2, 0) == record().counts("passed", "failed")
