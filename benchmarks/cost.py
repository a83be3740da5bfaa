"""Measure the cost of recording in the process of the tests: instructions per additional test, bare pytest is 1.

    python benchmarks/cost.py [--only plain fixtures worker wall cold]

valgrind's callgrind counts suites of 1,000 and of 300 trivial tests. The difference is the cost of 700 tests,
without start-up. Instructions are reproducible on machines of one kind; seconds are not. Needs valgrind, and
pytest-xdist, pytest-reportlog and pytest-json-report in this environment.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

FEW, MANY = 300, 1000
PER_FILE = 100

PLAIN = "def test_{0}():\n    pass\n\n\n"
FIXTURES = "def test_{0}(one, two, three):\n    pass\n\n\n"
CONFTEST = "import pytest\n" + "".join(
    f"\n\n@pytest.fixture\ndef {name}():\n    yield\n" for name in ("one", "two", "three")
)

OURS = ("-p", "pytest_akastats.plugin", "--akastats", "--akastats-wait=0")
RIVALS: dict[str, tuple[str, ...]] = {
    "akastats": OURS,
    "--junitxml": ("--junitxml=report.xml",),
    "pytest-reportlog": ("-p", "pytest_reportlog.plugin", "--report-log=report.jsonl"),
    "pytest-json-report": ("-p", "pytest_jsonreport.plugin", "--json-report"),
}


def write_suite(directory: Path, size: int, test: str, conftest: str = "") -> Path:
    """Write a suite of `size` tests, 100 per file."""
    directory.mkdir(parents=True)
    if conftest:
        (directory / "conftest.py").write_text(conftest)
    for number in range(size // PER_FILE):
        content = "".join(test.format(index) for index in range(PER_FILE))
        (directory / f"test_{number}.py").write_text(content)
    return directory


def pytest_command(arguments: Sequence[str]) -> list[str]:
    """Return the command of bare pytest with `arguments`, with this interpreter."""
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]


def environment() -> dict[str, str]:
    """Return an environment in which two runs execute the same instructions."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {name: text for name, text in os.environ.items() if not name.startswith("AKA_STATS")} | fixed


PATIENT = "from xdist.workermanage import NodeManager\nNodeManager.EXIT_TIMEOUT = 600\n"

VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def instructions(suite: Path, arguments: Sequence[str]) -> int:
    """Return the instructions of one run, without its child processes."""
    command = [*VALGRIND, *pytest_command(arguments)]
    done = subprocess.run(command, cwd=suite, env=environment(), capture_output=True, text=True, check=False)
    return collected(done.stderr)


def collected(log: str) -> int:
    """Return the sum of the instructions in logs of callgrind."""
    counts = re.findall(r"Collected : (\d+)", log)
    if not counts:
        raise SystemExit(f"callgrind counted nothing:\n{log[-2000:]}")
    return sum(map(int, counts))


def worker_instructions(suite: Path, arguments: Sequence[str]) -> int:
    """Return the instructions of both workers of `-n 2`. The controller runs without callgrind."""
    with tempfile.TemporaryDirectory() as logs:
        wrapper = Path(logs) / "python"
        valgrind = " ".join([*VALGRIND, f"--log-file={logs}/%p.log", sys.executable])
        wrapper.write_text(f'#!/bin/sh\nexec {valgrind} "$@"\n')
        wrapper.chmod(0o755)
        # Under callgrind a worker takes longer to exit than pytest-xdist waits before it kills it.
        (Path(logs) / "patient.py").write_text(PATIENT)
        spread = [
            "-p",
            "patient",
            "-p",
            "xdist.plugin",
            "--dist=load",
            "--maxschedchunk=100",
            f"--tx=2*popen//python={wrapper}",
        ]
        command = pytest_command([*spread, *arguments])
        variables = environment() | {"PYTHONPATH": logs}
        subprocess.run(command, cwd=suite, env=variables, capture_output=True, check=True)
        return collected(finished(Path(logs)))


