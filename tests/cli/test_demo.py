"""`make demo`, without serving."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "demo" / "run.py"


def test_the_demo_records_what_it_promises(akastats, project):
    """Sixty tests a run, one that always fails, one that fails every second time, numbers of their own."""
    home = project / "demo"
    environment = {**os.environ, "DEMO_SERVE": "0", "DEMO_RUNS": "2"}

    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(home)], env=environment, capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
    runs = akastats("runs", "--json", cwd=home).json["items"]
    assert [(run["tests"], run["failed"], run["errors"]) for run in runs] == [(60, 2, 0), (60, 1, 0)]
    flaky = akastats("show", "tests/test_flaky.py::test_talks_to_the_warehouse", "--json", cwd=home).json
    assert [item["outcome"] for item in flaky["items"]] == ["failed", "passed"]
    odd = akastats("show", "tests/test_text.py::test_slug[größe → größer]", "--json", cwd=home).json
    assert len(odd["items"]) == 2
    assert {slow["scope"] for slow in akastats("slowest", "--fixtures", "--json", cwd=home).json["items"]} >= {
        *("session", "package", "module", "class", "function")
    }
