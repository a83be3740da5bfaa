"""Verdicts of suites that are really run: what the terminal says, and what the exit code is."""

from __future__ import annotations

import pytest

from akastats.model import profile
from akastats.queries import analysis_input, verdicts
from akastats.queries.runs import run_of
from akastats.redis import sync_redis

NAMESPACE = "AKA-STATS"
SUITE = """
    import os, pytest

    now = int(os.environ["NOW"])

    def test_passes():
        pass

    def test_fails():
        assert now != 8

    def test_flickers():
        assert now % 2
"""


@pytest.fixture
def suite(pytester, record, monkeypatch):
    """Run a suite as the `now`th commit of main, each odd one twice, as on the even one before."""
    pytester.makepyfile(SUITE)
    monkeypatch.setenv("AKA_STATS_BRANCH", "main")

    def run(now, *arguments):
        monkeypatch.setenv("NOW", str(now))
        monkeypatch.setenv("AKA_STATS_COMMIT", f"{now // 2:040x}")
        return record(*arguments)

    return run


def test_a_failure_is_labelled_and_the_run_fails_on_new_ones_alone(suite, spread):
    """Known flaky is known flaky, and no reason to stop anybody; new is one."""
    for now in range(2, 7):
        suite(now)

    flickering = suite(6, spread, "--akastats-fail-on=new")
    broken = suite(8, spread, "--akastats-fail-on=new")

    flickering.result.stdout.fnmatch_lines(
        [
            "  failures: 1 known flaky; compared with main",
            "    known flaky * *test_flickers",
            "*no failure is new: this run passes*",
        ]
    )
    assert 0 == flickering.result.ret
    broken.result.stdout.fnmatch_lines(
        [
            "  failures: 1 new, 1 known flaky; compared with main",
            "    new * *test_fails",
            "akastats: this run fails: 1 new failure *",
        ]
    )
    assert 1 == broken.result.ret
    assert (flickering.run["exit_code"], broken.run["exit_code"]) == ("1", "1")


def test_verdicts_are_stored_with_their_run(suite):
    """The page and reports tell what the terminal told."""
    recorded = suite(2)

    found = sync_redis.run(verdicts.read_verdicts(NAMESPACE, recorded.run["id"]))

    assert (recorded.run["id"], "main", 1) == (found.run, found.branch, found.runs)
    assert [("test_verdicts_are_stored_with_their_run.py::test_flickers", None)] == [
        (failure.nodeid, failure.label) for failure in found.failures
    ]


def test_with_a_short_history_the_tests_own_result_stands(suite):
    """A first run with a failing test is no success."""
    result = suite(2, "--akastats-fail-on=new,slower").result

    assert 1 == result.ret
    result.stdout.fnmatch_lines(["*0 earlier runs recorded*"])


def test_what_a_run_fails_on_does_not_hang_on_what_can_be_told(suite, pytester):
    """A summary that breaks off is no reason to leave out what was asked for."""
    pytester.makeconftest("""
        from pytest_akastats import summary
        def broken(*arguments): raise ValueError("no words")
        summary.format_summary = broken
    """)

    result = suite(2, "--akastats-fail-on=new").result

    result.stdout.fnmatch_lines(["*0 earlier runs recorded*", "akastats: *no words*"])


def test_a_stopped_run_is_what_it_is(suite):
    """What did not run may have failed."""
    for now in range(2, 8):
        suite(now)

    result = suite(6, "-x", "--akastats-fail-on=new").result

    assert 1 == result.ret
    result.stdout.fnmatch_lines(["*not all tests have run*"])


@pytest.mark.parametrize("words", ["newer", "new;slower", "all"])
def test_words_that_there_are_not(pytester, words):
    """Who mistypes it finds out at once, not on the day it matters."""
    pytester.makepyfile("def test(): pass")

    result = pytester.runpytest_subprocess("--akastats", f"--akastats-fail-on={words}")

    assert 4 == result.ret
    result.stderr.fnmatch_lines(["*--akastats-fail-on:*is not one of new, slower*"])


def test_an_ini_file_says_it_too(suite, pytester):
    """A project decides once."""
    pytester.makeini("[pytest]\nakastats_fail_on = new slower")

    suite(2).result.stdout.fnmatch_lines(["*0 earlier runs recorded*"])


def test_without_a_terminal_summary_nothing_changes(suite):
    """`--no-summary` shows nothing, so nothing is decided behind one's back."""
    assert 1 == suite(2, "--no-summary", "--akastats-fail-on=new").result.ret


def test_a_slower_run_is_explained(pytester, record):
    """By the test and the fixture that were slower, in the words of the terminal."""
    pytester.makepyfile(
        """
        import os, time, pytest
        SLOWER = float(os.environ.get("SLOWER", 0))
        @pytest.fixture(scope="session")
        def database(): time.sleep(SLOWER)
        def test_prices(database): time.sleep(0.1 + 2 * SLOWER)
        """
    )
    for _ in range(5):
        record()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLOWER", "1")
        slower = record()

    causes = r"test_prices \+2\.\d\d s, fixture database \+1\.\d\d s(, other .*)?"
    slower.result.stdout.re_match_lines([rf"  suite: \d\.\d\d s, typical .* \(\+\d\.\d\d s: {causes}\)$"])


def test_numbers_that_tests_gave_are_read_by_run(pytester, record):
    """The median of a run's points, also where they have a context of their own, which names no run."""
    pytester.makepyfile(
        """
        def test_one(stat):
            stat("queries", 1.0)
            stat("queries", 2.0, context="SELECT")

        def test_two(stat):
            stat("queries", 9.0)
        """
    )
    recorded = [record() for _ in range(2)]
    runs = [run_of(each.run) for each in recorded]
    known = analysis_input.record_of(analysis_input.facts_of(runs[1]), profile.from_json(recorded[1].profile), {})

    found = sync_redis.run(analysis_input.read_numbers(NAMESPACE, known, runs))

    assert {"queries": {runs[0].id: 2.0, runs[1].id: 2.0}} == found
