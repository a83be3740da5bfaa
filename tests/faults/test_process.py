"""Rows 23 to 27 and 30: ends of the process that runs the tests, and plugins that run tests in their own way."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest

from .driver import Driver, Running, Suite
from .table import Rows

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
        assert (["test_a.py::test_at"] if end in SUDDEN else []) == content["unfinished"]
    assert ("crashed" == run["status"]) == (end in SUDDEN)
    row("23", f"{end} in {place}", verdict)


@pytest.mark.parametrize(
    "end", [pytest.param(end, marks=[] if end == "SIGKILL" else [pytest.mark.thorough]) for end in ENDS]
)
def test_worker_that_ends_costs_no_other_test(driver: Driver, row: Rows, end: str) -> None:
    """Under pytest-xdist each test arrives once, also the one at which the worker died."""
    # Where the end stops the whole run, one worker alone makes plain what has finished.
    workers = 2 if end in SUDDEN else 1

    verdict = driver.compare(ending(end, "a test", f"-n{workers}", before=17, after=2))

    assert 18 <= verdict.recorded.finished.total()
    row("24", f"{end} in a worker, -n {workers}", verdict)
