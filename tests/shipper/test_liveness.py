"""Detection of a dead process: by /proc, else by the lock on its spool."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from akastats import detached
from akastats.delivery.draining import is_dead
from akastats.shipper.lifetime import Lifetime
from akastats.spool.files import is_locked
from akastats.spool.reader import Reader
from akastats.spool.records import RunHeader, decode_content
from akastats.spool.writer import Writer
from tests.delivered_runs import spool

# Opens a spool, prints its path, and exits at the end of its input without closing the spool.
WRITER = """
import json, os, sys
from pathlib import Path
from akastats import detached
from akastats.spool.writer import Writer
writer = Writer(Path(sys.argv[1]), "run-1")
header = {"id": "run-1", "pid": os.getpid(), "pid_mark": sys.argv[2], "process_space": sys.argv[3],
          "locked": writer.is_locked, "started": 1.8e9}
writer.append(json.dumps(["run", header]))
print(writer.path, flush=True)
sys.stdin.read()
os._exit(1)
"""


@pytest.fixture
def _hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide all processes: no /proc, and no output of ps."""
    monkeypatch.setattr(detached, "_read_process", lambda pid: ("", ""))
    monkeypatch.setattr(detached, "get_pid_namespace", lambda: "")


class Recording:
    """A process that writes a spool."""

    def __init__(self, directory: Path, mark: str = "", space: str = "") -> None:
        command = [sys.executable, "-c", WRITER, str(directory), mark, space]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.path = Path(self.process.stdout.readline().decode().strip())
        reader = Reader(self.path)
        (record, *_) = reader.read()
        reader.close()
        header = decode_content(record)
        assert isinstance(header, RunHeader)
        self.header = header

    def end(self, wait: bool = True) -> None:
        """Kill the process; without `wait` it stays a zombie."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
        self.process.stdout.close()
        if wait:
            self.process.wait()


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    """A run in progress."""
    started = Recording(tmp_path / "spool")
    yield started
    assert started.process.stdin is not None
    if not started.process.stdin.closed:
        started.end()
    started.process.wait()


def has_died(recording: Recording) -> bool:
    """Return whether the run's shipper considers the process dead."""

    class Spooled:
        header = recording.header
        end = None

    lifetime = Lifetime(recording.path)
    lifetime.note_run(Spooled())  # type: ignore[arg-type]  # a story's header and end
    return lifetime.has_died()


@pytest.mark.usefixtures("_hidden")
@pytest.mark.parametrize("wait", [True, False], ids=["gone", "zombie"])
def test_a_process_that_no_system_shows_lives_until_it_ends(recording: Recording, wait: bool) -> None:
    """It holds its lock until it ends; a zombie holds none."""
    before = [has_died(recording), is_dead(recording.header, recording.path)]

    recording.end(wait)

    assert [False, False] == before
    assert [True, True] == [has_died(recording), is_dead(recording.header, recording.path)]


def test_a_run_of_another_container_lives(tmp_path: Path) -> None:
    """Its process id belongs to another namespace, so the lock decides."""
    recording = Recording(tmp_path / "spool", mark="another's", space="pid:[1]")

    before = is_dead(recording.header, recording.path)
    recording.end()

    assert [False, True] == [before, is_dead(recording.header, recording.path)]


def test_a_fork_that_outlives_its_run_does_not_prolong_it(tmp_path: Path) -> None:
    """It holds the inherited lock, but /proc shows that the process of the run is gone."""
    writer = Writer(tmp_path / "spool", "run-1")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    space = detached.get_pid_namespace()
    header = RunHeader("run-1", 1.8e9, pid=gone.pid, pid_mark="1", process_space=space, locked=True)

    assert is_locked(writer.path)
    assert is_dead(header, writer.path)


@pytest.mark.usefixtures("_hidden")
def test_a_spool_of_an_older_release_lives_while_its_pid_is_in_use(tmp_path: Path) -> None:
    """It has no lock."""
    path = spool(tmp_path / "spool", ended=False)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    headers = [RunHeader("run-1", 1.8e9, pid=pid, pid_mark="") for pid in (os.getpid(), gone.pid, 0, -1)]
    results = [is_dead(header, path) for header in headers]

    assert [False, True, True, True] == results


def test_a_lock_is_held_while_the_file_is_open(tmp_path: Path) -> None:
    """Also after a test closed all descriptors; checking the lock does not release it."""
    writer = Writer(tmp_path / "spool", "run-1")
    writer.append('["run",{}]')
    seen = [is_locked(writer.path) for _ in range(3)]
    os.close(writer._fd)
    seen.append(is_locked(writer.path))
    writer.append('["began","a",1]')
    seen.append(is_locked(writer.path))
    path = writer.path
    writer.close()

    assert [True, True, True, False, True, False] == [*seen, is_locked(path)]
    assert not is_locked(tmp_path / "none")
