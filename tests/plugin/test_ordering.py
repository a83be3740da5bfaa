"""`--akastats-order=longest-first`: the order of the tests by the durations of earlier runs."""

from __future__ import annotations

import pytest

from akastats.model import profile
from tests.plugin.conftest import Record, Recorded

ORDER = "--akastats-order=longest-first"
SUITE = """
import time
import pytest

@pytest.mark.parametrize("ms", [1, 50, 300, 200])
def test_sleeps(ms):
    time.sleep(ms / 1000)
"""
MODULE = """
import time
import pytest

@pytest.fixture(scope="module")
def database():
    pass

@pytest.mark.parametrize("ms", [1, {long}, 2])
def test_{name}(database, ms):
    time.sleep(ms / 1000)
"""


def started(recorded: Recorded) -> list[str]:
    """Return the names of the tests in the order in which they started."""
    rows = sorted(profile.rows(recorded.profile["tests"]), key=lambda row: row["start"])
    return [row["nodeid"].partition("::")[2] for row in rows]


def test_the_longest_test_of_the_last_run_starts_first(pytester: pytest.Pytester, record: Record) -> None:
    """A test that was not recorded counts as typical."""
    pytester.makepyfile(test_one=SUITE)
    assert ["test_sleeps[1]", "test_sleeps[50]", "test_sleeps[300]", "test_sleeps[200]"] == started(record("-n0"))
    pytester.makepyfile(test_one=SUITE + "\ndef test_new():\n    pass\n")

    names = started(record("-n0", ORDER))

    assert ["test_sleeps[300]", "test_sleeps[200]", "test_new", "test_sleeps[50]", "test_sleeps[1]"] == names


def test_all_workers_collect_in_the_same_order(pytester: pytest.Pytester, record: Record) -> None:
    """The first two tests to start are the longest ones."""
    pytester.makepyfile(test_one=SUITE)
    record("-n0")

    names = started(record("-n2", ORDER))

    assert {"test_sleeps[300]", "test_sleeps[200]"} == set(names[:2])


@pytest.mark.parametrize("dist", ["loadfile", "loadscope"])
def test_the_longest_file_starts_first(pytester: pytest.Pytester, record: Record, dist: str) -> None:
    """pytest-xdist itself would begin with the file that has most tests."""
    pytester.makepyfile(test_a=SUITE, test_b="import time\n\ndef test_long():\n    time.sleep(1)\n")
    record("-n0")

    assert "test_long" == started(record("-n1", "--dist", dist, ORDER))[0]


def test_a_fixture_of_a_module_is_not_set_up_more_often(pytester: pytest.Pytester, record: Record) -> None:
    """The tests of the module stay together, in their order."""
    pytester.makepyfile(
        test_a=MODULE.replace("{long}", "10").replace("{name}", "a"),
        test_b=MODULE.replace("{long}", "60").replace("{name}", "b"),
    )
    record("-n0")

    recorded = record("-n0", ORDER)

    assert ["test_b[1]", "test_b[60]", "test_b[2]", "test_a[1]", "test_a[10]", "test_a[2]"] == started(recorded)
    assert [1, 1] == [
        row["count"] for row in profile.rows(recorded.profile["fixtures"]) if row["name"] == "database"
    ]


def test_without_a_recorded_run_tests_keep_their_order(
    pytester: pytest.Pytester, record: Record, spread: str
) -> None:
    """The terminal says so."""
    pytester.makepyfile(test_one=SUITE)

    result = record(spread, ORDER).result

    result.stdout.fnmatch_lines(["akastats: tests keep their order (no run is recorded)"])
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--akastats", "--akastats-order=shortest"), "*'shortest' is not one of collected, longest-first*"),
        ((ORDER,), "*--akastats-order: needs --akastats*"),
    ],
)
def test_an_order_that_cannot_be_used_is_refused(
    pytester: pytest.Pytester, options: tuple[str, ...], message: str
) -> None:
    """Before any test runs."""
    pytester.makepyfile(test_one=SUITE)

    pytester.runpytest_subprocess(*options).stderr.fnmatch_lines([message])
