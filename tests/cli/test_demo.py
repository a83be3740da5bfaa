"""`make demo`, without serving."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import eventually
from tests.embedded.processes import processes_of

SCRIPT = Path(__file__).parents[2] / "examples" / "demo" / "run.py"
FLAKY = "tests/test_flaky.py::test_talks_to_the_warehouse"
SLOWER = "tests/test_basket.py::TestCheckout::test_slowly"


@pytest.fixture
def record(project):
    """Record the demo below the project."""

    def recorded(home: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "DEMO_SERVE": "0", **variables}
        command = [sys.executable, str(SCRIPT), str(home)]
        return subprocess.run(command, env=environment, capture_output=True, check=False)

    return recorded


@pytest.mark.thorough
def test_the_demo_records_what_it_promises(akastats, project, record):
    """Sixty tests in sixteen runs: one always fails, one is flaky, one becomes slower, and some record numbers."""
    home = project / "demo"

    done = record(home)

    assert (done.returncode, done.stderr) == (0, b"")
    # On a busy machine a run may end before its verdicts exist: those of the last run may be missing.
    eventually(lambda: "akastats.shipper" not in " ".join(processes_of(home).values()), within_s=60)
    runs = akastats("runs", "--json", cwd=home).json["items"]
    assert [run["tests"] for run in runs] == [60] * 16
    assert [run["branch"] for run in runs if run["errors"]] == ["feature/refunds"]
    verdicts = akastats("report", "--json", cwd=home).json["verdicts"]
    assert [test["nodeid"] for test in verdicts["tests"] if test["state"] == "flaky"] == [FLAKY]
    assert SLOWER in [change["nodeid"] for change in verdicts["changes"] if change["is_slower"]]
    outcomes = [item["outcome"] for item in akastats("show", FLAKY, "--json", cwd=home).json["items"]]
    assert outcomes == ["failed", "passed"] * 8
    odd = akastats("show", "tests/test_text.py::test_slug[größe → größer]", "--json", cwd=home).json
    assert len(odd["items"]) == 16
    assert {slow["scope"] for slow in akastats("slowest", "--fixtures", "--json", cwd=home).json["items"]} >= {
        *("session", "package", "module", "class", "function")
    }


@pytest.mark.thorough
def test_a_second_demo_begins_anew(akastats, project, record):
    """The runs of an earlier demo would change the verdicts."""
    home = project / "demo"

    both = [record(home, DEMO_FIRST="1", DEMO_RUNS="1").returncode for _ in range(2)]

    assert (both, len(akastats("runs", "--json", cwd=home).json["items"])) == ([0, 0], 1)


def test_the_history_of_another_project_is_not_deleted(project, record):
    """The demo refuses a directory that it did not create."""
    (project / ".akastats").mkdir()
    (project / ".akastats" / "kept").write_text("")

    done = record(project)

    assert done.returncode == 1
    assert b"was not created by the demo" in done.stderr
    assert (project / ".akastats" / "kept").exists()
    assert not (project / "shop").exists()
