"""`-n auto --akastats-workers=recommended`: the number of workers of the best choice of `akastats plan`."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Record

RECOMMENDED = ("-n", "auto", "--akastats-workers=recommended")
SUITE = """
import time
import pytest

@pytest.mark.parametrize("at", range({count}))
def test_sleeps(at):
    time.sleep({s})
"""


def test_a_short_suite_runs_in_one_process(pytester: pytest.Pytester, record: Record) -> None:
    """The start of workers would take longer than its tests; the header names the run of the prediction."""
    pytester.makepyfile(SUITE.format(count=2, s=0))
    first = record("-n0")

    recorded = record(*RECOMMENDED)

    recorded.result.stdout.fnmatch_lines([f"akastats: one process, * s predicted from run {first.run['id']}"])
    assert "0" == recorded.run["workers"]


def test_a_suite_that_waits_runs_in_workers(pytester: pytest.Pytester, record: Record) -> None:
    """Several workers wait at the same time."""
    pytester.makepyfile(SUITE.format(count=12, s=0.5))
    record("-n0")

    recorded = record(*RECOMMENDED)

    recorded.result.assert_outcomes(passed=12)
    assert recorded.run["cpu_count"] == "1" or int(recorded.run["workers"]) >= 2


def test_without_a_run_pytest_xdist_chooses(pytester: pytest.Pytester, record: Record) -> None:
    """The header says why."""
    pytester.makepyfile(SUITE.format(count=2, s=0))

    recorded = record(*RECOMMENDED)

    recorded.result.stdout.fnmatch_lines(
        ["akastats: pytest-xdist chooses the number of workers (*no finished run*"]
    )
    recorded.result.assert_outcomes(passed=2)


def test_another_value_is_refused(pytester: pytest.Pytester) -> None:
    """A number belongs to `-n`."""
    pytester.makepyfile(SUITE.format(count=1, s=0))

    result = pytester.runpytest_subprocess("--akastats", "--akastats-workers=4")

    result.stderr.fnmatch_lines(["*--akastats-workers: '4' is not 'recommended'*"])
