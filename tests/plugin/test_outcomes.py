"""Every way a test can end is seen, and counted as pytest counts it, in one process and in workers."""

from __future__ import annotations

import json

import pytest

from akastats import sync_stats
from tests.plugin.conftest import Record, history

SUITE = """
import unittest
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("no database")

@pytest.fixture
def breaks_later():
    yield
    raise OSError("cannot be closed")

def test_passes(): pass
def test_fails(): assert {"a": 1} == {"a": 2}
def test_raises(): int("x")
def test_error_in_setup(broken): pass
def test_error_in_teardown(breaks_later): pass
def test_fails_and_errors(breaks_later): assert 0
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
def test_skips_itself(): pytest.skip("not here")
@pytest.mark.xfail
def test_xfails(): assert 0
@pytest.mark.xfail
def test_xpasses(): pass
@pytest.mark.xfail(strict=True)
def test_xpasses_strictly(): pass
@pytest.mark.parametrize("word", ["a/b", "\\u00fc", "[x]", "a::b", " ", "%41", "?#"])
def test_odd(word): pass
class TestGrouped:
    def test_method(self): pass
class Case(unittest.TestCase):
    def test_case(self): pass
    def test_case_fails(self): self.fail("no")
    @unittest.expectedFailure
    def test_case_xfails(self): self.fail("no")
"""

EXPECTED = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_raises": "failed",
    "test_error_in_setup": "error",
    "test_error_in_teardown": "error",
    "test_fails_and_errors": "failed",
    "test_skipped": "skipped",
    "test_skips_itself": "skipped",
    "test_xfails": "xfailed",
    "test_xpasses": "xpassed",
    "test_xpasses_strictly": "failed",
    "TestGrouped::test_method": "passed",
    "Case::test_case": "passed",
    "Case::test_case_fails": "failed",
    "Case::test_case_xfails": "xfailed",
}


