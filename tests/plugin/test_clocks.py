"""A conftest that freezes or patches clocks when it is imported moves no run and prolongs no wait."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from pytest_akastats import clocks, summary
from tests.plugin.conftest import NAMESPACE, Record

FREEZEGUN = "from freezegun import freeze_time\nfreeze_time('{year}-05-06').start()\n"
TIME_MACHINE = "import time_machine\ntime_machine.travel('{year}-05-06', tick=False).start()\n"
PATCHED = """
import time
from unittest import mock
mock.patch("time.time", lambda: {seconds}).start()
mock.patch("time.monotonic", lambda: 5.0).start()
mock.patch("time.perf_counter", lambda: 5.0).start()
mock.patch("time.sleep", lambda seconds: None).start()
"""
CONFTESTS = {
    "freezegun-2036": FREEZEGUN.format(year=2036),
    "freezegun-2012": FREEZEGUN.format(year=2012),
    "time_machine-2036": TIME_MACHINE.format(year=2036),
    "time_machine-2012": TIME_MACHINE.format(year=2012),
    "mock-2090": PATCHED.format(seconds=3_800_000_000.0),
    "mock-1970": PATCHED.format(seconds=0.0),
}
# Starting and ending pytest takes seconds on a busy machine, a wait that never ends does not end in a minute.
HANGS_S = 60


def listed(client: Redis) -> dict[str, float]:
    """Return the runs that are listed, with when they began."""
    return {name.decode(): score for name, score in client.zrange(f"{NAMESPACE}::RUNS", 0, -1, withscores=True)}


def moved(pytester: pytest.Pytester, record: Record, redis_client: Redis, conftest: str, *arguments: str) -> None:
    """Record one run as usual and one under a conftest, and compare the second with the true time."""
    pytester.makepyfile(test_one="def test_a(): pass\ndef test_b(): assert 0\n")
    began = time.time()
    before = record().run["id"]
    pytester.makeconftest(conftest)
    between = time.time()

    record(*arguments)

    runs = listed(redis_client)
    (run_id,) = runs.keys() - {before}
    assert before in runs
    stored = {
        name.decode(): value.decode()
        for name, value in redis_client.hgetall(f"{NAMESPACE}::RUN::{run_id}").items()
    }
    assert began <= between <= runs[run_id] == float(stored["started"]) <= float(stored["finished"]) <= time.time()
    assert run_id.startswith(time.strftime("%Y%m%dT%H", time.gmtime(runs[run_id])))
    (newest,) = redis_client.lrange(f"{NAMESPACE}::HISTORY::test::test_one.py::test_a", 0, 0)
    assert between <= float(newest.split(b";")[0]) <= time.time()


@pytest.mark.parametrize("name", CONFTESTS)
def test_a_moved_clock_moves_no_run(
    pytester: pytest.Pytester, record: Record, redis_client: Redis, name: str
) -> None:
    """The run has its true times and hides no other."""
    moved(pytester, record, redis_client, CONFTESTS[name])


def test_a_test_that_ran_in_a_fork_keeps_its_time(
    pytester: pytest.Pytester, record: Record, redis_client: Redis
) -> None:
    """Only its report says when it began, and by the frozen clock."""
    moved(pytester, record, redis_client, CONFTESTS["freezegun-2012"], "-p", "pytest_forked", "--forked")


@pytest.mark.parametrize("name", ["freezegun-2012", "time_machine-2036"])
def test_a_plugin_that_the_conftest_loads_itself_finds_the_true_time(
    pytester: pytest.Pytester, record: Record, redis_client: Redis, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Where plugins are not loaded by their entry points, the conftest comes first."""
    load = 'pytest_plugins = ["pytest_akastats.plugin"]\n'
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p xdist")
    pytester.makeconftest(load)

    moved(pytester, record, redis_client, CONFTESTS[name] + load)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("name", ["freezegun-2036", "mock-1970"])
def test_a_clock_that_stands_still_prolongs_no_wait(pytester: pytest.Pytester, silent: str, name: str) -> None:
    """With a server that never answers, pytest ends all the same and keeps its result."""
    pytester.makepyfile(test_one="def test_a(): pass\n")
    pytester.makeconftest(CONFTESTS[name])
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "--akastats", "--akastats-quarantine"]

    done = subprocess.run(
        [*command, f"--akastats-url={silent}"],
        cwd=pytester.path,
        timeout=HANGS_S,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )

    assert "not delivered yet" in done.stdout
    assert 0 == done.returncode


def test_a_wait_is_bounded_by_looks_where_the_clock_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that stands still all the same, on a machine that nobody has thought of, ends no later."""
    slept: list[float] = []
    monkeypatch.setattr(summary, "sleep", slept.append)

    assert summary.wait(tmp_path / "1-run-1-0.aks", 10.0, lambda: 7.0, lambda progress: None) is None

    assert 0 < sum(slept) <= 10.0


@pytest.mark.parametrize(
    ("by_file", "candidates", "chosen"),
    [
        (1000.0, (1001.0, 9e8), 1001.0),
        (9e8 + 3600, (1001.0, 9e8), 9e8),
        (5e8, (1001.0, 9e8), 5e8),
    ],
    ids=["moved since the import", "suspended since the import", "moved before the import"],
)
def test_the_epoch_is_what_the_file_system_confirms(
    by_file: float, candidates: tuple[float, ...], chosen: float
) -> None:
    """Of two readings that contradict each other the one within a day of a new file's time is true."""
    assert chosen == clocks.choose_nearest(by_file, *candidates)
