"""Rows 4 to 9, 18, 20 and 21 for the shipper alone: spools that nobody writes any more, through a bad network."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from akastats import redis
from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.spool_delivery import Delivery
from akastats.errors import ServerError
from akastats.shipper import __main__ as shipping
from akastats.shipper.__main__ import Shipper
from akastats.shipper.lifetime import Lifetime
from akastats.spool import shipper_state as states
from tests.delivered_runs import spool
from tests.faults.driver import Results, read_back
from tests.faults.provocations import KINDS, Server, older_data
from tests.faults.proxy import NETWORKS, Proxy, delay, losing, narrow, severed, spoil
from tests.faults.table import Row, Rows

NAMESPACE = "AKA-STATS"
#: A delivery makes five batches of them.
TESTS = 400
#: Networks with which a delivery takes 5 to 8 s.
SLOW = (delay, narrow, spoil)


def told(directory: Path, tests: int, number: int = 0) -> Path:
    """Write the spool of a run of so many tests, every seventh of which failed."""
    outcomes = ((f"a{number}.py::t{at}", "failed" if at % 7 == 3 else "passed", 0.001) for at in range(tests))
    # Of a while ago: a very old one would be left alone.
    started = time.time() - 600
    return spool(directory / "spool", outcomes, run_id=f"20231114T221320000-{number:06x}", started=started)


def expected(tests: int, *numbers: int) -> Results:
    """Return what is to be stored of such runs."""
    return Counter(
        (f"a{number}.py::t{at}", "failed" if at % 7 == 3 else "passed")
        for number in numbers or (0,)
        for at in range(tests)
    )


def ship(path: Path, url: str) -> Shipper:
    """Deliver a spool as its shipper does; return it when it gives up or is done."""
    shipper = Shipper(path, Config(redis_url=url, namespace=NAMESPACE), Lifetime(path))
    shipper.run()
    shipper.disconnect()
    return shipper


@dataclass(frozen=True)
class Counted:
    """What a server holds against what it should."""

    finished: int
    lost: int
    doubled: int


def count(url: str, wanted: Results) -> Counted:
    """Compare what is stored with what was told."""
    stored = read_back(url, NAMESPACE)
    lost, more = (wanted - stored.results).total(), (stored.results - wanted).total()
    return Counted(wanted.total(), lost, more + stored.miscounted)


def tell(row: Rows, number: str, provocation: str, counted: Counted) -> None:
    """Tell a row, and hold it to the promise."""
    row.tell(Row(number, provocation, counted.finished, counted.lost, counted.doubled))
    assert (0, 0) == (counted.lost, counted.doubled)


@pytest.fixture(params=[KINDS[0], pytest.param(KINDS[1], marks=pytest.mark.thorough)])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server that a case may do everything to."""
    server = Server(request.param, tmp_path / "server").start()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """No case here is about how long a shipper waits between attempts."""
    monkeypatch.setattr(shipping, "MAX_PAUSE_S", 0.2)


@pytest.fixture
def network(own_server: Server) -> Iterator[Proxy]:
    """The way to the server."""
    with Proxy(own_server.address) as proxy:
        yield proxy


@pytest.mark.parametrize(
    ("said", "treat"),
    [
        pytest.param(*network, id=network[1].__name__, marks=pytest.mark.thorough if network[1] in SLOW else ())
        for network in NETWORKS.items()
    ],
)
def test_a_bad_network_loses_and_doubles_nothing(
    said: tuple[str, str],
    treat: Callable[[Proxy], None],
    own_server: Server,
    network: Proxy,
    tmp_path: Path,
    row: Rows,
) -> None:
    """Whatever the way there does, each point is stored once, and nothing is raised."""
    path = told(tmp_path, TESTS)
    treat(network)

    ship(path, network.url)

    told_state = states.read(path)
    assert told_state is not None
    assert states.DONE == told_state.phase
    tell(row, said[0], f"{said[1]} ({own_server.kind})", count(own_server.url, expected(TESTS)))


