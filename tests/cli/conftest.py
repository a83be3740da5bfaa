"""Commands that run in their own processes and their own project; no process survives its test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.processes import short_directory

COMMAND = [sys.executable, "-c", "from akastats.cli import main; main()"]


@dataclass(frozen=True)
class Answer:
    """Output and exit code of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.out)


Run = Callable[..., Answer]


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project at a short path; its processes must have ended when the test ends."""
    with short_directory(monkeypatch, TMPDIR="tmp", XDG_STATE_HOME="state") as directory:
        (directory / "pytest.ini").write_text("[pytest]\n")
        yield directory


@pytest.fixture
def configured_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable through which the commands use the test's server."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server)


@pytest.fixture
def akastats(project: Path) -> Run:
    """Run `akastats` with arguments in the project or in `cwd`, with additional variables."""

    def run(*arguments: str, cwd: Path = project, **variables: str) -> Answer:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONWARNINGS": "", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        answer = Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in answer.err, answer.err
        return answer

    return run
