"""`--akastats-quarantine`: what is listed fails no run, and is recorded as what it was."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from akastats.local_time import LOCAL, get_end_of_day
from akastats.model.results import label
from akastats.redis import sync_redis
from akastats.spool import quarantine_list as listing
from akastats.spool import shipper_state as states
from akastats.spool.quarantine_list import Listed
from akastats.spool.shipper_state import State
from akastats.triage import quarantine_storage as stored
from akastats.triage.quarantine_rules import QuarantinedTest, pack
from pytest_akastats.internal_errors import InternalErrors
from pytest_akastats.probe import QUARANTINED
from pytest_akastats.quarantine import (
    WAIT_S,
    WORKER_INPUT,
    ControllerQuarantine,
    ListTimeout,
    Quarantine,
    QuarantinedTests,
    format_summary,
)
from pytest_akastats.summary import ABSENT_WAIT_S
from tests.plugin.conftest import NAMESPACE, Record

OPTIONS = ("--akastats", "--akastats-wait=60", "--akastats-quarantine")
UNTIL = get_end_of_day("2099-12-24", LOCAL)
TOLD = "until 2099-12-24: hangs up"

ENDINGS = '''
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
def test_fails(): assert 0
def test_error_in_setup(broken): pass
def test_error_in_teardown(breaks_later): pass
def test_fails_and_errors(breaks_later): raise LookupError
@pytest.mark.xfail(strict=True)
def test_xpasses_strictly(): pass
@pytest.mark.xfail
def test_xfails(): assert 0
@pytest.mark.parametrize("word", ["a/b", "x::y"])
def test_odd(word): int(word)
class Case(unittest.TestCase):
    def test_case(self): self.fail("no")
    def test_parts(self):
        for number in range(3):
            with self.subTest(number=number): self.assertEqual(number, 1)
def documented():
    """
    >>> 1 + 1
    3
    """
'''
EXPECTED = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_error_in_setup": "error",
    "test_error_in_teardown": "error",
    "test_fails_and_errors": "failed",
    "test_xpasses_strictly": "failed",
    "test_xfails": "xfailed",
    "test_odd[a/b]": "failed",
    "test_odd[x::y]": "failed",
    "Case::test_case": "failed",
    "Case::test_parts": "failed",
    "test_endings.documented": "failed",
}


@pytest.fixture
def excusing(pytester: pytest.Pytester, record: Record) -> Record:
    """Run a suite with its quarantine, for which it waits as long as a busy machine takes."""
    pytester.makeconftest("from pytest_akastats import quarantine as q\nq.WAIT_S, q.MAX_POLLS = 60.0, 6000\n")
    return partial(record, options=OPTIONS)


def put_in(*nodeids: str, suite: str = "") -> None:
    """Put tests into quarantine."""
    for nodeid in nodeids:
        name = label("test", nodeid, suite)
        entry = QuarantinedTest(name, nodeid, suite, UNTIL, "hangs up", time.time())
        sync_redis.run(stored.put(NAMESPACE, name, pack(entry)))


def test_whatever_fails_in_quarantine_is_excused_and_recorded(
    pytester: pytest.Pytester, excusing: Record, spread: str
) -> None:
    """Each phase and kind of test: the exit code is 0, the outcomes and exception classes are the true ones."""
    pytester.makepyfile(test_endings=ENDINGS)
    put_in(*(f"test_endings.py::{name}" for name in EXPECTED))

    recorded = excusing(spread, "-rx", "--doctest-modules")

    assert EXPECTED == recorded.outcomes
    assert pytest.ExitCode.OK == recorded.result.ret
    counted = recorded.result.parseoutcomes()
    assert {"failed", "errors", "error"}.isdisjoint(counted)
    errors = set(zip(recorded.profile["errors"]["phase"], recorded.profile["errors"]["exception"], strict=True))
    assert {
        ("call", "AssertionError"),
        ("setup", "RuntimeError"),
        ("teardown", "OSError"),
        ("call", "LookupError"),
        ("call", "ValueError"),
    } <= errors
    assert ("passed", 8, 2, 1) == (recorded.run["status"], *recorded.counts("failed", "errors", "xfailed"))
    recorded.result.stdout.fnmatch_lines(
        [
            "akastats: failures in quarantine, which do not fail the run: 10",
            f"    test_endings.py::*{TOLD}",
            "    and 5 more",
        ]
    )
    recorded.result.stdout.fnmatch_lines([f"XFAIL test_endings.py::test_fails - quarantined {TOLD}"])


def test_other_failures_count(pytester: pytest.Pytester, excusing: Record) -> None:
    """What is not listed, and what only another suite has in quarantine."""
    pytester.makepyfile(test_one="def test_a(): assert 0\ndef test_b(): assert 0\ndef test_c(): assert 0\n")
    put_in("test_one.py::test_a")
    put_in("test_one.py::test_b", suite="unit")

    recorded = excusing("-n2")

    assert pytest.ExitCode.TESTS_FAILED == recorded.result.ret
    recorded.result.assert_outcomes(failed=2, xfailed=1)


def test_a_suite_has_its_own(pytester: pytest.Pytester, excusing: Record) -> None:
    """The run's suite counts, and no other."""
    pytester.makepyfile(test_one="def test_a(): assert 0\n")
    put_in("test_one.py::test_a", suite="unit")

    recorded = excusing("--akastats-suite=unit")

    assert pytest.ExitCode.OK == recorded.result.ret


