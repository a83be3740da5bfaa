"""One suite, run bare and recorded under the same fault: what was lost, doubled, changed or left behind.

The suite tells its finished tests to a file of its own (`truth.py`). After the recorded run, when no process of it
is left and `akastats drain` has delivered the rest, that file is compared with what the server holds.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from akastats import redis
from akastats.model import profile
from akastats.store import keys, query, runs

#: A recorded run leaves no process behind after this long.
PATIENCE_S = 40.0
#: A run that takes longer than this hangs.
HANGS_S = 120.0
#: Every process of a run inherits this variable: it is how they are found.
MARK = "FAULTS_MARK"

# A finished test: node id and outcome; so often each was seen.
Results = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Suite:
    """A suite's files by path, and how pytest is called; a variable given as `None` is removed.

    Without its terminal pytest does not know `-rA`: such a suite is not `plain`.
    """

    files: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    plain: bool = True


@dataclass(frozen=True)
class Running:
    """A run that has begun: for provocations from outside, which get the bare run too."""

    process: subprocess.Popen[bytes]
    directory: Path
    mark: str
    is_recorded: bool

    @property
    def finished(self) -> Results:
        """The tests that have finished so far."""
        return Counter((nodeid, outcome) for nodeid, outcome, _ in _truth(self.directory)[0])

    def wait_for(self, tests: int) -> None:
        """Return when so many tests have finished, or the run is over."""
        self._wait(lambda: self.finished.total() >= tests)

    def wait_until(self, is_shown: Callable[[str], bool]) -> None:
        """Return when what the terminal has shown so far is enough, or the run is over."""
        self._wait(lambda: is_shown((self.directory / "output").read_text(errors="replace")))

    def wait_for_records(self, tests: int) -> None:
        """Return when the spool of a recorded run tells of so many tests, or the run is over."""
        self._wait(
            lambda: sum(path.read_bytes().count(b'["test",') for path in self.directory.rglob("*.aks")) >= tests
        )

    def _wait(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANGS_S
        while not is_so() and self.process.poll() is None:
            assert time.monotonic() < deadline, "what was waited for never came"
            time.sleep(0.005)


@dataclass(frozen=True)
class Ran:
    """One run that is over; `tail_s` is the time from its last finished test, or session's end, to its exit."""

    exit_code: int
    output: str
    junit: str
    finished: Results
    tail_s: float
    directory: Path


@dataclass(frozen=True)
class Stored:
    """What the server holds: results by history (skipped ones by profile), errors, runs, profiles."""

    results: Results
    miscounted: int
    errors: int
    runs: tuple[dict[str, str], ...]
    profiles: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Verdict:
    """What a fault did; `differences` says how outcomes, exit code or output were not those of the bare run."""

    lost: int
    doubled: int
    outcomes_equal: bool
    added_at_exit_s: float
    warning_lines: int
    processes_left: int
    differences: str
    bare: Ran
    recorded: Ran
    stored: Stored
    drained: str


Provoke = Callable[[Running], object]


