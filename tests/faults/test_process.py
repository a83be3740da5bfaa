"""Rows 23 to 27 and 30: ends of the process that runs the tests, and plugins that run tests in their own way."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.faults.driver import Driver, Running, Suite
from tests.faults.table import ANSWERING_S, Rows

ENDS = {
    "os._exit(0)": "os._exit(0)",
    "os._exit(3)": "os._exit(3)",
    "SIGSEGV": "os.kill(os.getpid(), signal.SIGSEGV)",
    "SIGABRT": "os.abort()",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGTERM": "os.kill(os.getpid(), signal.SIGTERM)",
    "SIGHUP": "os.kill(os.getpid(), signal.SIGHUP)",
    "SIGINT": "signal.raise_signal(signal.SIGINT)",
    "SIGINT twice": "interrupt_twice()",
    "sys.exit(4)": "sys.exit(4)",
    "pytest.exit": "pytest.exit('enough', returncode=7)",
}
# After these no code of the process runs any more: the test that was running never finishes.
SUDDEN = ("os._exit(0)", "os._exit(3)", "SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM", "SIGHUP")

PLACES = {
    "a test": ("test_at(): end()", ""),
    "a fixture": ("test_at(ending): pass", ""),
    "a teardown": ("test_at(ending_last): pass", ""),
    "collection": ("test_at(): pass", "end()"),
}

SOURCE = """
import os, signal, sys
import pytest

def interrupt_twice():
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.raise_signal(signal.SIGINT)

def end():
    {end}

@pytest.fixture
def ending():
    end()

@pytest.fixture
def ending_last():
    yield
    end()

@pytest.mark.parametrize("number", range({before}))
def test_before(number): assert number != 3

def {at}

@pytest.mark.parametrize("number", range({after}))
def test_behind(number): pass
{collection}
"""


def ending(end: str, place: str, *arguments: str, before: int = 10, after: int = 3) -> Suite:
    """A suite that ends its process: ten tests before, one of them failing, and some that come too late."""
    at, collection = PLACES[place]
    source = SOURCE.format(end=ENDS[end], at=at, collection=collection, before=before, after=after)
    return Suite({"test_a.py": source}, arguments)


#: In `make test` each end once, and each place; all pairs in `make faults`.
QUICK = (("os._exit(0)", "a test"), ("SIGKILL", "a fixture"), ("SIGINT", "a teardown"), ("SIGSEGV", "collection"))


@pytest.mark.parametrize(
    ("end", "place"),
    [
        pytest.param(end, place, marks=[] if (end, place) in QUICK else [pytest.mark.thorough])
        for end in ENDS
        for place in PLACES
    ],
)
def test_what_finished_before_the_end_is_kept(driver: Driver, row: Rows, end: str, place: str) -> None:
    """However the process ends, each finished test arrives, and the one that was running is named."""
    verdict = driver.compare(ending(end, place))

    (run,) = verdict.stored.runs
    (content,) = verdict.stored.profiles
    if place != "collection":
        assert 10 <= verdict.recorded.finished.total()
        # For pytest sys.exit is a failure like any other; else a test has an outcome once its call is reported.
        has_outcome = end == "sys.exit(4)" or (place == "a teardown" and end not in SUDDEN)
        assert ([] if has_outcome else ["test_a.py::test_at"]) == content["unfinished"]
        assert (["test_a.py::test_at"] if end in SUDDEN else []) == json.loads(run.get("died_in", "[]"))
    assert ("crashed" == run["status"]) == (end in SUDDEN)
    row("23", f"{end} in {place}", verdict, at_exit_s=ANSWERING_S)


@pytest.mark.thorough
@pytest.mark.parametrize("end", ENDS)
def test_worker_that_ends_costs_no_other_test(driver: Driver, row: Rows, end: str) -> None:
    """Under pytest-xdist each test arrives once, also the one at which the worker died."""
    # Where the end stops the whole run, one worker alone makes plain what has finished.
    workers = 2 if end in SUDDEN else 1
    # A dying process's last words are written into whatever line stands there.
    silent = ("-p", "no:faulthandler")

    verdict = driver.compare(ending(end, "a test", f"-n{workers}", *silent, before=17, after=2))

    assert 17 <= verdict.recorded.finished.total()
    row("24", f"{end} in a worker, -n {workers}", verdict, at_exit_s=ANSWERING_S)


#: Ways of pytest-xdist to spread tests, and to lose workers.
SPREAD = {
    "--dist load": ("-n2", "--dist=load"),
    "--dist loadscope": ("-n2", "--dist=loadscope"),
    "--dist loadfile": ("-n2", "--dist=loadfile"),
    "--dist worksteal": ("-n2", "--dist=worksteal"),
    "--max-worker-restart=0": ("-n1", "--max-worker-restart=0"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SPREAD)
def test_worker_killed_under_each_scheduler(driver: Driver, row: Rows, name: str) -> None:
    """However tests are spread over workers, one that is killed costs no other test."""
    arguments = (*SPREAD[name], "-p", "no:faulthandler")

    verdict = driver.compare(ending("SIGKILL", "a test", *arguments, before=17, after=2))

    row("24", f"SIGKILL in a worker, {name}", verdict, at_exit_s=ANSWERING_S)


BLOCKED = """
import time, pytest
@pytest.mark.parametrize("number", range(10))
def test_before(number): assert number != 3
def test_at(): time.sleep(60)
"""


def kill_when_ten_are_shown(running: Running) -> None:
    """Kill pytest once its terminal has shown ten tests, so that it has heard of them."""
    running.wait_for(10)
    running.wait_until(lambda text: len(re.findall("PASSED|FAILED", text)) >= 10)
    if running.is_recorded:
        # A worker's last report may still be in its pipe: when it was read it stands in the spool.
        running.wait_for_records(10)
    running.process.kill()


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "with workers"])
def test_killed_controller_keeps_what_it_was_told(driver: Driver, row: Rows, workers: tuple[str, ...]) -> None:
    """pytest itself is killed from outside: what had finished arrives, and what was running is named."""
    suite = Suite({"test_a.py": BLOCKED}, ("-v", *workers))

    verdict = driver.compare(suite, provoke=kill_when_ten_are_shown)

    assert 10 == verdict.recorded.finished.total()
    (content,) = verdict.stored.profiles
    assert "test_a.py::test_at" in content["unfinished"]
    row("24", f"SIGKILL to pytest{', -n 2' if workers else ''}", verdict, at_exit_s=ANSWERING_S)


ORDINARY = """
import pytest
@pytest.mark.parametrize("number", range(8))
def test_some(number): assert number not in (3, 5)
"""
HANGING = ORDINARY + "def test_hangs():\n    import time; time.sleep(60)\n"
FLAKY = (
    ORDINARY
    + """
