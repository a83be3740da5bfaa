"""Rows 1 to 18 and 20 to 22: what befalls the server and the way there, on real servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from akastats.spool import shipper_state as states
from tests import delivered_runs
from tests.faults import provocations
from tests.faults.driver import Driver, Running, Suite, Verdict, split_ours
from tests.faults.provocations import KINDS, Server
from tests.faults.proxy import NETWORKS, Proxy
from tests.faults.table import LONGEST_S, Rows

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
ABSENT_S = 1.2


def suite(tests: int = 20, each_s: float = 0.05) -> Suite:
    """Some tests, one of which fails."""
    return Suite({"test_a.py": SOURCE.format(tests=tests, each_s=each_s)})


@pytest.fixture(params=[KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.thorough)])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server that a case may do everything to."""
    server = Server(request.param, tmp_path / "server").start()
    yield server
    server.close()


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
    """What befalls a server before the run, and lasts until it is over; `says` matches the one line at the end."""

    row: str
    provocation: str
    begin: Callable[[Server], AbstractContextManager[str]]
    says: str = ""
    longest_s: float = 2.0
    warnings: int = 1
    is_quick: bool = False


LASTING = (
    Fault("1", "nothing listens on the port", provocations.away, "Cannot connect", ABSENT_S),
    Fault("2", "a full backlog of connections", provocations.black_hole, "Cannot connect", ABSENT_S),
    Fault(
        "6", "SIGSTOP from before the run until after it", provocations.stopped, "Cannot connect", is_quick=True
    ),
    Fault("10", "`maxmemory`, `noeviction`", provocations.full, "used memory", ABSENT_S),
    Fault("11", "`allkeys-lru` with free memory", provocations.evicting, warnings=0),
    Fault("12", "`REPLICAOF` an unreachable primary", provocations.read_only, "read only replica", ABSENT_S),
    Fault(
        "12",
        "`REPLICAOF` an unreachable primary, `replica-serve-stale-data no`",
        provocations.stale,
        "cannot execute requests now",
        ABSENT_S,
    ),
    Fault("13", "LOADING (slow because of `key-load-delay`)", provocations.loading, "oading", ABSENT_S),
    Fault("14", "MISCONF: a snapshot cannot be written", provocations.failing_to_save, "MISCONF", ABSENT_S),
    Fault("15", "`SCRIPT FLUSH` every 50 ms", provocations.forgetting_scripts, warnings=0),
    Fault("16", "BUSY: a script never ends", provocations.busy, "BUSY", ABSENT_S),
    Fault("17", "the URL has no password", provocations.asking_for_a_password, "denies", ABSENT_S),
    Fault("17", "the URL has a wrong password", provocations.wrong_password, "denies", ABSENT_S, is_quick=True),
    Fault("17", "the user has only read permissions", provocations.no_permission, "no permission", ABSENT_S),
    Fault(
        "22",
        "a web server listens on the port",
        provocations.web_server,
        "not a Redis server|Cannot connect",
        ABSENT_S,
    ),
    Fault("22", "TLS requested from a server without TLS", provocations.without_tls, "Cannot connect", ABSENT_S),
    Fault("22", "an unknown TLS certificate", provocations.unknown_certificate, "certificate", ABSENT_S),
    Fault("22", "a server with TLS, and a URL without", provocations.other_tls, "Redis at"),
)


def cases(faults: Iterable[Fault]) -> list[ParameterSet]:
    """Return faults as cases, the slow ones marked."""
    return [
        pytest.param(
            fault,
            id=f"{fault.row}-{fault.begin.__name__}",
            marks=() if fault.is_quick else pytest.mark.thorough,
        )
        for fault in faults
    ]


@pytest.mark.parametrize("fault", cases(LASTING))
def test_what_lasts_through_the_run(fault: Fault, own_server: Server, driver: Driver, row: Rows) -> None:
    """The run goes as without us, ends in time, and is delivered when the server can."""
    with ExitStack() as stack:
        url = stack.enter_context(fault.begin(own_server))
        lifting = Lifting(stack.close)
        verdict = driver.compare(
            suite(), url=url, drain_to=own_server.url, provoke=lifting, before_drain=lifting.join
        )

    row(fault.row, f"{fault.provocation} ({own_server.kind})", verdict, warnings=fault.warnings)
    # On a busy machine a run may end before its shipper has begun to ask: that is given 1.5 s, not 0.25 s.
    ours = "".join(ours_of(verdict))
    assert re.search(f"{fault.says}|process has not started", ours)
    assert verdict.added_at_exit_s <= (LONGEST_S if "process has not started" in ours else fault.longest_s)
    assert_hidden(provocations.PASSWORD, verdict)


def ours_of(verdict: Verdict) -> list[str]:
    """Return our own lines of a recorded run."""
    return split_ours(verdict.recorded.output)[0]


def assert_hidden(secret: str, verdict: Verdict) -> None:
    """Hold that nothing which a run wrote, and no command, shows a secret."""
    written = [path for path in verdict.recorded.directory.rglob("*") if path.is_file()]

    assert [] == [path for path in written if secret.encode() in path.read_bytes()]
    assert secret not in verdict.drained


@pytest.mark.parametrize("begin", [provocations.wrong_password, provocations.no_permission])
def test_who_is_denied_asks_once(
    begin: Callable[[Server], AbstractContextManager[str]], own_server: Server, tmp_path: Path
) -> None:
    """A server that counts failed attempts must not lock the account for our sake."""
    path = delivered_runs.spool(tmp_path / "spool", [("a.py::t", "passed", 0.1)])

    with begin(own_server) as url:
        code = subprocess.run(
            [sys.executable, "-m", "akastats.shipper", str(path)],
            env={"AKA_STATS_REDIS_URL": url, "PATH": os.environ["PATH"]},
            timeout=20,
            check=False,
        ).returncode

    told = states.read(path)
    assert (1, states.FAILED) == (code, told and told.phase)
    with own_server.client() as client:
        assert [1] == [int(denied["count"]) for denied in client.acl_log()]


