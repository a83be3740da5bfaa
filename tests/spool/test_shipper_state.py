"""Files beside a spool are read only if no other user can have written them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from akastats.config import Config
from akastats.delivery import draining
from akastats.delivery.spool_delivery import Delivery
from akastats.errors import SpoolError
from akastats.spool import directories, quarantine_list, shipper_state
from akastats.spool.quarantine_list import Listed
from akastats.spool.reader import Reader
from akastats.spool.shipper_state import State
from tests import delivered_runs

STRANGER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spool of a project in a shared directory, whose fallback is below the temporary directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    return delivered_runs.spool(tmp_path / "project" / ".akastats" / "spool", [("a.py::t", "failed", 0.5)])


def fallback(spool: Path) -> Path:
    """Create the fallback directory as another user would, and return it."""
    directory = directories.list_alternatives(spool.parent, os.environ)[-1]
    directory.mkdir(parents=True)
    return directory


def plant(spool: Path, directory: Path) -> list[Path]:
    """Write files that would make a failed run pass: a future state and quarantine list, and a longer spool."""
    state = State(phase=shipper_state.DONE, answer=None)
    planted = {
        shipper_state.path_for(spool): json.dumps({**vars(state), "answer": {"run": "forged"}}),
        quarantine_list.path_for(spool): json.dumps({"tests": {"a.py::t": "forged"}}),
        spool: spool.read_text() + "forged" * 1000,
    }
    for path, content in planted.items():
        (directory / path.name).write_text(content)
        os.utime(directory / path.name, (time.time() + 10_000,) * 2)
    return [directory / path.name for path in planted]


@needs_root
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_directory_that_another_user_made_first_is_not_read(spool: Path, level: int) -> None:
    """Whichever directory below the shared one belongs to that user."""
    directory = fallback(spool)
    plant(spool, directory)
    os.chown([directory, directory.parent, directory.parent.parent][level], STRANGER, STRANGER)

    assert_not_read(spool)


@needs_root
def test_single_files_of_another_user_are_not_read(spool: Path) -> None:
    """The directory was world-writable for some time."""
    directory = fallback(spool)
    for path in plant(spool, directory):
        os.chown(path, STRANGER, STRANGER)

    assert_not_read(spool)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_directory_that_is_open_to_others_is_not_read(spool: Path, mode: int) -> None:
    """Any user may have written its files."""
    directory = fallback(spool)
    plant(spool, directory)
    directory.chmod(mode)

    assert_not_read(spool)


@pytest.mark.parametrize("kind", ["directory", "files"])
def test_links_are_not_followed(spool: Path, tmp_path: Path, kind: str) -> None:
    """A link leads to files of another user."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    plant(spool, elsewhere)
    directory = directories.list_alternatives(spool.parent, os.environ)[-1]
    directory.parent.mkdir(parents=True)
    if kind == "directory":
        directory.symlink_to(elsewhere)
    else:
        directory.mkdir()
        for path in elsewhere.iterdir():
            (directory / path.name).symlink_to(path)

    assert_not_read(spool)


def assert_not_read(spool: Path) -> None:
    """Check that nothing is read from the fallback, and everything from the own files."""
    assert shipper_state.read(spool) is None
    assert quarantine_list.read(spool) is None
    size = spool.stat().st_size
    reader = Reader(spool, directories.list_alternatives(spool.parent, os.environ))
    while reader.read():
        pass
    assert (reader.path, reader.damaged, os.fstat(reader._fd).st_size) == (spool, 0, size)
    # Own files are still read.
    shipper_state.write(spool, State(phase=shipper_state.FAILED))
    quarantine_list.write(spool, Listed(problem="ours"))
    state = shipper_state.read(spool)
    assert state is not None
    assert state.phase == shipper_state.FAILED
    assert quarantine_list.read(spool) == Listed(problem="ours")


@needs_root
def test_a_spool_of_another_user_is_read_if_it_is_named(spool: Path) -> None:
    """A user who names a directory trusts its content."""
    os.chown(spool, STRANGER, STRANGER)
    with pytest.raises(SpoolError, match="it belongs to user 12345"):
        Reader(spool).read()

    delivery = Delivery(spool, Config(), lambda _: "0", [], is_named=True)

    assert delivery.read()
    assert delivery.builder.run_id


def test_a_project_called_akastats_is_no_fallback(tmp_path: Path) -> None:
    """Its fallbacks are its own, despite the name."""
    environ = {"HOME": str(tmp_path)}
    called_so = tmp_path / "akastats" / ".akastats" / "spool"
    another = tmp_path / "akastats-2" / ".akastats" / "spool"

    assert (
        directories.list_alternatives(called_so, environ)[0]
        == list(directories.list_candidates(called_so.parent, environ))[1]
    )
    assert not set(directories.list_alternatives(called_so, environ)) & set(
        directories.list_alternatives(another, environ)
    )


def test_a_project_directory_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    """An archive may have been unpacked with another umask."""
    home = tmp_path / ".akastats"
    (home / "spool").mkdir(parents=True)
    for directory in (home, home / "spool"):
        directory.chmod(0o777)

    delivered_runs.spool(home / "spool")

    assert [0o755, 0o700] == [directory.stat().st_mode & 0o777 for directory in (home, home / "spool")]


def test_nothing_is_removed_through_a_link(spool: Path, tmp_path: Path) -> None:
    """A link in the place of the fallback could lead to any directory."""
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("draft.tmp", "notes.state", spool.name):
        (victim / name).write_text("")
        os.utime(victim / name, (0, 0))
    directory = directories.list_alternatives(spool.parent, os.environ)[-1]
    directory.parent.mkdir(parents=True)
    directory.symlink_to(victim)

    draining.tidy(directory, [], time.time)
    draining.remove(spool)

    assert len(list(victim.iterdir())) == 3
    assert not spool.exists()
