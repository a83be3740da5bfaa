"""Rows 1 to 18 and 20 to 22: what befalls the server and the way there, on real servers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import provocations
from .driver import Driver, Running, Suite, split_ours
from .provocations import KINDS, Server
from .table import Rows

SOURCE = """
import time
import pytest
@pytest.mark.parametrize("number", range({tests}))
def test_one(number):
    time.sleep({each_s})
    assert number != 3
def test_last(): pass
"""
#: So many tests have finished when something befalls the server in the middle of a run.
MIDDLE = 10
#: A server that cannot be reached delays the end by no more than this.
ABSENT_S = 0.6


def suite(tests: int = 20, each_s: float = 0.02) -> Suite:
    """Some tests, one of which fails."""
    return Suite({"test_a.py": SOURCE.format(tests=tests, each_s=each_s)})


@pytest.fixture(params=[KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.thorough)])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server that a case may do everything to."""
    server = Server(request.param, tmp_path / "server").start()
    yield server
    server.kill()


class Lifting:
    """Lifts a fault when the recorded run is over, so that its shipper can finish."""

    def __init__(self, lift: Callable[[], object]) -> None:
        self._lift = lift
        self._thread: threading.Thread | None = None

    def __call__(self, running: Running) -> None:
        if running.is_recorded:
            self._thread = threading.Thread(target=self._lift_after, args=(running,))
            self._thread.start()

    def _lift_after(self, running: Running) -> None:
        running.process.wait()
        self._lift()

    def join(self) -> None:
        """Return when it is lifted."""
        if self._thread is not None:
            self._thread.join()


@dataclass(frozen=True)
class Fault:
    """What befalls a server before the run, and lasts until it is over; `says` is in the one line at the end."""

    row: str
    provocation: str
    begin: Callable[[Server], AbstractContextManager[str]]
    says: str = ""
    longest_s: float = 2.0
    warnings: int = 1


LASTING = (
    Fault("1", "nothing listens at the port", provocations.away, "No Redis at", ABSENT_S),
    Fault("2", "a full backlog swallows connections", provocations.black_hole, "No Redis at"),
    Fault("6", "SIGSTOP from before the run until after it", provocations.stopped, "No Redis at"),
    Fault("10", "`maxmemory`, `noeviction`", provocations.full, "used memory"),
    Fault("11", "`allkeys-lru` with room", provocations.evicting, warnings=0),
    Fault("12", "`REPLICAOF` a primary that is not there", provocations.read_only, "read only replica"),
    Fault("12", "the same, `replica-serve-stale-data no`", provocations.stale, "cannot do this just now"),
    Fault("13", "LOADING, slowed by `key-load-delay`", provocations.loading, "loading"),
    Fault("14", "a snapshot that cannot be written: MISCONF", provocations.failing_to_save, "MISCONF"),
    Fault("15", "`SCRIPT FLUSH` every 50 ms", provocations.forgetting_scripts, warnings=0),
    Fault("16", "a script that never ends: BUSY", provocations.busy, "BUSY"),
    Fault("22", "a web server at the port", provocations.web_server, "is no Redis", ABSENT_S),
)


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: f"{fault.row}-{fault.begin.__name__}")
def test_what_lasts_through_the_run(fault: Fault, own_server: Server, driver: Driver, row: Rows) -> None:
    """The run goes as without us, ends in time, and its shipper delivers when the server can."""
    with ExitStack() as stack:
        url = stack.enter_context(fault.begin(own_server))
        lifting = Lifting(stack.close)
        verdict = driver.compare(
            suite(), url=url, drain_to=own_server.url, provoke=lifting, before_drain=lifting.join
        )

    row(fault.row, f"{fault.provocation} ({own_server.kind})", verdict, warnings=fault.warnings)
    assert fault.says in "".join(split_ours(verdict.recorded.output)[0])
    assert verdict.added_at_exit_s <= fault.longest_s


def test_a_look_up_that_hangs_holds_nobody_up(
    own_server: Server, tmp_path: Path, driver: Driver, row: Rows
) -> None:
    """A name server that never answers costs the shipper its time, not the run."""
    with ExitStack() as stack:
        path = stack.enter_context(provocations.hanging_resolver(tmp_path / "resolver"))
        lifting = Lifting(stack.close)
        verdict = driver.compare(
            suite(),
            url=f"redis://statistics.example:{own_server.port}",
            drain_to=own_server.url,
            environment={"PYTHONPATH": path},
            provoke=lifting,
            before_drain=lifting.join,
        )

    row("3", f"a look-up of the server's name that hangs ({own_server.kind})", verdict)
    assert "redis://statistics.example" in verdict.recorded.output
    assert 0.5 < verdict.added_at_exit_s
