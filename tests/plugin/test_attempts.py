"""Attempts whose reports overlap, change, come twice or do not come at all: each is recorded as what it was."""

from __future__ import annotations

import pytest

from akastats.model import profile
from tests.plugin.conftest import Record, Recorded


def attempts(recorded: Recorded) -> list[tuple[str, str]]:
    """Return the name and outcome of each attempt, in the order they ended."""
    rows = profile.rows(recorded.profile["tests"])
    return [(row["nodeid"].split("::", 1)[1], row["outcome"]) for row in rows]


def seconds(recorded: Recorded, name: str) -> float:
    """Return the seconds of a test's call, of its last attempt."""
    return [row["call"] / 1e6 for row in profile.rows(recorded.profile["tests"]) if name in row["nodeid"]][-1]


# As pytest-asyncio-concurrent does it: every phase of all tests, before the next phase of any.
OVERLAPPING = """
import pytest

def phase(item, when, act):
    call = pytest.CallInfo.from_call(act, when)
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    item.ihook.pytest_runtest_logreport(report=report)

def pytest_runtestloop(session):
    for item in session.items:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        phase(item, "setup", lambda: None)
    for item in session.items:
        phase(item, "call", item.obj)
    for item in session.items:
        phase(item, "teardown", lambda: None)
    return True
"""


def test_tests_that_overlap_stay_apart(pytester: pytest.Pytester, record: Record) -> None:
    """Three tests at once are three tests, and the one that failed has failed."""
    pytester.makeconftest(OVERLAPPING)
    pytester.makepyfile(
        test_bank="""
        import time
        def test_refund(): assert 0
        def test_balance(): time.sleep(0.05)
        def test_transfer(): time.sleep(0.1)
        """
    )

    recorded = record()

    expected = [("test_refund", "failed"), ("test_balance", "passed"), ("test_transfer", "passed")]
    assert expected == attempts(recorded)
    assert seconds(recorded, "test_refund") < 0.05 <= seconds(recorded, "test_balance")
    assert 0.1 <= seconds(recorded, "test_transfer") < 0.15


ENDINGS = {
    "exit in a hook": ("pytest_exception_interact(node)", "pytest.exit('no device', returncode=1)"),
    "Ctrl-C in a teardown": ("pytest_runtest_teardown(item)", "if 'breaks' in item.name: raise KeyboardInterrupt"),
    "exit of the interpreter": ("pytest_exception_interact(node)", "raise SystemExit(3)"),
    "another plugin's end": ("pytest_sessionfinish()", "raise RuntimeError('broken')"),
}


@pytest.mark.parametrize(("hook", "ending"), ENDINGS.values(), ids=ENDINGS)
def test_a_failure_that_ends_the_run_is_recorded(
    pytester: pytest.Pytester, record: Record, hook: str, ending: str
) -> None:
    """What failed before the run was ended counts, also without the report of its teardown."""
    pytester.makeconftest(f"import pytest\ndef {hook}:\n    {ending}\n")
    pytester.makepyfile("def test_before(): pass\ndef test_breaks(): assert 0\ndef test_after(): pass\n")

    recorded = record()

    assert [("test_before", "passed"), ("test_breaks", "failed")] == attempts(recorded)[:2]
    assert "crashed" != recorded.run["status"]


# As pytest-retry does it: one report, logged as `retried`, then changed to the outcome of the last attempt.
CHANGING = """
import pytest

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    for attempt in range(3):
        if call.when != "call" or not call.excinfo:
            break
        if not attempt:
            report.outcome = "again"
            item.ihook.pytest_runtest_logreport(report=report)
        call = pytest.CallInfo.from_call(lambda: item.obj(), "call")
        tried = pytest.TestReport.from_item_and_call(item, call)
        if call.excinfo:
            item.ihook.pytest_exception_interact(node=item, call=call, report=tried)
        report.outcome, report.longrepr, report.duration = tried.outcome, tried.longrepr, tried.duration
"""

# As flaky does it: an attempt that is tried again is never logged, but for its setup and teardown.
SILENT = """
import pytest
from _pytest import runner

def phase(item, when, act, is_last):
    call = pytest.CallInfo.from_call(act, when)
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    if when != "call" or is_last or not call.excinfo:
        item.ihook.pytest_runtest_logreport(report=report)
    if call.excinfo:
        item.ihook.pytest_exception_interact(node=item, call=call, report=report)
    return call.excinfo is None

def pytest_runtest_protocol(item):
    for attempt in range(4):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        phase(item, "setup", lambda: item.session._setupstate.setup(item), False)
        is_done = phase(item, "call", lambda: item.obj(), attempt == 3)
        phase(item, "teardown", lambda: item.session._setupstate.teardown_exact(None), False)
        if is_done:
            break
    return True
"""


@pytest.mark.parametrize("plugin", [CHANGING, SILENT], ids=["changed report", "no report"])
def test_attempts_that_other_plugins_retry_are_reruns(
    pytester: pytest.Pytester, record: Record, spread: str, plugin: str
) -> None:
    """A test that fails twice and then passes has two reruns; one that goes on failing has failed."""
    pytester.makeconftest(plugin)
    pytester.makepyfile(
        """
        import time
        tries = []
        def test_third_time_lucky():
            tries.append(1)
            time.sleep(0.1 * (len(tries) == 3))
            assert len(tries) == 3
        def test_never(): int("x")
        """
    )

    recorded = record(spread)

    found: dict[str, list[str]] = {}
    for name, outcome in attempts(recorded):
        found.setdefault(name, []).append(outcome)
    expected = {"test_third_time_lucky": ["rerun", "rerun", "passed"], "test_never": [*["rerun"] * 3, "failed"]}
    assert expected == found
    assert (2, 1, 1, 5) == recorded.counts("tests", "passed", "failed", "reruns")
    assert 0.1 <= seconds(recorded, "test_third_time_lucky") < 0.2
    assert ["AssertionError"] * 2 + ["ValueError"] * 4 == sorted(recorded.profile["errors"]["exception"])


def test_a_duration_that_a_plugin_sets_is_trusted(pytester: pytest.Pytester, record: Record) -> None:
    """Where a plugin runs the bodies itself, before pytest comes to the tests, its durations count."""
    pytester.makeconftest(
        """
        import time

        def pytest_collection_finish(session):
            for item in session.items:
                began = time.perf_counter()
                item.obj()
                item.took = time.perf_counter() - began
                item.obj = lambda: None

        def pytest_runtest_makereport(item, call):
            if call.when == "call":
                call.duration = item.took
        """
    )
    pytester.makepyfile("import time\ndef test_waits(): time.sleep(0.2)\n")

    recorded = record()

    assert 0.2 <= seconds(recorded, "test_waits") < 0.4


# As conftests do it that decode escaped parameters for pytest-html.
RENAMING = """
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    report.nodeid = report.nodeid.encode().decode("unicode_escape")
"""


def test_a_failure_whose_reports_are_renamed_is_one_failed_attempt(
    pytester: pytest.Pytester, record: Record
) -> None:
    """The name is that of the reports, and the phases of one attempt stay together."""
    pytester.makeconftest(RENAMING)
    pytester.makepyfile(
        test_names="""
        import pytest
        @pytest.mark.parametrize("city", ["\\u4e2d"])
        def test_city(city): assert not city
        def test_other(): pass
        """
    )

    recorded = record()

    assert [("test_city[\u4e2d]", "failed"), ("test_other", "passed")] == attempts(recorded)
