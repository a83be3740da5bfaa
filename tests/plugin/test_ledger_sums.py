"""The spans of each process sum to its wall time, also of tests that are forked, asynchronous or interrupted."""

from __future__ import annotations

import os
import signal
import sys
import time
from subprocess import Popen

import pytest

from akastats.analysis.ledger import ProcessLedger
from akastats.queries.ledger import read_ledger
from akastats.redis import sync_redis
from akastats.store import runs
from conftest import eventually
from tests.plugin.conftest import NAMESPACE, Record, Recorded, ended_run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

# Maximum difference of spans and wall time, as a share of the wall time.
MAX_ERROR = 0.01
# Maximum difference to the time that the caller of pytest measures, in seconds: starting and awaiting a process.
CALLER_S = 0.4
# The start of a process is exact to 10 ms.
START_S = 0.02

SLEEPS = """
    import time
    import pytest

    @pytest.fixture(scope="module")
    def database():
        time.sleep(0.05)
        yield
        time.sleep(0.02)

    @pytest.mark.parametrize("number", range(6))
    def test_sleeps(database, number):
        time.sleep(0.03)
"""

# As pytest-asyncio does it: each test has a loop of its own.
LOOPS = """
    import asyncio
    import pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(pyfuncitem):
        if asyncio.iscoroutinefunction(pyfuncitem.obj):
            asyncio.run(pyfuncitem.obj(number=pyfuncitem.funcargs['number']))
            return True
"""
COROUTINES = """
    import asyncio
    import pytest

    @pytest.mark.parametrize("number", range(6))
    async def test_sleeps(number):
        await asyncio.gather(asyncio.sleep(0.03), asyncio.sleep(0.05))
"""

CRASHES = """
    import os, time

    def test_crashes():
        time.sleep(0.7)
        os._exit(1)

    def test_after():
        time.sleep(0.05)
"""


def read_processes(run_id: str) -> dict[str, ProcessLedger]:
    """Return the ledgers of a run by worker, once the end of its main process is known."""
    eventually(lambda: "exited" in sync_redis.run(runs.read_run(NAMESPACE, run_id)))
    return {each.worker: each for each in sync_redis.run(read_ledger(NAMESPACE, run_id)).processes}


def check_sums(processes: dict[str, ProcessLedger]) -> None:
    """Fail unless the spans of each process sum to its wall time, and none is negative."""
    for process in processes.values():
        assert all(seconds >= 0 for seconds in process.spans.values())
        assert sum(process.spans.values()) == pytest.approx(process.wall, rel=MAX_ERROR), process


def check_phases(recorded: Recorded, processes: dict[str, ProcessLedger]) -> None:
    """Fail unless the phases of the tests are as long as recorded, and not scaled to the time that is left."""
    tests = recorded.profile["tests"]
    for phase in ("setup", "call", "teardown"):
        in_ledger = sum(process.spans.get(phase, 0.0) for process in processes.values())
        assert in_ledger == pytest.approx(sum(tests[phase]) / 1e6, rel=MAX_ERROR, abs=1e-3)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize(
    ("suite", "conftest", "options"),
    [(SLEEPS, "", ()), (SLEEPS, "", ("-p", "pytest_forked", "--forked")), (COROUTINES, LOOPS, ())],
    ids=["plain", "forked", "async"],
)
def test_spans_sum_to_the_wall_time(
    pytester: pytest.Pytester,
    record: Record,
    suite: str,
    conftest: str,
    options: tuple[str, ...],
    workers: str,
) -> None:
    """In one process and with workers; the caller of pytest measures the same time."""
    pytester.makeconftest(conftest)
    pytester.makepyfile(suite)
    began = time.monotonic()

    recorded = record(workers, *options)

    wall = time.monotonic() - began
    processes = read_processes(recorded.run["id"])
    # pytest-forked 1.7 cannot run a test with pytest 9.2, so its tests fail.
    assert 6 == sum(recorded.counts("passed", "failed"))
    check_sums(processes)
    if recorded.counts("passed") == (6,):
        # A crash has the time at which it was noticed.
        check_phases(recorded, processes)
    assert wall - CALLER_S - 0.1 * wall < processes[""].wall < wall + START_S


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_spans_of_an_interrupted_run_sum_to_its_wall_time(
    pytester: pytest.Pytester, record: Record, server: str, workers: str
) -> None:
    """Ctrl-C ends it during a test."""
    pytester.makepyfile("import time\n\ndef test_first():\n    pass\n\ndef test_waits():\n    time.sleep(60)\n")
    options = ("--akastats", "--akastats-wait=60", f"--akastats-url={server}", "-p", "no:cacheprovider")
    with Popen(
        [sys.executable, "-m", "pytest", *options, workers], cwd=pytester.path, start_new_session=True
    ) as process:
        eventually(lambda: sync_redis.run(runs.find_runs(NAMESPACE, {}, None, 1))[0])
        eventually(lambda: (sync_redis.run(runs.find_runs(NAMESPACE, {}, None, 1))[0][0]).get("tests") == "1")
        os.kill(process.pid, signal.SIGINT)
        process.wait(30)

    run = eventually(ended_run)
    assert "interrupted" == run["status"]
    check_sums(read_processes(run["id"]))


def test_spans_of_a_worker_that_crashed_sum_to_its_wall_time(pytester: pytest.Pytester, record: Record) -> None:
    """Its end is that of the process, which the shipper observed, also if its first test crashes."""
    pytester.makepyfile(CRASHES)

    recorded = record("-n1")

    processes = read_processes(recorded.run["id"])
    assert {"", "gw0", "gw1"} == set(processes)
    check_sums(processes)
    assert processes["gw0"].spans["call"] > 0.65
    assert processes["gw0"].resources