def finished(logs: Path, deadline_s: float = 120.0) -> str:
    """Return the complete logs of both workers, because the controller does not wait for them.

    A worker forks once to determine its platform. The log of the fork has no sum and is ignored.
    """
    end = time.monotonic() + deadline_s
    while True:
        texts = [text for text in (log.read_text() for log in logs.glob("*.log")) if "Collected :" in text]
        if len(texts) == 2 or time.monotonic() > end:
            return "".join(texts)
        time.sleep(0.1)


def per_test(home: Path, test: str, conftest: str, arguments: Sequence[str], worker: bool = False) -> float:
    """Return the instructions per additional test."""
    count = worker_instructions if worker else instructions
    totals = []
    for size in (FEW, MANY):
        suite = home / f"{size}-{len(test)}-{worker}"
        if not suite.exists():
            write_suite(suite, size, test, conftest)
        totals.append(count(suite, arguments))
    return (totals[1] - totals[0]) / (MANY - FEW)


def show(title: str, bare: float, rows: dict[str, float]) -> None:
    """Print one table."""
    print(f"\n{title}: instructions per additional test, bare pytest {bare:,.0f} = 1")
    for name, value in rows.items():
        print(f"  {name:<20} {value / bare:.3f}")


def plain(home: Path) -> None:
    """Trivial tests with akastats, and with other plugins."""
    bare = per_test(home, PLAIN, "", ())
    show("plain", bare, {name: per_test(home, PLAIN, "", arguments) for name, arguments in RIVALS.items()})


def fixtures(home: Path) -> None:
    """Three yield fixtures per test."""
    bare = per_test(home, FIXTURES, CONFTEST, ())
    show("three yield fixtures", bare, {"akastats": per_test(home, FIXTURES, CONFTEST, OURS)})


def worker(home: Path) -> None:
    """The workers of `-n 2`."""
    bare = per_test(home, PLAIN, "", (), worker=True)
    show("workers of -n 2", bare, {"akastats": per_test(home, PLAIN, "", OURS, worker=True)})
    bare = per_test(home, FIXTURES, CONFTEST, (), worker=True)
    ours = per_test(home, FIXTURES, CONFTEST, OURS, worker=True)
    show("workers of -n 2, three yield fixtures", bare, {"akastats": ours})


def seconds(suite: Path, arguments: Sequence[str]) -> float:
    """Return the wall time of one run in seconds."""
    began = time.perf_counter()
    subprocess.run(pytest_command(arguments), cwd=suite, env=environment(), capture_output=True, check=True)
    return time.perf_counter() - began


def wall(home: Path, pairs: int = 9) -> None:
    """Wall time relative to bare pytest, in pairs of runs: without and with the wait for the delivery."""
    suite = write_suite(home / "wall", 5000, PLAIN)
    for title, ours in (("not waiting", OURS), ("until delivered", OURS[:-1])):
        ratios = [seconds(suite, ours) / seconds(suite, ()) for _ in range(pairs)]
        print(f"\nwall time, 5,000 trivial tests, {title}: median of {pairs} pairs ", end="")
        print(f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def cold(home: Path, pairs: int = 7) -> None:
    """Additional wall time of ten tests if the embedded server is not running yet."""
    extra = []
    for number in range(pairs):
        suite = write_suite(home / f"cold-{number}", PER_FILE, PLAIN)
        chosen = [f"test_0.py::test_{index}" for index in range(10)]
        extra.append(seconds(suite, [*OURS[:-1], *chosen]) - seconds(suite, chosen))
    print(f"\nten tests, cold embedded server: median of {pairs} pairs +{statistics.median(extra):.2f} s", end="")
    print(f" ({min(extra):.2f} to {max(extra):.2f})")


PARTS = {part.__name__: part for part in (plain, fixtures, worker, wall, cold)}


def main() -> None:
    """Run the measurements of the command line, by default all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    with tempfile.TemporaryDirectory() as home:
        for name in parser.parse_args().only:
            PARTS[name](Path(home))


if __name__ == "__main__":
    main()
