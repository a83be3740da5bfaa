"""Measure the cost of an unreachable server: the drain of 1,000 spools, and memory in the process of the tests.

    python benchmarks/backlog.py [--only backlog memory] [--spools 1000] [--records 1000] [--tests 100000]

The backlog is drained in a separate process, newest run first. Its rate is compared with that of "akastats" in
`ingest.py`. Memory is the peak of the resident set, minus that at the start of the drain or that of bare pytest.
Exits with 1 if a bound is exceeded.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from cost import OURS, environment, pytest_command
from ingest import embedded_binary, labels_of, measure, open_connection, ours, running, samples_of
from redis import Redis

from akastats.config import Config, config
from akastats.delivery.draining import drain
from akastats.redis import connect, run, run_all, sync_redis
from akastats.spool.format import SUFFIX, VERSION, encode_line

MIB = 1024 * 1024
#: Largest additional memory of a drain since its start, and of a recorded pytest compared with bare pytest.
MOST_DRAIN, MOST_TESTS = 64 * MIB, 16 * MIB
#: Least rate of the drain, as a share of the rate of `ingest.py`.
LEAST_RATE = 0.5

#: Number of jobs. Each has its own tests, and runs repeatedly.
JOBS = 10


def write_backlog(directory: Path, spools: int, records: int) -> None:
    """Write the spools of finished runs, one per minute, each with `records` records of one point."""
    directory.mkdir(parents=True)
    tests = records - 3
    names = [label.removeprefix("test::") for label in labels_of(JOBS * tests)]
    now = time.time()
    for number in range(spools):
        started = now - 60 * (spools - number)
        job = names[number % JOBS * tests :][:tests]
        (directory / f"{VERSION}-{number:010d}-1-{number:032x}{SUFFIX}").write_bytes(spool(number, started, job))


def spool(number: int, started: float, names: list[str]) -> bytes:
    """Return the spool of one run."""
    header = json.dumps(
        ["run", {"id": f"{number:010d}", "started": started, "pid": 2**22 + 1, "pid_mark": "gone"}]
    )
    start = int(started * 1e6)
    lines = [encode_line(1, header), encode_line(2, header)]
    lines += [
        encode_line(
            seq, f'["test",{json.dumps(name)},"","ppp",{start + 1000 * seq},100,{number % 97 + seq % 89 + 1},50]'
        )
        for seq, name in enumerate(names, 3)
    ]
    end = json.dumps(["end", {"finished": started + 30, "exit_code": 0, "interrupted": False}])
    return b"".join([*lines, encode_line(len(lines) + 1, end)])


def resident(peak: bool = False) -> int:
    """Return the memory of this process in bytes: a field of /proc/self/status."""
    word = "VmHWM" if peak else "VmRSS"
    line = next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith(word))
    return int(line.split()[1]) * 1024


def drain_here(directory: Path, url: str) -> dict[str, float]:
    """Drain a backlog in this process; return seconds and memory."""
    with connect(url) as client:
        client.ping()
        Path("/proc/self/clear_refs").write_text("5")
        before, began = resident(), time.perf_counter()
        together = partial(run_all, writer=client)
        execute = partial(run, reader=client, writer=client)
        drained = drain(directory, Config(redis_url=url), execute, execute_all=together)
        seconds = time.perf_counter() - began
    assert all(outcome.complete for outcome in drained), drained[-1]
    return {"seconds": seconds, "grown": resident(peak=True) - before, "tests": sum(o.tests for o in drained)}


def drain_apart(directory: Path, url: str) -> dict[str, float]:
    """Drain a backlog in a separate process."""
    command = [sys.executable, __file__, "--drain", str(directory), url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    line: dict[str, float] = json.loads(done.stdout)
    return line


def ingest_rates(client: Redis, rounds: int = 3) -> list[float]:
    """Return the stats per second that `ingest.py` writes with akastats to an empty server."""
    rates = []
    with open_connection(sync_redis):
        for _ in range(rounds):
            client.flushall()
            rates.append(1 / measure(client, ours, samples_of(labels_of(10_000))).wall)
    return rates


def backlog(chosen: argparse.Namespace) -> bool:
    """Compare the drain of a backlog with the ingest of as much data; return whether the bounds hold."""
    with tempfile.TemporaryDirectory() as home, running(embedded_binary()) as url, Redis.from_url(url) as client:
        directory = Path(home) / "home" / "spool"
        write_backlog(directory, chosen.spools, chosen.records)
        config.use(Config(redis_url=url))
        rates = ingest_rates(client)
        client.flushall()
        cost = drain_apart(directory, url)
        # Ingest is measured before and after the drain, because the speed of a shared machine varies.
        ingest = statistics.median(rates + ingest_rates(client))
    rate = chosen.spools * chosen.records / cost["seconds"]
    print(f"\n| {chosen.spools:,} spools of {chosen.records:,} records | measured | bound | |\n|---|--:|--:|---|")
    return all(
        [
            show(
                "records a second",
                rate,
                LEAST_RATE * ingest,
                rate >= LEAST_RATE * ingest,
                "at least half of ingest",
            ),
            show("ingest, stats a second", ingest, ingest, True, "`ingest.py`, way akastats"),
            show("memory grown, MiB", cost["grown"] / MIB, MOST_DRAIN / MIB, cost["grown"] <= MOST_DRAIN, ""),
            show("tests delivered", cost["tests"], chosen.spools * (chosen.records - 3), True, ""),
        ]
    )


def show(name: str, measured: float, bound: float, holds: bool, remark: str) -> bool:
    """Print a row of the table; return whether the bound holds."""
    result = "within" if holds else "**beyond**"
    print(f"| {name} | {measured:,.1f} | {bound:,.1f} | {result} {remark} |")
    return holds


PYTEST = "import resource, sys, pytest\npytest.main(sys.argv[1:])\n"
PEAK = "print('PEAK', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"


def peak_of_pytest(suite: Path, arguments: tuple[str, ...]) -> int:
    """Return the peak memory of one pytest process in bytes."""
    _, _, _, *rest = pytest_command(arguments)
    command = [sys.executable, "-c", PYTEST + PEAK, *rest]
    done = subprocess.run(command, cwd=suite, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.rpartition("PEAK ")[2])


def memory(chosen: argparse.Namespace) -> bool:
    """Measure the memory that recording adds to pytest without a server; return whether the bound holds."""
    with tempfile.TemporaryDirectory() as home:
        content = f"import pytest\n\n@pytest.mark.parametrize('n', range({chosen.tests}))\ndef test(n): pass\n"
        (Path(home) / "test_many.py").write_text(content)
        bare = peak_of_pytest(Path(home), ())
        recorded = peak_of_pytest(Path(home), (*OURS, "--akastats-url=redis://127.0.0.1:1"))
        (written,) = (Path(home) / ".akastats" / "spool").glob(f"*{SUFFIX}")
        assert written.read_bytes().count(b'["test",') == chosen.tests
    print(f"\n| {chosen.tests:,} tests, server down | measured | bound | |\n|---|--:|--:|---|")
    show("bare pytest, MiB", bare / MIB, bare / MIB, True, "")
    return show("added, MiB", (recorded - bare) / MIB, MOST_TESTS / MIB, recorded - bare <= MOST_TESTS, "")


PARTS = {part.__name__: part for part in (backlog, memory)}


def main() -> None:
    """Run the measurements of the command line, by default all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--spools", type=int, default=1000)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--tests", type=int, default=100_000)
    parser.add_argument("--drain", nargs=2, metavar=("DIRECTORY", "URL"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.drain:
        print(json.dumps(drain_here(Path(chosen.drain[0]), chosen.drain[1])))
        return
    results = [PARTS[name](chosen) for name in chosen.only]
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