def test_an_excused_failure_does_not_stop_the_run(
    pytester: pytest.Pytester, excusing: Record, spread: str
) -> None:
    """`-x` counts those that count, in the workers too."""
    pytester.makepyfile(test_one="\n".join(f"def test_{number}(): assert 0" for number in range(8)))
    put_in(*(f"test_one.py::test_{number}" for number in range(8)))

    recorded = excusing(spread, "-x")

    assert pytest.ExitCode.OK == recorded.result.ret
    assert 8 == len(recorded.outcomes)


def test_the_first_that_counts_stops_the_run(pytester: pytest.Pytester, excusing: Record) -> None:
    """Behind one that does not."""
    pytester.makepyfile(test_one="\n".join(f"def test_{number}(): assert 0" for number in range(3)))
    put_in("test_one.py::test_0")

    recorded = excusing("-x")

    assert (pytest.ExitCode.TESTS_FAILED, 2) == (recorded.result.ret, len(recorded.outcomes))


def test_it_is_run_again_before_it_is_excused(pytester: pytest.Pytester, excusing: Record) -> None:
    """Each attempt of pytest-rerunfailures is evidence; the last one is excused."""
    pytester.makepyfile(test_one="def test_a(): assert 0\n")
    put_in("test_one.py::test_a")

    recorded = excusing("-p", "rerunfailures", "--reruns=2")

    assert pytest.ExitCode.OK == recorded.result.ret
    assert ["rerun", "rerun", "failed"] == recorded.profile["tests"]["outcome"]
    recorded.result.assert_outcomes(xfailed=1)


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="subtests are pytest's own from version 9 on")
def test_failing_subtests_are_excused_with_their_test(
    pytester: pytest.Pytester, excusing: Record, spread: str
) -> None:
    """pytest fails the test behind them, late: that is excused too."""
    pytester.makepyfile(
        test_one="""
        def test_a(subtests):
            for number in range(3):
                with subtests.test(number=number): assert number == 1
        """
    )
    put_in("test_one.py::test_a")

    recorded = excusing(spread, "-x")

    assert (pytest.ExitCode.OK, {"test_a": "failed"}) == (recorded.result.ret, recorded.outcomes)
    assert ["subtest", "subtest"] == recorded.profile["errors"]["phase"]
    assert "failed" not in recorded.result.parseoutcomes()


def test_a_worker_that_dies_in_quarantine_is_excused(pytester: pytest.Pytester, excusing: Record) -> None:
    """A crash is a failure of its test."""
    pytester.makepyfile(test_one="import os\ndef test_a(): os._exit(3)\ndef test_b(): pass\n")
    put_in("test_one.py::test_a")

    recorded = excusing("-n1")

    assert (pytest.ExitCode.OK, "failed") == (recorded.result.ret, recorded.outcomes["test_a"])
    assert ["crash"] == recorded.profile["errors"]["phase"]