def test_each_ending_has_its_outcome(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Passed, failed, error, skipped, xfailed and xpassed are told apart, whoever ran the test."""
    pytester.makepyfile(test_endings=SUITE)

    recorded = record(spread)

    plain = {name: outcome for name, outcome in recorded.outcomes.items() if not name.startswith("test_odd")}
    assert EXPECTED == plain
    assert (22, 10, 5, 2, 2, 2, 1) == recorded.counts(
        "tests", "passed", "failed", "errors", "skipped", "xfailed", "xpassed"
    )
    assert ("failed", "1", "22") == tuple(recorded.run[name] for name in ("status", "exit_code", "planned"))


def test_a_point_leads_to_its_run_outcome_and_traceback(pytester: pytest.Pytester, record: Record) -> None:
    """From a history one reaches, with contexts alone, which run it was and what went wrong."""
    pytester.makepyfile(test_one="def test_fails():\n    int('x')\n")

    recorded = record()

    (point,) = history("test::test_one.py::test_fails")
    told = json.loads(sync_stats.contexts([point.context_id])[point.context_id])
    assert ("failed", recorded.run["id"]) == (told["outcome"], told["run"])
    traceback = sync_stats.contexts([told["error"]])[told["error"]].decode()
    assert "ValueError: invalid literal for int() with base 10: 'x'" in traceback


def test_each_failure_is_an_error_of_its_class(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Failures and errors of every phase add a point to `errors__EXC:<class>` and `errors__all`."""
    pytester.makepyfile(test_endings=SUITE)

    record(spread)

    labels = ("AssertionError", "ValueError", "RuntimeError", "OSError", "all", "Failed")
    found = {name: len(history("errors__all" if name == "all" else f"errors__EXC:{name}")) for name in labels}
    assert {
        "AssertionError": 3,
        "ValueError": 1,
        "RuntimeError": 1,
        "OSError": 2,
        "all": 8,
        "Failed": 0,
    } == found


def test_skipped_tests_write_no_point(pytester: pytest.Pytester, record: Record) -> None:
    """A test that did not run has no duration."""
    pytester.makepyfile(test_one="import pytest\n@pytest.mark.skip\ndef test_not():\n    pass\n")

    recorded = record()

    assert [] == history("test::test_one.py::test_not")
    assert {"test_not": "skipped"} == recorded.outcomes


def test_a_failing_subtest_fails_its_test(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """Subtests are no tests of their own; each that fails adds its own error to its test."""
    pytester.makepyfile(
        test_one="""
        def test_parts(subtests):
            for number in range(4):
                with subtests.test(number=number):
                    assert number not in (1, 3)
        def test_whole(subtests):
            with subtests.test(): pass
        """
    )

    recorded = record(spread)

    assert {"test_parts": "failed", "test_whole": "passed"} == recorded.outcomes
    assert (2, 1, 1) == recorded.counts("tests", "failed", "passed")
    assert (2, 2) == (len(history("errors__EXC:AssertionError")), len(history("errors__all")))


def test_each_rerun_is_an_attempt(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """A test that fails twice and then passes has three points; it counts once, as passed."""
    pytester.makepyfile(
        test_one="""
        import pathlib
        def test_third_time_lucky():
            tries = pathlib.Path(__file__).with_name("tries")
            tries.write_text((tries.read_text() if tries.exists() else "") + "x")
            assert len(tries.read_text()) >= 3
        """
    )

    recorded = record(spread, "-p", "rerunfailures", "--reruns=3")

    assert (1, 1, 0, 2) == recorded.counts("tests", "passed", "failed", "reruns")
    points = history("test::test_one.py::test_third_time_lucky")
    told = sync_stats.contexts([point.context_id for point in points])
    outcomes = [json.loads(told[point.context_id])["outcome"] for point in points]
    assert ["passed", "rerun", "rerun"] == outcomes
    assert 2 == len(history("errors__EXC:AssertionError"))


def test_a_file_that_cannot_be_collected_is_counted(
    pytester: pytest.Pytester, record: Record, spread: str
) -> None:
    """A collection error is an error of its class, counted apart from tests; the run has failed."""
    pytester.makepyfile(test_bad="import no_such_module\n", test_good="def test_ok(): pass\n")

    recorded = record(spread)

    assert (1,) == recorded.counts("collect_errors")
    recorded.result.stdout.fnmatch_lines(["akastats: * recorded as run *; 1 file could not be collected"])
    assert "failed" == recorded.run["status"]
    assert 1 == len(history("errors__EXC:ModuleNotFoundError"))


def test_a_collection_error_is_counted_if_the_debugger_is_quit(pytester: pytest.Pytester, record: Record) -> None:
    """`--pdb` opens before pytest reports the error, and quitting it (here at the end of input) ends the run."""
    pytester.makepyfile(test_bad="import no_such_module\n", test_good="def test_ok(): pass\n")

    recorded = record("--pdb")

    recorded.result.stdout.fnmatch_lines(["akastats: 0 tests recorded as run *; 1 file could not be collected"])
    assert (0, 1) == recorded.counts("tests", "collect_errors")
    assert "interrupted" == recorded.run["status"]
    assert 1 == len(history("errors__EXC:ModuleNotFoundError"))


def test_a_worker_crash_fails_the_test_it_ran(pytester: pytest.Pytester, record: Record) -> None:
    """The test at which a worker dies has failed; the others go on and are counted."""
    pytester.makepyfile(
        test_one="""
        import os, pytest
        @pytest.mark.parametrize("number", range(8))
        def test_many(number):
            if number == 2: os._exit(3)
        """
    )

    recorded = record("-n2")

    assert (8, 7, 1) == recorded.counts("tests", "passed", "failed")
    assert "failed" == recorded.outcomes["test_many[2]"]
    assert (1, 1) == (len(history("errors__EXC:WorkerCrash")), len(history("errors__all")))


@pytest.mark.parametrize(
    ("ending", "status"),
    [("raise KeyboardInterrupt", "interrupted"), ("pytest.exit('enough')", "interrupted")],
)
def test_an_interrupted_run_keeps_what_was_finished(
    pytester: pytest.Pytester, record: Record, ending: str, status: str
) -> None:
    """Ctrl-C and pytest.exit end a run; the tests before count, the one that was running does not."""
    pytester.makepyfile(
        test_one=f"""
        import pytest
        def test_before(): pass
        def test_during():
            {ending}
        def test_after(): pass
        """
    )

    recorded = record()

    assert status == recorded.run["status"]
    assert {"test_before": "passed"} == recorded.outcomes


def test_stopping_at_the_first_failure_counts_what_ran(pytester: pytest.Pytester, record: Record) -> None:
    """With `-x` the run has failed, not been interrupted."""
    pytester.makepyfile(test_one="def test_a(): assert 0\ndef test_b(): pass\n")

    recorded = record("-x")

    assert ("failed", {"test_a": "failed"}) == (recorded.run["status"], recorded.outcomes)
    assert recorded.counts("tests", "planned") == (1, 2)


def test_a_run_without_tests_is_empty(pytester: pytest.Pytester, record: Record) -> None:
    """No test collected is a status of its own."""
    pytester.makepyfile(test_one="")

    recorded = record()

    assert ("empty", "0") == (recorded.run["status"], recorded.run["tests"])


def test_doctests_are_tests(pytester: pytest.Pytester, record: Record) -> None:
    """A doctest that fails is a failure like any other."""
    pytester.makepyfile(module='"""\n>>> 1 + 1\n3\n"""\n')

    recorded = record("--doctest-modules", "module.py")

    assert {"module": "failed"} == recorded.outcomes
    assert 1 == len(history("errors__all"))


def test_a_group_of_xdist_is_no_part_of_a_node_id(pytester: pytest.Pytester, record: Record) -> None:
    """With `--dist loadgroup` the labels are those of any other run, also where a path holds an `@`."""
    source = (
        "import pytest\n@pytest.mark.xdist_group('db')\ndef test_grouped(): pass\ndef test_alone(): assert 0\n"
    )
    pytester.makepyfile(**{"pkgs/@acme/test_one": source})

    recorded = record("-n2", "--dist=loadgroup")

    assert {"test_grouped": "passed", "test_alone": "failed"} == recorded.outcomes
    assert 1 == len(history("test::pkgs/@acme/test_one.py::test_grouped"))
    assert ["pkgs/@acme/test_one.py::test_alone"] == recorded.profile["errors"]["nodeid"]
    assert [] == recorded.profile["unfinished"]


def test_a_module_that_skips_itself_is_counted(pytester: pytest.Pytester, record: Record, spread: str) -> None:
    """As in pytest's own closing line: a module skipped at collection is one that was skipped."""
    pytester.makepyfile(
        test_a="import pytest\npytest.skip('not here', allow_module_level=True)\n",
        test_b="import pytest\npytest.importorskip('no_such_module')\n",
        test_c="import pytest\n@pytest.mark.skip\ndef test_c(): pass\ndef test_d(): pass\n",
    )

    recorded = record(spread)

    assert recorded.result.parseoutcomes()["skipped"] == 3
    assert (4, 3, 1) == recorded.counts("tests", "skipped", "passed")