@pytest.mark.thorough
@pytest.mark.parametrize("lookup", ["ends after the run", "never ends"])
def test_a_hanging_dns_lookup_does_not_delay_the_run(
    lookup: str, own_server: Server, tmp_path: Path, driver: Driver, row: Rows
) -> None:
    """A DNS server that never answers delays the shipper but not the run, and the shipper still ends."""
    with ExitStack() as stack:
        path = stack.enter_context(provocations.hanging_resolver(tmp_path / "resolver"))
        lifting = Lifting(stack.close if lookup != "never ends" else lambda: None)
        verdict = driver.compare(
            suite(),
            url=f"redis://statistics.example:{own_server.port}",
            drain_to=own_server.url,
            environment={"PYTHONPATH": path},
            provoke=lifting,
            before_drain=lifting.join,
        )

    row("3", f"the DNS lookup of the server {lookup} ({own_server.kind})", verdict)
    assert "redis://statistics.example" in "".join(ours_of(verdict))
    assert 0.5 < verdict.added_at_exit_s


ENDLESS = {
    provocations.away: "is down",
    provocations.stopped: "is stopped (SIGSTOP)",
    provocations.black_hole: "accepts no connections",
    provocations.full: "has no free memory",
}


@pytest.mark.thorough
@pytest.mark.parametrize("begin", ENDLESS, ids=lambda begin: begin.__name__)
def test_a_server_that_stays_away_is_left_to_the_next(
    begin: Callable[[Server], AbstractContextManager[str]], own_server: Server, driver: Driver, row: Rows
) -> None:
    """The shipper ends by itself within 40 s of the run, and `akastats drain` delivers."""
    with ExitStack() as stack:
        url = stack.enter_context(begin(own_server))
        verdict = driver.compare(suite(), url=url, drain_to=own_server.url, before_drain=stack.close)

    row("1", f"the server {ENDLESS[begin]} until the drain ({own_server.kind})", verdict)
    assert "delivered" in verdict.drained


@dataclass(frozen=True)
class Blow:
    """What befalls a server once, while tests run, or when they are done."""

    row: str
    provocation: str
    fall: Callable[[Server], object]
    options: tuple[str, ...] = ()
    is_quick: bool = False


PERSISTENT = ("--appendonly", "yes", "--appendfsync", "everysec")
BLOWS = (
    Blow("4", "kill -9, restart without data", provocations.killed_and_emptied, is_quick=True),
    Blow("5", "kill -9, restart with the append-only file", provocations.killed_and_restored, PERSISTENT),
    Blow("6", "SIGSTOP for a second", provocations.stopped_for_a_second),
)


@pytest.mark.parametrize("moment", ["during the run", "at the end of the run"])
@pytest.mark.parametrize(
    "blow",
    [
        pytest.param(blow, id=blow.fall.__name__, marks=() if blow.is_quick else pytest.mark.thorough)
        for blow in BLOWS
    ],
)
def test_what_befalls_the_server_once(
    blow: Blow, moment: str, tmp_path: Path, driver: Driver, row: Rows, own_server: Server
) -> None:
    """What the server loses it gets again; what it keeps it does not get twice."""
    own_server.kill()
    own_server.options = blow.options
    own_server.start()
    threads = []

    def fall_in(running: Running) -> None:
        running.wait_for(MIDDLE if moment == "during the run" else 21)
        blow.fall(own_server)

    def provoke(running: Running) -> None:
        if running.is_recorded:
            threads.append(threading.Thread(target=fall_in, args=(running,)))
            threads[0].start()

    verdict = driver.compare(
        suite(),
        url=own_server.url,
        drain_to=own_server.url,
        provoke=provoke,
        before_drain=lambda: threads[0].join(),
    )

    row(blow.row, f"{blow.provocation}, {moment} ({own_server.kind})", verdict)


@pytest.mark.thorough
@pytest.mark.parametrize(("said", "treat"), NETWORKS.items(), ids=[treat.__name__ for treat in NETWORKS.values()])
def test_a_bad_network(
    said: tuple[str, str], treat: Callable[[Proxy], None], own_server: Server, driver: Driver, row: Rows
) -> None:
    """Whatever the way to the server does through a whole run, it goes as without us."""
    with Proxy(own_server.address) as network:
        treat(network)
        lifting = Lifting(network.heal)
        verdict = driver.compare(
            suite(),
            # These answer, if slowly: as long as is asked for they are waited for.
            recorded=("--akastats-wait=1.6",),
            url=network.url,
            drain_to=own_server.url,
            provoke=lifting,
            before_drain=lifting.join,
        )

    row(said[0], f"{said[1]}, through a whole run ({own_server.kind})", verdict)


@pytest.mark.thorough
def test_a_connection_that_goes_half_open(own_server: Server, driver: Driver, row: Rows) -> None:
    """Nothing comes and nothing is closed: a reply is waited for a second, a delivery less than two."""
    with Proxy(own_server.address) as network:

        def provoke(running: Running) -> None:
            if running.is_recorded:
                running.wait_for(MIDDLE)
                network.is_open.clear()
                lifting(running)

        lifting = Lifting(network.heal)
        verdict = driver.compare(
            suite(), url=network.url, drain_to=own_server.url, provoke=provoke, before_drain=lifting.join
        )

    row("9", f"half-open from the middle of the run until after it ({own_server.kind})", verdict)