@pytest.mark.parametrize(
    ("tests", "cuts"), [(1_000, 40), pytest.param(10_000, 400, marks=pytest.mark.thorough)], ids=["1k", "10k"]
)
def test_many_lost_replies_double_nothing(
    tests: int, cuts: int, own_server: Server, network: Proxy, tmp_path: Path, row: Rows
) -> None:
    """The cursor makes each repetition harmless; here without the shipper's pauses."""
    path = told(tmp_path, tests)
    network.to_client = losing(0.85, at_most=cuts)
    config = Config(redis_url=network.url, namespace=NAMESPACE)
    client = redis.connect(config.redis_url)
    delivery = Delivery(path, config, lambda operation: redis.run(operation, client, client))

    while delivery.read() or not delivery.is_done:
        try:
            delivery.apply()
        except ServerError:
            continue
    client.close()

    assert cuts == network.cuts
    counted = count(own_server.url, expected(tests))
    tell(row, "7", f"{cuts} replies lost over {tests} tests ({own_server.kind})", counted)


@pytest.mark.parametrize("writers", [25, pytest.param(100, marks=pytest.mark.thorough)])
def test_many_writers_at_once(writers: int, own_server: Server, tmp_path: Path, row: Rows) -> None:
    """More shippers than the server lets in at a time: each comes in its turn."""
    most = writers // 5
    # Room for the case's own look.
    own_server.say("CONFIG", "SET", "maxclients", most)
    paths = [told(tmp_path, 20, number) for number in range(writers)]

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda path: ship(path, own_server.url), paths))

    provocation = f"{writers} shippers at once, `maxclients {most}` ({own_server.kind})"
    tell(row, "21", provocation, count(own_server.url, expected(20, *range(writers))))


@pytest.mark.thorough
def test_many_processes_at_once(own_server: Server, tmp_path: Path, row: Rows) -> None:
    """The same with a hundred processes, as many machines' runs that end at one moment."""
    own_server.say("CONFIG", "SET", "maxclients", 20)
    # Each in a directory of its own: they do not do one another's work.
    paths = [told(tmp_path / str(number), 20, number) for number in range(100)]
    environment = {"AKA_STATS_REDIS_URL": own_server.url, "PATH": "/usr/bin:/bin"}

    shippers = [
        subprocess.Popen([sys.executable, "-m", "akastats.shipper", str(path)], env=environment) for path in paths
    ]
    try:
        for shipper in shippers:
            shipper.wait(120)
    finally:
        for shipper in shippers:
            shipper.kill()
    # On two processors some may find no turn within their 30 s: what they leave is the next run's.
    for path in paths:
        told_state = states.read(path)
        if told_state is None or told_state.phase != states.DONE:
            ship(path, own_server.url)

    counted = count(own_server.url, expected(20, *range(100)))
    tell(row, "21", f"100 shipper processes at once, `maxclients 20` ({own_server.kind})", counted)


def test_a_server_that_comes_back_empty_is_told_again(own_server: Server, tmp_path: Path, row: Rows) -> None:
    """What it lost with its cursor it gets again from the spool, which is kept for a day."""
    path = told(tmp_path, 300)
    ship(path, own_server.url)
    own_server.kill()
    own_server.empty()
    own_server.start()

    ship(path, own_server.url)

    counted = count(own_server.url, expected(300))
    tell(row, "4", f"kill -9 after the delivery, restart without data ({own_server.kind})", counted)


def test_a_server_that_comes_back_with_older_data_is_told_the_rest(
    own_server: Server, tmp_path: Path, row: Rows
) -> None:
    """Its cursor is as old as its data: what came later comes again, what came before does not."""
    own_server.kill()
    own_server.options = ("--appendonly", "yes", "--appendfsync", "always")
    own_server.start()
    path, later = told(tmp_path, 300, 0), told(tmp_path, 300, 1)
    ship(path, own_server.url)

    with older_data(own_server) as restore:
        ship(later, own_server.url)
        restore()
    for each in (path, later):
        ship(each, own_server.url)

    counted = count(own_server.url, expected(300, 0, 1))
    tell(row, "5", f"kill -9, restart with an older append-only file ({own_server.kind})", counted)