def test_groups_of_workers_do_not_hide_a_test(pytester: pytest.Pytester, excusing: Record) -> None:
    """With `--dist loadgroup` node ids end with the group."""
    pytester.makepyfile(
        test_one="""
        import pytest
        @pytest.mark.xdist_group("together")
        @pytest.mark.parametrize("mail", ["a@b"])
        def test_a(mail): assert 0
        """
    )
    put_in("test_one.py::test_a[a@b]")

    recorded = excusing("-n2", "--dist=loadgroup")

    assert (pytest.ExitCode.OK, {"test_a[a@b]": "failed"}) == (recorded.result.ret, recorded.outcomes)


def test_a_secret_in_a_node_id_does_not_hide_a_test(
    pytester: pytest.Pytester, record: Record, excusing: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in quarantine under the name that is recorded."""
    monkeypatch.setenv("BANK_PASSWORD", "tigerofsiam")
    pytester.makepyfile(
        test_one="""
        import pytest
        @pytest.mark.parametrize("word", ["tigerofsiam"])
        def test_a(word): assert 0
        """
    )
    (name,) = record().outcomes
    put_in(f"test_one.py::{name}")

    recorded = excusing()

    assert "tigerofsiam" not in name
    assert pytest.ExitCode.OK == recorded.result.ret


def test_an_empty_quarantine_says_nothing(pytester: pytest.Pytester, excusing: Record) -> None:
    """Failures count, and there is nothing to tell of it."""
    pytester.makepyfile(test_one="def test_a(): assert 0\n")

    recorded = excusing()

    assert pytest.ExitCode.TESTS_FAILED == recorded.result.ret
    recorded.result.stdout.no_fnmatch_line("akastats: *quarantine*")


def test_without_the_option_nothing_is_registered(pytester: pytest.Pytester, record: Record) -> None:
    """No hook, no file, no module: failures count."""
    pytester.makepyfile(
        test_one="""
        import sys
        def test_a(): assert 0
        def test_b(pytestconfig):
            assert not pytestconfig.pluginmanager.has_plugin("akastats-quarantine")
            assert "pytest_akastats.quarantine" not in sys.modules
        """
    )
    put_in("test_one.py::test_a")

    recorded = record()

    recorded.result.assert_outcomes(failed=1, passed=1)
    assert [] == list((pytester.path / ".akastats" / "spool").glob("*.quarantine"))


def test_the_ini_file_asks_for_it(pytester: pytest.Pytester, excusing: Record) -> None:
    """A project can have it in each recorded run."""
    pytester.makeini("[pytest]\nakastats = true\nakastats_quarantine = true\nakastats_wait = 60\n")
    pytester.makepyfile(test_one="def test_a(): assert 0\n")
    put_in("test_one.py::test_a")

    assert pytest.ExitCode.OK == excusing(options=()).result.ret


def test_the_option_needs_a_recorded_run(pytester: pytest.Pytester) -> None:
    """Nobody would ask the server for the list."""
    result = pytester.runpytest_subprocess("--akastats-quarantine")

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines(["ERROR:*--akastats-quarantine: needs --akastats*"])


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that lets in and never answers."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen(128)
        yield f"unix://{tmp_path}/s"


def test_a_silent_server_delays_the_run_by_its_wait(pytester: pytest.Pytester, silent: str, spread: str) -> None:
    """Then the tests run, all failures count, and the end says so in one line."""
    pytester.makepyfile(test_one="def test_a(): assert 0\n")

    result = pytester.runpytest_subprocess(*OPTIONS, spread, f"--akastats-url={silent}", "--akastats-wait=0")

    result.assert_outcomes(failed=1)
    lines = [line for line in result.outlines if line.startswith("akastats: quarantine not applied (")]
    assert ["; all failures count"] == [line[line.rindex(";") :] for line in lines]
    assert result.duration >= ABSENT_WAIT_S


# What follows runs no suite


class Clock:
    """Time that passes by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.sleeps += 1


@pytest.fixture
def config() -> Any:
    """A configuration that notes what is registered."""
    registered: list[object] = []
    register = SimpleNamespace(register=lambda plugin, name: registered.append(plugin))
    return SimpleNamespace(pluginmanager=register, registered=registered)


def waiting(spool: Path, clock: Clock, config: Any) -> Quarantine:
    """Return a quarantine whose list will lie beside a spool."""
    quarantine = Quarantine(config, InternalErrors())
    quarantine._clock, quarantine._sleep = clock, clock.sleep
    quarantine.begin(spool)
    return quarantine


def quarantined(config: Any, *nodeids: str) -> QuarantinedTests:
    """Return the plugin that changes the reports of these tests."""
    return QuarantinedTests(config, dict.fromkeys(nodeids, TOLD), str, InternalErrors())


def report_of(nodeid: str, outcome: Any = "failed") -> Any:
    """Return a report of a call."""
    return pytest.TestReport(nodeid, ("a.py", 1, "b"), {}, outcome, None, "call")


def test_the_list_is_waited_for_two_seconds_and_no_longer(tmp_path: Path, config: Any) -> None:
    """From when collection has ended, by a clock that no test has touched yet."""
    clock = Clock()
    quarantine = waiting(tmp_path / "1-a.aks", clock, config)

    quarantine.pytest_collection_finish()

    assert WAIT_S == pytest.approx(clock.now - 100, abs=0.011)
    assert "list not received within 2 s" in quarantine.problem


def test_a_clock_that_stands_still_ends_the_wait_too(tmp_path: Path, config: Any) -> None:
    """Somebody's conftest.py may have frozen it before us."""
    clock = Clock()
    quarantine = waiting(tmp_path / "1-a.aks", clock, config)
    quarantine._clock = lambda: 100.0

    quarantine.pytest_collection_finish()

    assert 200 == clock.sleeps


def test_a_list_ends_the_wait(tmp_path: Path, config: Any) -> None:
    """As soon as it is there."""
    spool, clock = tmp_path / "1-a.aks", Clock()
    listing.write(spool, Listed({"a.py::b": TOLD}))
    quarantine = waiting(spool, clock, config)

    quarantine.pytest_collection_finish()

    assert (0, "", [quarantine.tests]) == (clock.sleeps, quarantine.problem, config.registered)


def test_an_empty_list_registers_nothing(tmp_path: Path, config: Any) -> None:
    """It costs no test anything."""
    spool = tmp_path / "1-a.aks"
    listing.write(spool, Listed())
    quarantine = waiting(spool, Clock(), config)

    quarantine.pytest_collection_finish()

    assert ("", []) == (quarantine.problem, config.registered)


@pytest.mark.parametrize(
    ("phases", "expected_s"),
    [
        ([(states.FAILED, 0.0)], 0.0),
        ([(states.ABSENT, 0.0)], 0.25),
        ([(states.SILENT, 0.0), (states.ABSENT, 1.0)], 1.25),
        ([(states.ABSENT, 0.0), (states.SILENT, 0.1), (states.ABSENT, 1.0)], 1.25),
        ([(states.SILENT, 0.0)], 2.0),
        ([(states.RAISING, 0.0), (states.ABSENT, 1.9)], 2.0),
        ([], 2.0),
    ],
)
def test_where_nobody_will_write_it_the_wait_is_shorter(
    phases: list[tuple[str, float]], expected_s: float
) -> None:
    """A server that is not there gets a moment, a delivery that is over none."""
    patience = ListTimeout(100.0)

    def at(seconds: float) -> State | None:
        told = [phase for phase, since in phases if since <= seconds]
        return State(phase=told[-1]) if told else None

    over = next(step / 100 for step in range(1000) if patience.is_over(at(step / 100), 100 + step / 100))

    assert expected_s == pytest.approx(over, abs=0.011)


def test_what_the_delivery_said_is_the_reason(tmp_path: Path, config: Any) -> None:
    """The server's own words, once."""
    spool = tmp_path / "1-a.aks"
    states.write(spool, State(phase=states.FAILED, message="no password"))
    quarantine = waiting(spool, Clock(), config)

    quarantine.pytest_collection_finish()

    assert "no password" == quarantine.problem


def test_a_run_that_is_not_delivered_has_no_quarantine(config: Any) -> None:
    """Nobody would write the list."""
    quarantine = Quarantine(config, InternalErrors())

    quarantine.pytest_collection_finish()

    assert "this run is not delivered" == quarantine.problem


def test_an_error_of_ours_is_noted_and_reaches_nobody(tmp_path: Path, config: Any) -> None:
    """Measuring never breaks what is measured."""
    quarantine, tests = Quarantine(config, InternalErrors()), quarantined(config, "a.py::b")
    quarantine.begin(tmp_path)
    quarantine._clock = lambda: 1 / 0
    without_a_node_id: Any = SimpleNamespace(outcome="failed")

    quarantine.pytest_collection_finish()
    tests.pytest_runtest_logreport(without_a_node_id)

    assert (1, 1) == (quarantine.internal_errors.count, tests.internal_errors.count)


def test_what_a_worker_has_excused_is_named_at_the_end(config: Any) -> None:
    """Its report comes as expected, with what it was; built-ins alone, which can travel."""
    there, here = quarantined(config, "a.py::b"), quarantined(config, "a.py::other")
    report = report_of("a.py::b")

    there.pytest_runtest_logreport(report)
    here.pytest_runtest_logreport(report)

    told = (report.outcome, report.wasxfail, getattr(report, QUARANTINED))
    assert ("skipped", f"quarantined {TOLD}", "failed") == told
    assert {"a.py::b": TOLD} == here.failures


@pytest.mark.parametrize("outcome", ["passed", "skipped", "rerun"])
def test_what_did_not_fail_is_left_as_it_is(outcome: str, config: Any) -> None:
    """A listed test that passes is a passed test."""
    tests, report = quarantined(config, "a.py::b"), report_of("a.py::b", outcome)

    tests.pytest_runtest_logreport(report)

    assert (outcome, {}) == (report.outcome, tests.failures)


def test_a_test_that_fails_late_is_looked_at_behind_a_subtest_alone(config: Any) -> None:
    """The hook that sees each report is there once, where it is needed."""
    tests = quarantined(config, "a.py::b")
    for _ in range(2):
        report = report_of("a.py::b")
        report.context = "of a subtest"
        tests.pytest_runtest_logreport(report)
    late, uncollected = report_of("a.py::b"), pytest.CollectReport("a.py::b", "failed", None, None, ())

    (of_subtests,) = config.registered
    of_subtests.pytest_report_teststatus(late)
    of_subtests.pytest_report_teststatus(uncollected)

    assert ("skipped", "failed") == (late.outcome, uncollected.outcome)


@pytest.mark.parametrize(("popen", "told"), [(True, {WORKER_INPUT: "/s/1-a.aks"}), (False, {})])
def test_only_a_worker_of_this_machine_is_told_of_the_list(popen: bool, told: dict[str, str], config: Any) -> None:
    """Another could not read it, and would wait for nothing."""
    quarantine = ControllerQuarantine(config, InternalErrors())
    quarantine.begin(Path("/s/1-a.aks"))
    node = SimpleNamespace(gateway=SimpleNamespace(spec=SimpleNamespace(popen=popen)), workerinput={})

    quarantine.pytest_configure_node(node)

    assert told == node.workerinput


def test_the_end_names_five() -> None:
    """And counts the others; names of strangers are shown as text."""
    excused = {f"a.py::b[\x1b{number}]": TOLD for number in range(7)}

    told = list(format_summary(excused, "gone\n"))

    assert [
        "akastats: quarantine not applied (gone\\n); all failures count",
        "akastats: failures in quarantine, which do not fail the run: 7",
        *(f"    a.py::b[\\x1b{number}] {TOLD}" for number in range(5)),
        "    and 2 more",
    ] == told


def test_nothing_to_tell_is_no_line() -> None:
    """Most runs."""
    assert [] == list(format_summary({}, ""))
