"""Peak resident memory of the process after each test."""

from __future__ import annotations

from itertools import pairwise

import pytest

from akastats.model import profile
from pytest_akastats.peak_memory import STEP, read_peak_memory
from tests.plugin.conftest import Record, Recorded

pytest.importorskip("resource")

MIB = 1024 * 1024
ALLOCATED = 64 * MIB


def peaks(recorded: Recorded) -> dict[str, int]:
    """Return the peak memory by the name of the test."""
    rows = profile.rows(recorded.profile["tests"])
    return {row["nodeid"].partition("::")[2]: row["peak_memory"] for row in rows}


def test_the_peak_is_in_bytes() -> None:
    """An interpreter with pytest needs more than 10 MiB, and less than 10 GiB."""
    assert 10 * MIB < read_peak_memory() < 10 * 1024 * MIB


def test_a_test_raises_the_peak_of_its_process(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """The tests before have a lower peak; those after have at least that one."""
    pytester.makepyfile(
        test_one=f"""
        def test_before():
            pass

        def test_allocates():
            assert len(b"x" * {ALLOCATED}) == {ALLOCATED}

        def test_after():
            pass
        """
    )

    recorded = peaks(record(spread, "--dist=loadfile"))

    assert recorded["test_allocates"] - recorded["test_before"] > ALLOCATED - 8 * MIB
    assert recorded["test_allocates"] <= recorded["test_after"] < recorded["test_allocates"] + ALLOCATED


def test_a_failed_test_has_the_peak_of_its_process(pytester: pytest.Pytester, record: Record) -> None:
    """Tests that do not pass take another way through the recorder."""
    pytester.makepyfile(test_one="def test_fails():\n    assert 0\n\ndef test_passes():\n    pass\n")

    assert all(peak > 10 * MIB for peak in peaks(record()).values())


def test_few_tests_write_a_record(pytester: pytest.Pytester, record: Record) -> None:
    """Growth by less than a step is not recorded: 200 tests that allocate nothing need only a few records."""
    pytester.makepyfile(
        test_one="import pytest\n@pytest.mark.parametrize('n', range(200))\ndef test_it(n):\n    pass\n"
    )

    recorded = sorted(set(peaks(record()).values()))

    assert len(recorded) <= 10
    assert all(after - before >= STEP for before, after in pairwise(recorded))
