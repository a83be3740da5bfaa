"""Processes seen from outside: users to start and kill, servers and keepers to find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
