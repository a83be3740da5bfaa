"""Record the suites in a virtual environment of their own, and read the findings of a recorded run."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corpus import Case
from suites import Suite

ROOT = Path(__file__).resolve().parents[2]
#: Up to pytest-xdist 3.8, `--dist loadgroup` groups nothing under pytest 9.2 (pytest-dev/pytest-xdist#1386).
PLUGINS = (
    "anyio",
    "pytest<9.2",
    "pytest-asyncio",
    "pytest-cov",
    "pytest-mock",
    "pytest-rerunfailures",
    "pytest-xdist",
)
#: A run is repeated if other programs use more than this share of a processor, beside the seconds of CPU time that
#: the delivery of a run needs.
MOST_OTHERS, DELIVERY_S = 0.25, 0.8
ATTEMPTS, PAUSE_S = 5, 3.0
#: Variables of the user's own project, which must not affect the suites.
FOREIGN = ("AKA_STATS_", "COVERAGE_", "PYTEST_", "PYTHON", "FLAKYTEST_")

#: A user of the embedded server, so that the server runs until standard input ends.
HOLD = """\
import sys
from pathlib import Path
from akastats import embedded
lease = embedded.use(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
lease.end()
"""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and the directory below which its suites and recordings are written.

    chunks_per_ms: speed of this machine, see `suites.calibrate`
    """

    home: Path
    chunks_per_ms: float

    @property
    def python(self) -> Path:
        """Interpreter of the virtual environment."""
        return self.home / "venv" / "bin" / "python"

    @property
    def data(self) -> Path:
        """Directory of the embedded server."""
        return self.home / "akastats"

    def install(self, interpreter: str, packages: Sequence[str]) -> None:
        """Create the virtual environment if it does not exist."""
        if self.python.exists():
            return
        subprocess.run([interpreter, "-m", "venv", self.home / "venv"], check=True)
        quiet = ("--quiet", "--quiet", "--disable-pip-version-check")
        subprocess.run([self.python, "-m", "pip", "install", *quiet, *packages, *PLUGINS], check=True)

    def write(self, name: str, suite: Suite) -> Path:
        """Write a suite, and return its directory."""
        directory = self.home / "suites" / name
        suite.write(directory, self.chunks_per_ms)
        return directory

    def pytest_alone(self, directory: Path, suite: Suite, options: Sequence[str]) -> float:
        """Execute pytest, again while other programs keep the processors busy; return the last wall time."""
        for _ in range(ATTEMPTS):
            busy = others_s()
            seconds = self.pytest(directory, suite, options)
            if others_s() - busy <= DELIVERY_S + MOST_OTHERS * seconds:
                return seconds
            time.sleep(PAUSE_S)
        print(f"other programs keep the machine busy during {directory}", file=sys.stderr)
        return seconds

    def pytest(self, directory: Path, suite: Suite, options: Sequence[str]) -> float:
        """Execute pytest in a directory; return the wall time of the command in seconds."""
        command = [str(self.python), "-m", "pytest", "-q", *suite.options, *options]
        start = time.monotonic()
        done = subprocess.run(
            command, cwd=directory, env=variables(suite.environment), capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - start
        if done.returncode != 0:
            raise SystemExit(f"pytest fails in {directory}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return seconds

    def akastats(self, *arguments: str) -> Any:
        """Return the JSON of an `akastats` command."""
        command = [str(self.python.with_name("akastats")), *arguments, "--dir", str(self.data), "--json"]
        done = subprocess.run(command, env=variables({}), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"akastats {' '.join(arguments)} fails:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return json.loads(done.stdout)

    @contextmanager
    def running_server(self) -> Iterator[None]:
        """Keep the embedded server running, so that no measured run starts it."""
        command = [str(self.python), "-c", HOLD, str(self.data)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables({})) as user:
            assert user.stdout is not None
            if not user.stdout.readline():
                raise SystemExit("the embedded server does not start")
            try:
                yield
            finally:
                user.communicate()


def others_s() -> float:
    """Return the CPU time of all programs but this one and its children, in seconds; 0 where it is unknown.

    The server and the process that delivers a run count as others.
    """
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, _idle, _iowait, *interrupts = map(int, stat.read_text().split("\n", 1)[0].split()[1:9])
    busy = (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return busy - sum(usage.ru_utime + usage.ru_stime for usage in own)


def variables(additional: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a suite."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    return own | {"AKA_STATS_FORGE": "off", **additional}


@dataclass(frozen=True)
class Measurement:
    """Measured times of a case.

    walls: wall times in seconds, by variant and round
    run: id of the run with the median wall time, or of a later one
    run_s: wall time of that run
    """

    walls: Mapping[str, Sequence[float]]
    run: str
    run_s: float


def measure(environment: Environment, case: Case, rounds: int) -> Measurement:
    """Record all variants of a case in alternation."""
    directories = {
        name: environment.write(f"{case.name}/{name}", suite) for name, suite in case.variants().items()
    }
    walls: dict[str, list[float]] = {name: [] for name in directories}
    runs: list[str] = []
    for _ in range(rounds):
        for name, suite in case.variants().items():
            options = recording(environment, case, name)
            walls[name].append(environment.pytest_alone(directories[name], suite, options))
            if name == "wasteful":
                runs.append(newest_run(environment, case))
    by_time = sorted(zip(walls["wasteful"], runs, strict=True))
    seconds, run = by_time[(rounds - 1) // 2]
    return Measurement(walls, run, seconds)


def recording(environment: Environment, case: Case, variant: str) -> tuple[str, ...]:
    """Return the options of pytest that record a variant."""
    return ("--akastats", f"--akastats-dir={environment.data}", f"--akastats-suite={case.name}-{variant}")


def newest_run(environment: Environment, case: Case) -> str:
    """Return the id of the newest run of the suite with waste."""
    items = environment.akastats("runs", "--suite", f"{case.name}-wasteful", "--limit", "1")["items"]
    return str(items[0]["id"])


def record(environment: Environment, case: Case, measurement: Measurement) -> Measurement:
    """Record the suite with waste once more, and return the measurement with the new run."""
    directory = environment.write(f"{case.name}/wasteful", case.suite)
    seconds = environment.pytest_alone(directory, case.suite, recording(environment, case, "wasteful"))
    return replace(measurement, run=newest_run(environment, case), run_s=seconds)