SEEN = []
def test_flaky():
    SEEN.append(1)
    assert len(SEEN) == 3
def test_hopeless(): assert 0
"""
)
CRASHING = ORDINARY + "def test_crashes():\n    import os; os.abort()\ndef test_behind(): pass\n"
SUBTESTS = (
    ORDINARY
    + """
def test_parts(subtests):
    for number in range(4):
        with subtests.test(number=number): assert number != 2
"""
)

#: Plugins and options that run tests in their own way.
WAYS = {
    "pytest-timeout, thread": (HANGING, ("-p", "pytest_timeout", "--timeout=5", "--timeout-method=thread")),
    "pytest-timeout, signal": (HANGING, ("-p", "pytest_timeout", "--timeout=5", "--timeout-method=signal")),
    "faulthandler_exit_on_timeout": (
        HANGING,
        ("-o", "faulthandler_timeout=5", "-o", "faulthandler_exit_on_timeout=true"),
    ),
    "-x": (ORDINARY, ("-x",)),
    "--maxfail=2": (ORDINARY, ("--maxfail=2",)),
    "--maxfail=1 -n1": (ORDINARY, ("--maxfail=1", "-n1")),
    # pytest-xdist itself does not always survive a lost worker here.
    "--dist each": (ORDINARY, ("--tx=2*popen", "--dist=each")),
    "--lf": (ORDINARY, ("--lf",)),
    "--reruns=2": (FLAKY, ("-p", "pytest_rerunfailures", "--reruns=2")),
    "--reruns=2 -n1": (FLAKY, ("-p", "pytest_rerunfailures", "--reruns=2", "-n1")),
    "subtests": (SUBTESTS, ()),
    "--forked, a fork that crashes": (CRASHING, ("-p", "pytest_forked", "--forked", "-p", "no:faulthandler")),
    "-p no:terminal": (ORDINARY, ("-p", "no:terminal")),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("--reruns=2", "-p no:terminal") else [pytest.mark.thorough])
        for name in WAYS
    ],
)
def test_ways_to_run_tests(driver: Driver, row: Rows, name: str) -> None:
    """Plugins that end, repeat, divide or fork tests are recorded as what they made of them."""
    source, arguments = WAYS[name]

    # With -p no:terminal there is no -rA either.
    verdict = driver.compare(Suite({"test_a.py": source}, arguments, plain=name != "-p no:terminal"))

    assert 4 <= verdict.recorded.finished.total(), verdict.recorded.output
    row("25", name, verdict, at_exit_s=ANSWERING_S)


@pytest.mark.thorough
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(
    ("fault", "injected"),
    [
        ("too many processes", ("-e", "inject=fork,vfork,clone,clone3:error=EAGAIN")),
        ("no /bin/sh", ("-P", "/bin/sh", "-e", "inject=execve:error=ENOENT")),
    ],
)
def test_shipper_that_cannot_be_started_is_one_line(
    driver: Driver, row: Rows, fault: str, injected: tuple[str, ...]
) -> None:
    """Where nothing can be started beside the run it goes on at once, and the spool is delivered later."""
    under = ("strace", "-f", "-qq", "-o", "/dev/null", *injected)

    verdict = driver.compare(Suite({"test_a.py": ORDINARY}), under=under)

    assert 1 == verdict.warning_lines
    row("25", f"the shipper cannot be started: {fault}", verdict)
