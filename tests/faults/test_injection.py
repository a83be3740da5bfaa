"""Row 31: an error at every call of ours in the process of the tests leaves the tests' own outcome as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.driver import normalised, split_ours
from tests.faults.injector import EXCEPTIONS
from tests.faults.table import Row, Rows

SUITE = {
    "pytest.ini": "[pytest]\n",
    "conftest.py": """
import pytest
@pytest.fixture(scope="session")
def of_session(akastats_stat):
    akastats_stat("session", 1)
    yield
@pytest.fixture
def broken(): raise RuntimeError("in a fixture")
@pytest.fixture
def breaks_later():
    yield
    raise RuntimeError("in a teardown")
""",
    "test_a.py": """
import pytest
@pytest.fixture
def outer(request, of_session):
    request.getfixturevalue("inner")
    yield
@pytest.fixture
def inner(): yield
def test_passes(outer): pass
def test_fails(): assert 12 == 13
def test_errs(broken): pass
def test_errs_later(breaks_later): pass
@pytest.mark.skip
def test_skips(): pass
@pytest.mark.xfail
def test_xfails(): assert 0
class TestStat:
    def setup_method(self): pass
    def test_takes(self, stat):
        stat("rows", 12, b"bytes")
        with stat.timer("load"): pass
        stat.exception(ValueError("x"))
    def test_takes_again(self, stat): stat("rows", 13, "text")
def test_last(of_session): pass
""",
    "test_b.py": "import does_not_exist\n",
}
DONE = {
    "phase": "done",
    "applied": 9,
    "server": "redis://s",
    "message": "",
    "notice": "a notice",
    "answer": {
        "run": "r",
        "counts": {"tests": 9},
        "tests": [{"name": "t" * 99, "seconds": 1.5, "usual": None}],
        "fixtures": [{"name": "f", "seconds": 99.0, "usual": 0.5}],
    },
}
#: Reports at once that the run is delivered; the last argument in the variable is the spool.
SHIPPER = r"""#!/bin/sh
spool=$(printf %s "$AKA_STATS_DETACHED" | sed 's/.*"\([^"]*\)"]$/\1/')
cp {done} "$spool.new" && mv "$spool.new" "${{spool%.aks}}.state"
"""
PLAIN = ("-rA", "--tb=short", "--continue-on-collection-errors")
OURS = (*PLAIN, "--akastats", "--akastats-url=redis://127.0.0.1:1")

#: The processes that run our code: delivered at once, never delivered, and a worker.
ROLES = {
    "delivered": {"shipper": "shipper", "arguments": [*OURS, "--akastats-wait=5"], "worker": False},
    "silent": {"shipper": "/bin/true", "arguments": [*OURS, "--akastats-wait=0.03"], "worker": False},
    "worker": {"shipper": "/bin/true", "arguments": list(OURS), "worker": True},
}
ALWAYS = 10**9


@dataclass(frozen=True)
class Outcome:
    """What a run came to: pytest's exit code or what it raised, each phase, and what the terminal said."""

    code: int
    raised: str
    phases: list[list[str]]
    output: str
    ours: list[str]


class Injector:
    """One process that runs the suite again and again; see `injector.py`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        for name, source in SUITE.items():
            (directory / "suite").mkdir(exist_ok=True)
            (directory / "suite" / name).write_text(source)
        (directory / "done").write_text(json.dumps(DONE))
        shipper = directory / "shipper"
        shipper.write_text(SHIPPER.format(done=directory / "done"))
        shipper.chmod(0o700)
        script = Path(__file__).with_name("injector.py")
        self._process = subprocess.Popen(
            [sys.executable, script, directory],
            env={**os.environ, "PYTEST_ADDOPTS": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.names: list[str] = self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def run(
        self, role: str, point: int = -1, raises: str = "OSError", times: int = ALWAYS, arguments: Any = None
    ) -> tuple[Outcome, list[int]]:
        """Run the suite in a role; return what came of it and which points were reached."""
        job: dict[str, Any] = {**ROLES[role], "point": point, "raises": raises, "times": times}
        if job["shipper"] == "shipper":
            job["shipper"] = str(self._directory / "shipper")
        job["arguments"] = arguments or job["arguments"]
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        told = self._answer()
        ours, output = split_ours(normalised(told["output"], self._directory, ()))
        return Outcome(told["code"], told["raised"], told["phases"], output, ours), told["reached"]

    def close(self) -> None:
        """End the process."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@pytest.fixture
def injector(tmp_path: Path) -> Iterator[Injector]:
    """A process that runs a suite with an error at a point of our code."""
    started = Injector(tmp_path)
    yield started
    started.close()


