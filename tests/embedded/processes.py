"""Processes of a directory: users that can be started and killed, servers and keepers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import eventually

USER = """
import json, sys
from pathlib import Path
from akastats import embedded
lease = embedded.use(Path(sys.argv[1]))
print(json.dumps({"url": lease.url, "started": lease.started}), flush=True)
sys.stdin.read()
"""


def processes_of(directory: Path) -> dict[int, str]:
    """Return the command lines of the servers and keepers that belong to `directory`, by process number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            folder = os.readlink(entry / "cwd")
        except OSError:
            continue
        if command and (_mentions(entry, command, directory) or folder.startswith(str(directory))):
            found[int(entry.name)] = command
    return found


def _mentions(entry: Path, command: str, directory: Path) -> bool:
    """Return whether a process was started for a directory; our helper processes have it in their environment."""
    if str(directory) in command:
        return True
    try:
        return "akastats." in command and os.fsencode(directory) in (entry / "environ").read_bytes()
    except OSError:
        return False


def keepers_of(directory: Path) -> list[int]:
    return [pid for pid, command in processes_of(directory).items() if "akastats.embedded.keeper" in command]


def servers_of(directory: Path) -> list[int]:
    return [pid for pid, command in processes_of(directory).items() if command.split()[1:2] == ["akastats"]]


class ShortDirectories:
    """Directories with short paths, for sockets, in which no process may remain.

    A server ends a second after its last user, so `close` waits once for those of all tests.
    """

    def __init__(self) -> None:
        self._directories: list[Path] = []

    def create(self, monkeypatch: pytest.MonkeyPatch, **variables: str) -> Path:
        """Create a directory, and a subdirectory per variable."""
        directory = Path(tempfile.mkdtemp(prefix="aka-", dir="/tmp")).resolve()
        self._directories.append(directory)
        for variable, name in variables.items():
            (directory / name).mkdir()
            monkeypatch.setenv(variable, str(directory / name))
        return directory

    def close(self) -> None:
        """Delete the directories when the processes in them have ended, within 15 s."""
        try:
            for directory in self._directories:
                eventually(lambda directory=directory: not processes_of(directory), within_s=15)
        finally:
            for directory in self._directories:
                for pid in processes_of(directory):
                    os.kill(pid, signal.SIGKILL)
                shutil.rmtree(directory)


@pytest.fixture(scope="module")
def short_directories() -> Iterator[ShortDirectories]:
    """Return short directories, whose processes must have ended at the end of the module."""
    directories = ShortDirectories()
    yield directories
    directories.close()


class User:
    """A process that uses the server of a directory until it must leave, or is killed."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def lease(self) -> dict[str, Any]:
        """Wait for its lease and return it."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())  # type: ignore[no-any-return]  # json knows no types

    def leave(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