class Driver:
    """Runs suites in directories of their own below `home`, on the server at `url`."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self._number = 0

    def compare(
        self,
        suite: Suite,
        *,
        recorded: tuple[str, ...] = (),
        environment: Mapping[str, str | None] | None = None,
        url: str = "",
        drain_to: str = "",
        provoke: Provoke = lambda running: None,
        before_drain: Callable[[], object] = lambda: None,
        patience_s: float = PATIENCE_S,
        namespace: str = "",
        under: tuple[str, ...] = (),
    ) -> Verdict:
        """Run a suite bare and recorded, wait for its processes, drain, read back, compare.

        `recorded`, `environment` and `url` (of a proxy, say) are for the recorded run alone. `provoke` is called
        in both runs once they have begun, `before_drain` once the recorded one is over. Processes still there
        after `patience_s` are counted and ended. `under` is a command that starts both, strace for one.
        """
        self._number += 1
        namespace = namespace or f"F{secrets.token_hex(4)}"
        bare = self._run(suite, (), provoke, under, is_recorded=False)
        options = ("--akastats", f"--akastats-url={url or self.url}", f"--akastats-namespace={namespace}")
        ours = replace(suite, environment={**suite.environment, **(environment or {})})
        ran = self._run(ours, (*options, *recorded), provoke, under, is_recorded=True)
        left = end_processes(str(ran.directory), patience_s)
        before_drain()
        drained = self.drain(ran.directory, drain_to or self.url)
        return judge(bare, ran, read_back(drain_to or self.url, namespace), left, drained)

    def _run(
        self,
        suite: Suite,
        options: tuple[str, ...],
        provoke: Provoke,
        under: tuple[str, ...],
        *,
        is_recorded: bool,
    ) -> Ran:
        # Both names are equally long, so that what is buffered or cut by width is alike.
        directory = self.home / f"{'ours' if is_recorded else 'bare'}{self._number}"
        _lay_out(directory, suite.files)
        # With workers each test is a line of its own: dots come in the order of the moment.
        spread = SPREAD if is_spread(suite.arguments) else ()
        plain = PLAIN if suite.plain else [each for each in PLAIN if each not in ("-rA", "--tb=short")]
        command = [*under, sys.executable, "-m", "pytest", *plain, *spread, *suite.arguments, *options]
        with (directory / "output").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=directory / "suite",
                env=_environment(directory, suite.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            provoke(Running(process, directory, str(directory), is_recorded))
            exit_code = process.wait(HANGS_S)
            over = time.monotonic()
        finally:
            process.kill()
            process.wait()
        tests, last = _truth(directory)
        finished = Counter((nodeid, outcome) for nodeid, outcome, _ in tests)
        output_text = normalised((directory / "output").read_text(errors="replace"), directory, suite.arguments)
        junit = _junit(directory / "junit.xml", directory)
        return Ran(exit_code, output_text, junit, finished, over - (last or over), directory)

    def drain(self, directory: Path, to: str) -> str:
        """Deliver what a run has left in its spools; return what the command said."""
        command = [sys.executable, "-c", _AKASTATS, "drain", str(directory / "suite"), "--to", to]
        # Fallback places of the run are found by its HOME and TMPDIR.
        environ = _environment(directory, {MARK: None})
        done = subprocess.run(
            command, cwd=directory, env=environ, capture_output=True, text=True, check=False, timeout=HANGS_S
        )
        return done.stdout + done.stderr


_AKASTATS = "import sys; from akastats.cli import main; sys.exit(main())"

#: Both runs; `-rA` and the JUnit report are what is compared. Plugins that happen to be installed stay out, which
#: makes a run of 3.3 s one of 0.5 s: a suite that needs one names it.
PLAIN = ("-p", "akastats", "-rA", "--junitxml=../junit.xml", "-o", "junit_logging=all", "--tb=short")
SPREAD = ("-p", "xdist", "-v")


def _lay_out(directory: Path, files: Mapping[str, str]) -> None:
    for name in ("suite", "home", "tmp"):
        (directory / name).mkdir(parents=True)
    (directory / "suite" / "pytest.ini").write_text("[pytest]\n")
    truth = Path(__file__).with_name("truth.py").read_text()
    for name, source in {"conftest.py": "", **files}.items():
        path = directory / "suite" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{truth}\n\n{source}" if name == "conftest.py" else source)


def _environment(directory: Path, changes: Mapping[str, str | None]) -> dict[str, str]:
    foreign = ("AKA_STATS", "PYTEST", "COV", "XDG_", "FAULTS_")
    environ: dict[str, str | None] = {
        **{name: value for name, value in os.environ.items() if not name.startswith(foreign)},
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp"),
        "FAULTS_TRUTH": str(directory / "truth"),
        MARK: str(directory),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "COLUMNS": "160",
        **changes,
    }
    return {name: value for name, value in environ.items() if value is not None}


def _truth(directory: Path) -> tuple[list[tuple[str, str, int]], float | None]:
    """Return the finished tests (node id, outcome, attempt), and when the last line was told."""
    if not (directory / "truth").exists():
        return [], None
    lines = [json.loads(line) for line in (directory / "truth").read_text().splitlines()]
    return [tuple(line[1:]) for line in lines if len(line) > 1], max((line[0] for line in lines), default=None)


def end_processes(mark: str, patience_s: float) -> int:
    """Wait until no process of a run is left; return how many were after `patience_s`, and end those."""
    deadline = time.monotonic() + patience_s
    while (left := processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return len(left)


def processes(mark: str) -> list[int]:
    """Return the processes that inherited a run's mark; a zombie has no environment left and is none."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def died_in(stored: Stored) -> Counter[tuple[str, str]]:
    """Return the attempts of tests that a run's process died in: one that was alone has failed."""
    named = [json.loads(run.get("died_in", "[]")) for run in stored.runs]
    return Counter((nodeids[0], "failed") for nodeids in named if len(nodeids) == 1)


def judge(bare: Ran, ran: Ran, stored: Stored, left: int, drained: str) -> Verdict:
    """Compare a recorded run with what is stored of it, and with the bare run. Pure."""
    ours, rest = split_ours(ran.output)
    pairs = (
        ("finished tests", bare.finished, ran.finished),
        ("exit code", bare.exit_code, ran.exit_code),
        ("output", bare.output, rest),
        ("JUnit report", bare.junit, ran.junit),
    )
    differing = [(name, was, is_now) for name, was, is_now in pairs if was != is_now]
    differences = [f"{name} bare:\n{was}\n{name} recorded:\n{is_now}" for name, was, is_now in differing]
    expected = ran.finished + died_in(stored)
    return Verdict(
        lost=(expected - stored.results).total(),
        doubled=(stored.results - expected).total() + stored.miscounted,
        outcomes_equal=not differences,
        added_at_exit_s=round(max(0.0, ran.tail_s - bare.tail_s), 3),
        warning_lines=sum(line.startswith("akastats:") and " recorded as run " not in line for line in ours),
        processes_left=left,
        differences="\n".join(differences),
        bare=bare,
        recorded=ran,
        stored=stored,
        drained=drained,
    )


