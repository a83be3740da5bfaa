"""Commands that run in their own processes and their own project; no process survives its test."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.processes import ShortDirectories, short_directories
from tests.forks import Forks

__all__ = ["short_directories"]

COMMAND = [sys.executable, "-c", "from akastats.cli import main; main()"]
#: Long enough for a busy machine.
ENDS_S = 60


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
def project(monkeypatch: pytest.MonkeyPatch, short_directories: ShortDirectories) -> Path:
    """An empty project at a short path; its processes must have ended at the end of the module."""
    directory = short_directories.create(monkeypatch, TMPDIR="tmp", XDG_STATE_HOME="state")
    (directory / "pytest.ini").write_text("[pytest]\n")
    return directory


@pytest.fixture
def configured_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable through which the commands use the test's server."""
    monkeypatch.setenv("AKA_STATS_REDIS_URL", server)


def run_forked(forks: Forks, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Answer:
    """Run a command in a fork."""
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
        code = forks.run(arguments, cwd, environment, Path(out.name), Path(err.name), ENDS_S)
        return Answer(code, out.read().decode(), err.read().decode())


@pytest.fixture
def akastats(project: Path, command_forks: Forks) -> Run:
    """Run `akastats` with arguments in the project or in `cwd`, with additional variables."""

    def run(*arguments: str, cwd: Path = project, **variables: str) -> Answer:
        environment = {**os.environ, "PYTHONWARNINGS": "", **variables}
        answer = run_forked(command_forks, arguments, cwd, environment)
        assert "Traceback" not in answer.err, answer.err
        return answer

    return run