@pytest.mark.thorough
def test_a_failover_that_loses_what_was_acknowledged(
    own_server: Server, network: Proxy, tmp_path: Path, row: Rows
) -> None:
    """The promoted replica has an older cursor with its older data, and is told the rest."""
    # Its link runs through the proxy: what a stopped replica's own kernel has received it would still apply.
    replica = Server(own_server.kind, tmp_path / "replica").start("--replicaof", f"127.0.0.1 {network.port}")
    path, later = told(tmp_path, 300, 0), told(tmp_path, 300, 1)
    ship(path, own_server.url)
    await_copy(replica, expected(300, 0))

    replica.pause()
    network.is_open.clear()
    ship(later, own_server.url)
    own_server.kill()
    network.to_client = severed
    network.is_open.set()
    replica.resume()
    replica.say("REPLICAOF", "NO", "ONE")
    before = count(replica.url, expected(300, 0, 1))
    for each in (path, later):
        ship(each, replica.url)
    counted = count(replica.url, expected(300, 0, 1))
    replica.close()

    assert 300 == before.lost
    tell(row, "20", f"failover that loses acknowledged writes ({own_server.kind})", counted)


def await_copy(replica: Server, wanted: Results) -> None:
    """Return when a replica has all of it."""
    end = time.monotonic() + 20
    while count(replica.url, wanted).lost:
        assert time.monotonic() < end, "the replica never caught up"
        time.sleep(0.02)


def test_a_key_of_another_type_costs_its_own_point(own_server: Server, tmp_path: Path, row: Rows) -> None:
    """What the server refuses is set aside and counted; the rest arrives."""
    path = told(tmp_path, 300)
    own_server.say("HSET", f"{NAMESPACE}::HISTORY::test::a0.py::t5", "x", "y")

    shipper = ship(path, own_server.url)

    assert (1, True) == (shipper.delivery.refused, shipper.delivery.is_done)
    own_server.say("DEL", f"{NAMESPACE}::HISTORY::test::a0.py::t5")
    wanted = expected(300) - Counter([("a0.py::t5", "passed")])
    counted = count(own_server.url, wanted)
    tell(row, "18", f"the key of a test is a hash: its point is set aside ({own_server.kind})", counted)


def test_a_wrong_type_under_the_index_costs_nothing(own_server: Server, tmp_path: Path, row: Rows) -> None:
    """Where every batch is refused nothing is set aside: the spool waits until that is mended."""
    path = told(tmp_path, 300)
    own_server.say("SET", f"{NAMESPACE}::INDEX", "x")
    mending = threading.Timer(1.0, lambda: own_server.say("DEL", f"{NAMESPACE}::INDEX"))
    mending.start()

    shipper = ship(path, own_server.url)

    assert shipper.delivery.is_done
    tell(row, "18", f"the key of the index is a string ({own_server.kind})", count(own_server.url, expected(300)))


@pytest.mark.parametrize("word", ["drain", "ship"])
def test_a_script_that_is_forgotten_is_sent_again(
    word: str, own_server: Server, tmp_path: Path, row: Rows
) -> None:
    """Only where the server says that it does not know it, so nothing is done twice."""
    path = told(tmp_path, 300)
    over = threading.Event()

    def flush() -> None:
        while not over.wait(0.005):
            own_server.say("SCRIPT", "FLUSH")

    thread = threading.Thread(target=flush)
    thread.start()
    if word == "ship":
        ship(path, own_server.url)
    else:
        config = Config(redis_url=own_server.url, namespace=NAMESPACE)
        drain_one(path, config, Shipper(path, config, Lifetime(path)).execute)
    over.set()
    thread.join()

    tell(row, "15", f"`SCRIPT FLUSH` every 5 ms, {word} ({own_server.kind})", count(own_server.url, expected(300)))
