"""The fixtures `stat` and `akastats_stat`."""

from __future__ import annotations

import json

import pytest

from akastats import sync_stats
from akastats.model import profile
from tests.plugin.conftest import Record, history

SUITE = """
import pytest
def test_numbers(stat):
    stat("parse", 0.8)
    stat("rows", 12, context="of the big file")
    stat("raw", 1, context=b"\\xff\\x00")
    with stat.timer("load"): pass
    try: int("x")
    except ValueError as error: stat.exception(error)
"""


def test_values_are_recorded_with_their_contexts(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """What a test gives its `stat` arrives as given, from workers too; without a context it names the run."""
    pytester.makepyfile(test_one=SUITE)

    recorded = record(spread)

    (parse,), (rows,), (raw,), (load,) = map(history, ("parse", "rows", "raw", "load"))
    assert (0.8, 12.0, 1.0) == (parse.value, rows.value, raw.value)
    assert 0 < load.value < 1
    stored = sync_stats.contexts([parse.context_id, rows.context_id, raw.context_id])
    assert {"run": recorded.run["id"]} == json.loads(stored[parse.context_id])
    assert (b"of the big file", b"\xff\x00") == (stored[rows.context_id], stored[raw.context_id])
    assert 1 == len(history("errors__EXC:ValueError"))
    (row,) = profile.rows(recorded.profile["tests"])
    assert ["parse", "rows", "raw", "load", "errors__EXC:ValueError", "errors__all"] == row["stats"]


def test_without_recording_it_works_and_records_nothing(pytester: pytest.Pytester) -> None:
    """A suite that uses `stat` runs where nobody records."""
    pytester.makepyfile(test_one=SUITE)

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=1)
    assert not (pytester.path / ".akastats").exists()


def test_a_wrong_value_is_the_tests_own_error(pytester: pytest.Pytester, record: Record) -> None:
    """Text for a number is refused where it is given, and nothing of it is stored."""
    pytester.makepyfile(test_one="def test_wrong(stat):\n    stat('size', '12')\n")

    recorded = record()

    assert {"test_wrong": "failed"} == recorded.outcomes
    assert [] == history("size")


def test_session_fixtures_have_one_too(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """`akastats_stat` can be used from any scope; its values come with the test that runs, or at the end."""
    pytester.makepyfile(
        test_one="""
        import pytest
        @pytest.fixture(scope="session", autouse=True)
        def database(akastats_stat):
            akastats_stat("rows at first", 10)
            yield
            akastats_stat("rows at last", 20)
        @pytest.fixture(autouse=True)
        def watch(stat):
            stat("watched", 1)
        def test_a(): pass
        """
    )

    recorded = record(spread)

    values = [[point.value for point in history(label)] for label in ("rows at first", "rows at last", "watched")]
    assert [[10.0], [20.0], [1.0]] == values
    assert {"database", "watch"} == recorded.fixtures.keys()
