"""Measure response times of the API with a store of 500 runs of 10,000 tests, and the memory of API and store.

    python benchmarks/reading.py [--tests 10000] [--runs 500] [--requests 60] [--url URL]

Without `--url` a server is started and filled with `filled.py`, which takes some minutes. uvicorn serves the API
in a separate process. Each endpoint gets `--requests` requests, one after another, each for another page or test.
CPU time of API and server is printed as well, because other load on the machine does not change it. Exits with 1
if a p95 or the memory of the API exceeds its bound.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from filled import fill, nodeids
from playwright.sync_api import sync_playwright
from redis import Redis

#: Bounds of the 95th percentile in milliseconds, and of the memory of the API in MB.
LIST_MS, HISTORY_MS, MEMORY_MB = 100.0, 50.0, 150.0
#: Bound of the time from the request of a page to its first contentful paint in milliseconds, with an empty cache.
LOAD_MS, VIEWS = 1000.0, ("", "tests", "tests?view=grid", "flaky", "slower", "errors")
# The first contentful paint, and the current time.
PAINTED = "() => [performance.getEntriesByName('first-contentful-paint')[0].startTime, performance.now()]"


START = "from akastats.cli import main; main()"


@dataclass(frozen=True)
class Endpoint:
    """A request: the function that returns its path, and the bound of its p95 (`None`: no bound)."""

    name: str
    path: Callable[[random.Random], str]
    bound_ms: float | None = LIST_MS


@dataclass(frozen=True)
class Contents:
    """Contents of the store: node ids, runs and fingerprints."""

    nodeids: list[str]
    runs: list[str]
    fingerprints: list[str]


def endpoints(there: Contents) -> list[Endpoint]:
    """Return the requests: each endpoint of a list and of an item."""

    def test(chance: random.Random) -> str:
        return quote(chance.choice(there.nodeids), safe="")

    sorts = ("-last_time", "nodeid", "-p95", "-failure_rate", "avg", "-runs")
    return [
        Endpoint("runs", lambda c: f"runs?branch={c.choice(('', 'main', 'topic/faster'))}"),
        Endpoint("tests", lambda c: f"tests?sort={c.choice(sorts)}"),
        Endpoint(
            "tests, searched", lambda c: f"tests?q=module_{c.randint(0, 210):03d}%20case&sort={c.choice(sorts)}"
        ),
        Endpoint("grid", lambda c: f"grid?q=package_{c.randint(0, 36):02d}"),
        Endpoint("grid of a branch", lambda c: f"grid?branch=main&q=module_{c.randint(0, 210):03d}"),
        Endpoint("errors", lambda c: f"errors?sort={c.choice(('-last_seen', '-count', 'first_seen'))}"),
        Endpoint("labels", lambda c: f"labels?prefix=test::&q=case_{c.randint(0, 9999):06d}"),
        Endpoint("flaky", lambda c: f"flaky?state={c.choice(('flaky', ''))}"),
        Endpoint("regressions", lambda c: f"regressions?faster={c.choice(('true', 'false'))}"),
        Endpoint("trends", lambda c: f"trends?branch={c.choice(('', 'main'))}"),
        Endpoint("facets", lambda c: "facets"),
        Endpoint("a run's tests", lambda c: f"runs/{c.choice(there.runs)}/tests?sort=-seconds", None),
        Endpoint("a test's history", lambda c: f"tests/{test(c)}/history", HISTORY_MS),
        Endpoint("a test", lambda c: f"tests/{test(c)}", None),
        Endpoint("a failure", lambda c: f"errors/{c.choice(there.fingerprints)}", None),
        Endpoint("a run", lambda c: f"runs/{c.choice(there.runs)}", None),
    ]


@contextmanager
def store(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the URL of a filled store: that of the command line, or a new one."""
    if arguments.url:
        yield arguments.url
        return
    with tempfile.TemporaryDirectory(prefix="aks") as directory:
        path = Path(directory) / "s"
        command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not path.exists():
                time.sleep(0.01)
            seconds = fill(f"unix://{path}", arguments.tests, arguments.runs)
            print(f"filled with {arguments.tests} tests x {arguments.runs} runs in {seconds:.0f} s")
            yield f"unix://{path}"
        finally:
            server.terminate()
            server.wait()


@contextmanager
def served(url: str) -> Iterator[tuple[http.client.HTTPConnection, int, str]]:
    """Serve the API of a store; yield a connection, the process id and the address."""
    command = [sys.executable, "-c", START, "serve", "--port", "0", "--json", "--url", url]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    output = json.loads("".join(iter(service.stdout.readline, "}\n")) + "}")
    host, port = output["url"].split("//")[1].rstrip("/").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        yield connection, service.pid, output["url"]
    finally:
        connection.close()
        service.terminate()
        service.wait(10)


