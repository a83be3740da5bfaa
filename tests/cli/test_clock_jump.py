"""Commands while the machine's clock is wrong: data that Redis expires is restored from a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import eventually
from tests.cli.conftest import COMMAND

FAKETIME = shutil.which("faketime")


def ended(project: Path) -> None:
    eventually(lambda: not (project / ".akastats" / "server" / "server.pid").exists(), within_s=15)


@pytest.mark.skipif(FAKETIME is None, reason="needs Debian's package faketime")
@pytest.mark.thorough
def test_clock_of_2036_costs_no_run(akastats, project):
    """The copy that the notices and `doctor` name contains every run once; merging it twice adds nothing."""
    (project / "test_a.py").write_text("def test_a(): pass\ndef test_b(): assert False\n")
    for _ in range(2):
        recorded = [sys.executable, "-m", "pytest", "-q", "--akastats", "-p", "no:randomly"]
        subprocess.run(recorded, cwd=project, check=False, capture_output=True, timeout=60)
    akastats("drain")
    before = [akastats(*command, "--json").json for command in (("runs",), ("show", "test_a.py::test_b"))]
    ended(project)

    ahead = subprocess.run(
        [str(FAKETIME), "2036-01-01 00:00:00", *COMMAND, "runs"],
        cwd=project,
        env={**os.environ, "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ended(project)
    back = akastats("runs")
    doctor = akastats("doctor").out

    [copy] = (project / ".akastats" / "server").glob("before-clock-jump-*")
    assert "No runs yet" in back.out
    assert f"akastats merge {copy}" in " ".join(ahead.stderr.split())
    assert f"akastats merge {copy}` to add the earlier runs" in " ".join(back.err.split())
    assert f"akastats merge {copy}" in " ".join(doctor.split())

    for added in ("2", "0"):
        answer = akastats("merge", str(copy))
        assert answer.code == 0, answer.err
        assert answer.out.splitlines()[1].split()[1] == added
    assert "clock" not in answer.err
    assert [akastats(*command, "--json").json for command in (("runs",), ("show", "test_a.py::test_b"))] == before
