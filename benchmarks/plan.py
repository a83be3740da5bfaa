"""Compare the durations that `akastats plan` predicts with measured durations.

    python benchmarks/plan.py [PROJECT ...]
    python benchmarks/plan.py --suite DIRECTORY --python INTERPRETER [--arguments "tests -q"]

A project is a source distribution that `benchmarks/acceptance.py` lists. For a suite of your own, the interpreter
needs pytest-xdist and pytest-akastats. Each choice of workers and `--dist` is recorded `--rounds` times, in
alternation. The median run of a choice is its measured duration. All choices are then predicted from one run
without workers, and from one run with `-n 2 --dist load`. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, median_low
from typing import Any

from acceptance import PROJECTS, get, prepare, serving

DISTRIBUTIONS = ("load", "loadscope", "loadfile", "loadgroup", "worksteal", "each")
WORKERS = (1, 2, 4)
#: The runs from which all choices are predicted.
SOURCES = ((0, "no"), (2, "load"))
FOREIGN = ("AKA_STATS_", "COVERAGE_", "PYTEST_", "PYTHON")

#: A run is repeated if other programs use more than this share of a CPU, beside the CPU seconds of its delivery:
#: some for each run, and some for each test.
MAX_OTHERS, DELIVERY_S, DELIVERY_OF_TEST_S = 0.15, 1.5, 0.0015
ATTEMPTS, PAUSE_S = 4, 5.0
MAX_DELIVERY_S, POLL_S = 30.0, 0.1

Choice = tuple[int, str]


@dataclass(frozen=True)
class Suite:
    """A suite: directory, interpreter of its environment, arguments of pytest, and attempts to run alone."""

    directory: Path
    python: Path
    arguments: tuple[str, ...]
    attempts: int


@dataclass(frozen=True)
class Measured:
    """Recorded runs of a choice: ids and wall times in seconds, in the same order."""

    runs: Sequence[str]
    walls: Sequence[float]

    @property
    def wall(self) -> float:
        """The median wall time."""
        return median(self.walls)

    @property
    def typical_run(self) -> str:
        """The run with the median wall time."""
        return self.runs[self.walls.index(median_low(self.walls))]


def list_choices(workers: Sequence[int], distributions: Sequence[str]) -> Iterator[Choice]:
    """Yield one process, then each number of workers with each distribution."""
    yield 0, "no"
    yield from ((number, dist) for number in workers for dist in distributions)


def record_alone(suite: Suite, choice: Choice, address: str) -> tuple[str, float]:
    """Record a run, again while other programs keep the CPUs busy."""
    for _ in range(suite.attempts):
        busy = read_others_s()
        run, wall = record(suite, choice, address)
        tests: Any = get(address, f"/api/v1/runs/{run}")["tests"]
        if read_others_s() - busy <= DELIVERY_S + DELIVERY_OF_TEST_S * tests + MAX_OTHERS * wall:
            return run, wall
        time.sleep(PAUSE_S)
    print(f"other programs keep the machine busy during {name(choice)}", file=sys.stderr)
    return run, wall


def read_others_s() -> float:
    """Return the CPU time of all programs but this one and its children, in seconds; 0 where it is unknown.

    The server and the process that delivers a run count as others.
    """
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _iowait, *rest = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used = sum(usage.ru_utime + usage.ru_stime for usage in own)
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK") - used


def record(suite: Suite, choice: Choice, address: str) -> tuple[str, float]:
    """Record a run; return its id and the wall time of its first process in seconds."""
    workers, dist = choice
    spread = ("-n", str(workers), "--dist", dist) if workers else ("-p", "no:xdist")
    options = ("-q", "-p", "no:cacheprovider", "--akastats", "--akastats-wait=60", *spread)
    earlier = read_newest(address)
    environ = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    done = subprocess.run(
        [str(suite.python), "-m", "pytest", *suite.arguments, *options],
        cwd=suite.directory,
        env=environ | {"AKA_STATS_FORGE": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    # Some tests of a source distribution may fail.
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest fails with {spread}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return wait_for_run(address, str(earlier.get("id")))


def wait_for_run(address: str, earlier: str) -> tuple[str, float]:
    """Return id and wall time of the run after an earlier one, once the end of its process is stored."""
    for _ in range(int(MAX_DELIVERY_S / POLL_S)):
        run = read_newest(address)
        if run.get("id") not in (None, earlier) and run["exited"]:
            return str(run["id"]), read_wall(address, str(run["id"]))
        time.sleep(POLL_S)
    raise SystemExit(
        f"no run within {MAX_DELIVERY_S:g} s, or pytest-akastats does not record the end of the process"
    )


def read_newest(address: str) -> dict[str, Any]:
    """Return the newest run; empty without one."""
    runs: Any = get(address, "/api/v1/runs?limit=1")["items"]
    return dict(runs[0]) if runs else {}


def read_wall(address: str, run: str) -> float:
    """Return the recorded wall time of a run in seconds, without the wait for its delivery."""
    wall, delivery = read_main_process(address, run)
    return wall - delivery


def read_main_process(address: str, run: str) -> tuple[float, float]:
    """Return the wall time of the main process, and its wait for the delivery, in seconds."""
    processes: Any = get(address, f"/api/v1/runs/{run}/ledger")["processes"]
    (main,) = (process for process in processes if not process["worker"])
    times: Any = get(address, f"/api/v1/runs/{run}")
    end = main["start"] + main["wall"] - main["spans"].get("exit", 0.0)
    answered = times["exited"] if times["answered"] is None else min(times["answered"], times["exited"])
    return float(main["wall"]), max(0.0, answered - times["started"] - end)


def measure(suite: Suite, choices: Sequence[Choice], rounds: int, address: str) -> dict[Choice, Measured]:
    """Record all choices, in alternation."""
    results: dict[Choice, list[tuple[str, float]]] = {choice: [] for choice in choices}
    # The first run writes bytecode.
    record(suite, choices[0], address)
    for _ in range(rounds):
        for choice in choices:
            results[choice].append(record_alone(suite, choice, address))
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        choice: Measured([run for run, _ in each], [wall for _, wall in each]) for choice, each in results.items()
    }


def predict(address: str, run: str, choices: Sequence[Choice]) -> dict[Choice, Mapping[str, float]]:
    """Return the prediction of each choice from one run."""
    numbers = "".join(f"&workers={number}" for number in sorted({workers for workers, _ in choices}))
    dists = "".join(f"&dist={dist}" for dist in sorted({dist for workers, dist in choices if workers}))
    plan: Any = get(address, f"/api/v1/runs/{run}/plan?{(numbers + dists)[1:]}")
    _, delivery = read_main_process(address, run)
    return {
        (each["workers"], each["dist"]): {bound: each[bound] - delivery for bound in ("wall", "low", "high")}
        for each in plan["choices"]
    }


def compare(suite: Suite, workers: Sequence[int], distributions: Sequence[str], rounds: int) -> dict[str, Any]:
    """Return measured and predicted durations of each choice, as JSON."""
    choices = list(list_choices(workers, distributions))
    with serving(suite.python, suite.directory) as address:
        measured = measure(suite, choices, rounds, address)
        sources = [source for source in SOURCES if source in measured]
        predicted = {source: predict(address, measured[source].typical_run, choices) for source in sources}
    return {
        "measured": {name(choice): each.walls for choice, each in measured.items()},
        "predicted": {
            name(source): {name(choice): dict(by_choice[choice]) for choice in choices}
            for source, by_choice in predicted.items()
        },
    }


def name(choice: Choice) -> str:
    """Return a choice as options."""
    return f"-n {choice[0]} --dist {choice[1]}" if choice[0] else "-n 0"


def write_table(answer: Mapping[str, Any]) -> None:
    """Write measured and predicted durations, with relative errors."""
    measured = {choice: median(walls) for choice, walls in answer["measured"].items()}
    for source, predicted in answer["predicted"].items():
        print(f"\nfrom a run with {source}\n\n| choice | measured (s) | predicted (s) | interval (s) | error |")
        print("|---|--:|--:|--:|--:|")
        errors, inside = [], 0
        for choice, wall in measured.items():
            each = predicted[choice]
            errors.append(each["wall"] / wall - 1)
            inside += each["low"] <= wall <= each["high"]
            interval = f"{each['low']:.2f} to {each['high']:.2f}"
            print(f"| `{choice}` | {wall:.2f} | {each['wall']:.2f} | {interval} | {errors[-1]:+.1%} |")
        absolute = sorted(map(abs, errors))
        print(f"\nerror: median {median(absolute):.1%}, worst {absolute[-1]:.1%}; ", end="")
        print(f"{inside} of {len(errors)} measured durations are inside the interval")


def read_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="*", choices=[*PROJECTS, []], default=[])
    parser.add_argument("--suite", type=Path, help="directory of a suite")
    parser.add_argument("--python", type=Path, help="interpreter of the environment of the suite")
    parser.add_argument("--arguments", default="", help="arguments of pytest for the suite")
    parser.add_argument("--workers", default=",".join(map(str, WORKERS)), help="numbers of workers")
    parser.add_argument("--dist", default=",".join(DISTRIBUTIONS), help="distributions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="while other programs keep the CPUs busy")
    parser.add_argument("--output", type=Path, help="file for the measurements as JSON")
    return parser.parse_args()


def list_suites(arguments: argparse.Namespace, home: Path) -> Iterator[tuple[str, Suite]]:
    """Yield the suites of the command line, each after it was prepared."""
    if arguments.suite:
        extra = tuple(shlex.split(arguments.arguments))
        yield arguments.suite.name, Suite(arguments.suite, arguments.python, extra, arguments.attempts)
    for project in arguments.projects or ([] if arguments.suite else ["more-itertools"]):
        (home / project).mkdir()
        source, python = prepare(PROJECTS[project], home / project)
        yield project, Suite(source, python, PROJECTS[project].tests, arguments.attempts)


def main() -> None:
    """Write a table for each suite."""
    arguments = read_arguments()
    workers = [int(number) for number in arguments.workers.split(",")]
    answers = {}
    with tempfile.TemporaryDirectory() as home:
        for label, suite in list_suites(arguments, Path(home)):
            began = time.monotonic()
            answer = compare(suite, workers, arguments.dist.split(","), arguments.rounds)
            print(f"\n## {label}: {time.monotonic() - began:.0f} s")
            write_table(answer)
            answers[label] = answer
    if arguments.output:
        arguments.output.write_text(json.dumps(answers))


if __name__ == "__main__":
    main()