def send(connection: http.client.HTTPConnection, path: str) -> tuple[float, bytes]:
    """Send one request; return milliseconds and the body."""
    began = time.perf_counter()
    connection.request("GET", f"/api/v1/{path}")
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    assert answer.status == 200, f"{path}: {answer.status} {body[:300]!r}"
    return took, body


def items(connection: http.client.HTTPConnection, path: str) -> list[dict[str, Any]]:
    """Return the items on the first page of a list."""
    page: dict[str, list[dict[str, Any]]] = json.loads(send(connection, path)[1])
    return page["items"]


def memory_mb(pid: int) -> tuple[float, float]:
    """Return the present and the peak memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024, int(fields["VmHWM"].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(
    connection: http.client.HTTPConnection, endpoint: Endpoint, requests: int, processes: tuple[int, int]
) -> bool:
    """Measure `times` requests of one endpoint and print the result; return whether the bound holds."""
    chance, used = random.Random(endpoint.name), [cpu_s(pid) for pid in processes]
    taken = sorted(send(connection, endpoint.path(chance))[0] for _ in range(requests))
    p50, p95 = taken[len(taken) // 2], taken[min(len(taken) - 1, int(len(taken) * 0.95))]
    bound = endpoint.bound_ms
    verdict = "" if bound is None else "ok" if p95 <= bound else "TOO SLOW"
    shown = f"{bound:.0f}" if bound is not None else "-"
    api, server = ((cpu_s(pid) - before) * 1000 / requests for pid, before in zip(processes, used, strict=True))
    times = f"{p50:8.1f} {p95:8.1f} {taken[-1]:8.1f}"
    print(f"{endpoint.name:18} {times} {shown:>8} {api:8.1f} {server:8.1f}  {verdict}")
    return bound is None or p95 <= bound


def load(base: str) -> bool:
    """Open views in a browser with an empty cache and print their times; return whether the bound holds."""
    holds = True
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for view in VIEWS:
            page = browser.new_context().new_page()
            page.goto(base + view)
            page.wait_for_selector("main:not([aria-busy])")
            page.wait_for_selector("main [aria-busy=true]", state="detached")
            painted, complete = page.evaluate(PAINTED)
            holds = holds and painted <= LOAD_MS
            print(f"page /{view:16} first content {painted:5.0f} ms of {LOAD_MS:.0f}, complete {complete:5.0f} ms")
            page.context.close()
        browser.close()
    return holds


def chromium() -> str:
    """Return the path of the browser."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    browser = next((path for name in names if name and (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("no Chromium: install it, or set CHROMIUM")
    return browser


def server_pid(url: str) -> int:
    """Return the process id of a store on this machine."""
    with Redis.from_url(url) as client:
        return int(cast(dict[str, Any], client.info("server"))["process_id"])


def print_store(url: str) -> None:
    """Print the memory of the store."""
    with Redis.from_url(url) as client:
        memory = cast(dict[str, Any], client.info("memory"))
        kinds = {"rows of tests": "AKA-STATS::TESTS", "its index": "AKA-STATS::INDEX"}
        sizes = {name: client.memory_usage(key) or 0 for name, key in kinds.items()}
        print(
            f"store: {memory['used_memory'] / 1e6:.0f} MB in all, {client.dbsize()} keys; "
            + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items())
        )


def main() -> int:
    """Fill a store, serve it and measure the API; return 1 if a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--url", default="")
    arguments = parser.parse_args()
    with store(arguments) as url, served(url) as (connection, pid, base):
        print_store(url)
        first, _ = send(connection, "tests")
        errors, _ = send(connection, "errors")
        print(f"first request of all tests {first:.0f} ms, of all failures {errors:.0f} ms")
        there = Contents(
            nodeids(arguments.tests),
            [run["id"] for run in items(connection, "runs?limit=20") if run["status"] != "running"],
            [error["fingerprint"] for error in items(connection, "errors?limit=20")],
        )
        print(f"{'milliseconds':18} {'p50':>8} {'p95':>8} {'most':>8} {'bound':>8} {'API cpu':>8} {'store':>8}")
        store_pid = server_pid(url)
        holds = [
            measure(connection, endpoint, arguments.requests, (pid, store_pid)) for endpoint in endpoints(there)
        ]
        holds.append(load(base))
        now, most = memory_mb(pid)
        print(f"memory of the API: {now:.0f} MB, peak {most:.0f} MB (bound {MEMORY_MB:.0f})")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    return int(not all(holds) or most > MEMORY_MB)


if __name__ == "__main__":
    sys.exit(main())
