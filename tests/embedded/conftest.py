"""Give each test its own project directory, run users in separate processes, and check that no process remains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from akastats import embedded
from tests.embedded.processes import ShortDirectories, User, short_directories

__all__ = ["short_directories"]


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, short_directories: ShortDirectories) -> Path:
    """A short path, for sockets; no server program on PATH, so that the packaged one is used."""
    for name in ("XDG_RUNTIME_DIR", "AKA_STATS_SERVER_BINARY", "PYTHONWARNINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(embedded.__file__).parents[2]))
    return short_directories.create(monkeypatch, PATH="bin", TMPDIR="tmp", XDG_STATE_HOME="state")


@pytest.fixture
def directory(project: Path) -> Path:
    return project / ".akastats"


@pytest.fixture
def use(directory: Path) -> Iterator[Callable[..., embedded.Lease]]:
    """Return `embedded.use` for the test's directory by default; every lease is released at the end."""
    leases: list[embedded.Lease] = []

    def use_and_note(where: Path = directory, timeout_s: float = 15.0) -> embedded.Lease:
        leases.append(embedded.use(where, timeout_s))
        return leases[-1]

    yield use_and_note
    for lease in leases:
        lease.release()


@pytest.fixture
def user(directory: Path) -> Iterator[Callable[[], User]]:
    """Start a user in a process of its own; all are gone at the end."""
    users: list[User] = []

    def start() -> User:
        users.append(User(directory))
        return users[-1]

    yield start
    for one in users:
        if one.process.returncode is None:
            one.kill()