def is_as_bare(bare: Outcome, ran: Outcome) -> bool:
    """Whether a run came to what the bare one came to, with at most one line that warns."""
    warnings = [line for line in ran.ours if line.startswith("akastats: not")]
    same = (bare.code, bare.raised, bare.phases, bare.output) == (ran.code, ran.raised, ran.phases, ran.output)
    return same and len(warnings) <= 1


#: The functions that wait for the delivery; `__init__` is that of `DeliveryTimeout`.
WAITING = ("_wait", "wait", "show", "_progress", "__init__", "is_over", "_hear")


def is_passed_on(bare: Outcome, ran: Outcome, name: str) -> bool:
    """Whether an interrupt reached pytest: the run did not end as if there had been none."""
    # While we wait for the delivery the run is over in all but name: an interrupt ends the waiting alone.
    waits = any(f" {function}:" in name for function in WAITING)
    return waits or (bare.code, bare.raised, bare.phases) != (ran.code, ran.raised, ran.phases)


def broken_promises(
    injector: Injector, role: str, kind: str = "", times: int = ALWAYS, every: int = 1
) -> tuple[int, list[str]]:
    """Raise an error of a kind at every point that a role reaches; without a kind each point gets its own.

    Returns how many runs there were, and where the outcome was another.
    """
    bare, _ = injector.run(role, arguments=PLAIN)
    healthy, reached = injector.run(role)
    assert (bare.code, bare.phases, bare.output) == (healthy.code, healthy.phases, healthy.output)
    assert (role == "delivered") == any("recorded as run r" in line for line in healthy.ours)
    if role == "silent":
        # All else is as where the run is delivered.
        reached = sorted({*reached} - {*injector.run("delivered")[1]})
    broken = []
    for point in reached[::every]:
        raises = kind or KINDS[point % len(KINDS)]
        ran, _ = injector.run(role, point, raises, times)
        name = injector.names[point]
        passes = raises in ("KeyboardInterrupt", "SystemExit")
        if not (is_passed_on(bare, ran, name) if passes else is_as_bare(bare, ran)):
            broken.append(f"{raises} at {name}: {ran.code} {ran.raised} {ran.ours}")
    return len(reached[::every]), broken


KINDS = [kind.__name__ for kind in EXCEPTIONS]


@pytest.mark.parametrize("role", ROLES)
def test_an_error_of_ours_changes_no_outcome(injector: Injector, role: str) -> None:
    """At each eleventh call of ours, each time it is reached, an exception: the run is as the bare one."""
    runs, broken = broken_promises(injector, role, every=11)

    assert not broken, f"{len(broken)} of {runs}:\n" + "\n".join(broken)


@pytest.mark.thorough
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_error_of_ours_changes_an_outcome(injector: Injector, row: Rows, kind: str, role: str) -> None:
    """At every call of ours, each time it is reached, each of eight exceptions: the run is as the bare one."""
    runs, broken = broken_promises(injector, role, kind)

    provocation = (
        f"{kind} at each of {runs} calls of akastats ({role}), every time: {runs - len(broken)} unchanged runs"
    )
    row.tell(Row("31", provocation, 0, 0, 0, outcomes_equal=not broken))
    assert not broken, f"{len(broken)} of {runs}:\n" + "\n".join(broken)


@pytest.mark.thorough
@pytest.mark.parametrize("role", ROLES)
def test_a_single_error_of_ours_changes_no_outcome(injector: Injector, row: Rows, role: str) -> None:
    """At every call of ours, the first time alone, one of eight exceptions: the run is as the bare one."""
    runs, broken = broken_promises(injector, role, times=1)

    provocation = (
        f"one error at each of {runs} calls of akastats ({role}), once: {runs - len(broken)} unchanged runs"
    )
    row.tell(Row("31", provocation, 0, 0, 0, outcomes_equal=not broken))
    assert not broken, f"{len(broken)} of {runs}:\n" + "\n".join(broken)


def test_three_errors_switch_the_recording_off(injector: Injector) -> None:
    """What fails each time is told once, with the word that nothing more was recorded."""
    _, reached = injector.run("silent")
    (point,) = [each for each in reached if "_finish: self._append" in injector.names[each]]

    once, _ = injector.run("silent", point, times=1)
    always, _ = injector.run("silent", point)

    (told,) = [line for line in once.ours if "not everything" in line]
    assert told.endswith("recorded: OSError: injected")
    (told,) = [line for line in always.ours if "not everything" in line]
    assert told.endswith("recorded: OSError: injected; switched off after 3 errors")