def split_ours(output: str) -> tuple[list[str], str]:
    """Return our own lines of a run's output, and the rest: our block goes on while lines are indented."""
    ours: list[str] = []
    rest: list[str] = []
    is_ours = False
    for line in output.split("\n"):
        is_ours = line.startswith("akastats:") or (is_ours and line.startswith("  "))
        (ours if is_ours else rest).append(line)
    return ours, "\n".join(rest)


# What differs between any two runs: how long things took, where they ran, where objects lay.
_VARYING = (
    (re.compile(r"\b\d+(\.\d+)?m?s\b( \(\d+:\d\d:\d\d\))?"), "N s"),
    (re.compile(r"=+( .*? )=+$", re.MULTILINE), r"=\1="),
    (re.compile(r"0x[0-9a-f]+|\b\d{12,}\b"), "0x"),
    (re.compile(r"\b(pid|process|thread)( |=)\d+", re.IGNORECASE), r"\1 N"),
    # Tracebacks of crashes and internal errors during an import have one more of these frames: the measurement's.
    (
        re.compile(
            r'^(INTERNALERROR> )?  File "<frozen importlib\._bootstrap>", line \d+,? in .*\n', re.MULTILINE
        ),
        "",
    ),
)
# With several workers nobody knows who runs what in which order.
_SPREAD = (
    (re.compile(r"\bgw\d+\b"), "gw"),
    (re.compile(r"\[ *\d+%\] "), ""),
    # The line of a test that begins is written where no other test's line comes between.
    (re.compile(r"^\S+::\S+ *$", re.MULTILINE), ""),
)


def is_spread(arguments: Sequence[str]) -> bool:
    """Whether pytest is called with workers."""
    return any(argument.startswith(("-n", "--dist", "--tx")) for argument in arguments)


def normalised(output: str, directory: Path, arguments: Sequence[str]) -> str:
    """Return a run's output without what differs between any two runs."""
    output = output.replace(str(directory), "DIRECTORY")
    for pattern, replacement in _VARYING:
        output = pattern.sub(replacement, output)
    if not is_spread(arguments):
        return output
    for pattern, replacement in _SPREAD:
        output = pattern.sub(replacement, output)
    ours, rest = split_ours(output)
    return "\n".join([*sorted(line.rstrip() for line in rest.split("\n") if line.strip()), *ours])


def _junit(path: Path, directory: Path) -> str:
    """Return a JUnit report without its times, its cases in an order of their own; empty where there is none."""
    if not path.exists():
        return ""
    cases = []
    for case in ElementTree.parse(path).iter():
        kept = {name: text for name, text in case.attrib.items() if name not in ("time", "timestamp", "hostname")}
        cases.append(normalised(f"{case.tag} {kept} {case.text or ''}", directory, ("-n",)))
    return "\n".join(sorted(cases))


def read_back(url: str, namespace: str) -> Stored:
    """Read all that the server at `url` holds in a namespace."""
    with redis.connect(url) as client:

        def ask(operation: Any) -> Any:
            return redis.run(operation, client, client)

        results: Results = Counter()
        miscounted = 0
        names = [name.decode() for name in client.zrange(keys.index(namespace), 0, -1)]
        for label in (name for name in names if name.startswith("test")):
            entries = client.lrange(keys.history(namespace, label), 0, -1)
            found = [entry.decode().rsplit(";", 1)[1] for entry in entries]
            contexts = ask(query.read_contexts(namespace, sorted(set(found))))
            nodeid = label.partition("::")[2]
            results.update((nodeid, json.loads(contexts[each])["outcome"]) for each in found)
            count = float(client.get(keys.number(namespace, "count", label)) or 0)
            miscounted += abs(int(count) - len(found))
        listed, _ = ask(runs.find_runs(namespace, {}, None, 1000))
        stored = [client.get(keys.profile(namespace, run["id"])) for run in listed]
        profiles = tuple(profile.to_json(profile.decode(content)) for content in stored if content)
        for each in profiles:
            rows = profile.rows(each["tests"])
            results.update((row["nodeid"], "skipped") for row in rows if row["outcome"] == "skipped")
        errors = float(client.get(keys.number(namespace, "count", "errors__all")) or 0)
    return Stored(results, miscounted, int(errors), tuple(listed), profiles)
