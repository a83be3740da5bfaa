"""Check that public projects have the same outcomes with and without akastats, and complete histories.

    python benchmarks/acceptance.py [PROJECT ...]

Each project is unpacked from its source distribution and gets its own virtual environment. Its tests run three
times without and with akastats, in one process and with `-n 2`. For each test the outcomes (of `--junitxml`) and
the number of points in its history are compared; for each run, exit codes and counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parents[1]
ROUNDS = 3


@dataclass(frozen=True)
class Project:
    """A project: its distribution, the further requirements of its tests, and their paths."""

    name: str
    version: str
    needs: tuple[str, ...]
    tests: tuple[str, ...]


PROJECTS = {
    project.name: project
    for project in (
        Project("more-itertools", "10.7.0", (), ("tests",)),
        Project("attrs", "25.3.0", ("hypothesis", "cloudpickle"), ("tests", "--ignore=tests/test_mypy.yml")),
        Project("click", "8.5.1", (), ("tests",)),
        Project("jinja2", "3.1.6", ("trio",), ("tests",)),
        Project("h11", "0.16.0", (), ("h11/tests",)),
        Project("python-dotenv", "1.1.1", ("sh", "click"), ("tests",)),
    )
}


@dataclass(frozen=True)
class Ran:
    """Result of one run: exit code, and number of each outcome per test."""

    exit_code: int
    outcomes: Counter[tuple[str, str, str]]


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed."""
    return subprocess.run(list(map(str, command)), cwd=cwd, check=True, capture_output=True, text=True)


def prepare(project: Project, home: Path) -> tuple[Path, Path]:
    """Unpack a project and create its environment; return its directory and its interpreter."""
    requirement = f"{project.name}=={project.version}"
    run(sys.executable, "-m", "venv", home / "venv")
    python = home / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "-q", requirement, *project.needs, "pytest-xdist", f"{HERE}[all]")
    run(*pip, "download", "-q", "--no-deps", "--no-binary", project.name, "-d", home, requirement)
    (archive,) = home.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(home / "source", filter="data")
    (source,) = (home / "source").iterdir()
    return source, python


def pytest_run(source: Path, python: Path, project: Project, arguments: tuple[str, ...]) -> Ran:
    """Run a project's tests once."""
    report = source.parent / "report.xml"
    plain = ("-q", "-p", "no:cacheprovider", "-p", "no:valkey", f"--junitxml={report}")
    command = [str(python), "-m", "pytest", *plain, *project.tests, *arguments]
    environ = {name: text for name, text in os.environ.items() if not name.startswith(("AKA_STATS", "PYTEST"))}
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False, env=environ)
    if not report.exists():
        raise SystemExit(f"{project.name}: no report\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    outcomes = read_report(report)
    report.unlink()
    return Ran(done.returncode, outcomes)


def read_report(report: Path) -> Counter[tuple[str, str, str]]:
    """Return the test cases of a JUnit report with their outcomes."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        counted[case.get("classname", ""), case.get("name", ""), "+".join(sorted(kinds)) or "passed"] += 1
    return counted


@contextmanager
def serving(python: Path, source: Path) -> Iterator[str]:
    """Serve the API of a project's embedded server; yield the address of the API."""
    command = [str(python.with_name("akastats")), "serve", "--port", "0", "--json"]
    server = subprocess.Popen(command, cwd=source, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        output = "".join(iter(server.stdout.readline, "}\n")) + "}"
        yield str(json.loads(output)["url"]).rstrip("/")
    finally:
        server.terminate()
        server.wait()


def get(address: str, path: str) -> dict[str, object]:
    """Return a JSON response of the API."""
    with urllib.request.urlopen(address + path) as answer:  # loopback address
        return json.load(answer)  # type: ignore[no-any-return]  # JSON


def compare(project: Project, home: Path) -> list[str]:
    """Run one project without and with akastats; return the differences."""
    source, python = prepare(project, home)
    problems = []
    for spread in ((), ("-n", "2")):
        for number in range(ROUNDS):
            bare = pytest_run(source, python, project, spread)
            ours = pytest_run(source, python, project, (*spread, "--akastats", "--akastats-wait=60"))
            if bare != ours:
                differing = (bare.outcomes - ours.outcomes) + (ours.outcomes - bare.outcomes)
                problems.append(f"{spread} round {number}: {bare.exit_code} {ours.exit_code} {differing}")
            print(".", end="", flush=True)
    with serving(python, source) as address:
        problems += check_histories(address)
    return problems


def check_histories(address: str) -> list[str]:
    """Return the problems: runs that the API does not have, and tests without all of their points."""
    runs = get(address, "/api/v1/runs?limit=100")["items"]
    assert isinstance(runs, list)
    problems = [] if len(runs) == 2 * ROUNDS else [f"{len(runs)} runs instead of {2 * ROUNDS}"]
    counts = {json.dumps({name: run.get(name) for name in COUNTS}) for run in runs}
    if len(counts) != 1:
        problems.append(f"the runs' counts differ: {counts}")
    expected: Counter[str] = Counter()
    for run_ in runs:
        tests = get(address, f"/api/v1/runs/{run_['id']}/profile")["tests"]
        assert isinstance(tests, dict)
        expected.update(
            nodeid
            for nodeid, outcome in zip(tests["nodeid"], tests["outcome"], strict=True)
            if outcome != "skipped"
        )
    for nodeid, points in expected.items():
        path = f"/api/v1/tests/{urllib.parse.quote(nodeid, safe='')}/history?limit=1000"
        points_of_test = get(address, path)["items"]
        assert isinstance(points_of_test, list)
        if len(points_of_test) != points:
            problems.append(f"{nodeid}: {len(points_of_test)} points instead of {points}")
    print(f" {len(runs)} runs, {len(expected)} tests with histories, {runs[0]['tests']} tests per run", end="")
    return problems


COUNTS = ("tests", "passed", "failed", "errors", "skipped", "xfailed", "xpassed", "exit_code", "status")


def main() -> int:
    """Compare the projects of the command line, by default all; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="*", choices=[*PROJECTS, []], default=list(PROJECTS))
    failed = False
    for name in parser.parse_args().projects:
        print(f"{name} {PROJECTS[name].version} ", end="", flush=True)
        with tempfile.TemporaryDirectory() as home:
            problems = compare(PROJECTS[name], Path(home))
        print(": the same" if not problems else f": {len(problems)} differences")
        for problem in problems[:20]:
            print(f"  {problem[:500]}")
        failed |= bool(problems)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
