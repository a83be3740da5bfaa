"""The files beside a spool are believed only where nobody else can have put them."""

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
from tests import telling

STRANGER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spool of a project in a shared directory, whose fallback is below the temporary directory."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "shared"))
    (tmp_path / "shared").mkdir()
    return telling.spool(tmp_path / "project" / ".akastats" / "spool", [("a.py::t", "failed", 0.5)])


def fallback(spool: Path) -> Path:
    """Return the fallback directory below the temporary one, made as another user would make it first."""
    place = directories.list_alternatives(spool.parent, os.environ)[-1]
    place.mkdir(parents=True)
    return place


def plant(spool: Path, directory: Path) -> list[Path]:
    """Write what would have a red run end green: a state and a quarantine of the future, and a longer spool."""
    told = State(phase=shipper_state.DONE, answer=None)
    planted = {
        shipper_state.path_for(spool): json.dumps({**vars(told), "answer": {"run": "forged"}}),
        quarantine_list.path_for(spool): json.dumps({"tests": {"a.py::t": "forged"}}),
        spool: spool.read_text() + "forged" * 1000,
    }
    for path, content in planted.items():
        (directory / path.name).write_text(content)
        os.utime(directory / path.name, (time.time() + 10_000,) * 2)
    return [directory / path.name for path in planted]


@needs_root
@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_a_stranger_made_before_us_is_not_read(spool: Path, level: int) -> None:
    """Whichever of the directories below the shared one is theirs."""
    place = fallback(spool)
    plant(spool, place)
    os.chown([place, place.parent, place.parent.parent][level], STRANGER, STRANGER)

    assert_not_believed(spool)


@needs_root
def test_single_files_of_a_stranger_are_not_read(spool: Path) -> None:
    """The directory was open to others for a while, and now it is not."""
    place = fallback(spool)
    for path in plant(spool, place):
        os.chown(path, STRANGER, STRANGER)

    assert_not_believed(spool)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_directory_that_is_open_to_others_is_not_read(spool: Path, mode: int) -> None:
    """Nobody knows who wrote what lies in it."""
    place = fallback(spool)
    plant(spool, place)
    place.chmod(mode)

    assert_not_believed(spool)


@pytest.mark.parametrize("kind", ["directory", "files"])
def test_links_are_not_followed(spool: Path, tmp_path: Path, kind: str) -> None:
    """A file, or a directory above it, that is a link leads to what somebody else has written."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    plant(spool, elsewhere)
    place = directories.list_alternatives(spool.parent, os.environ)[-1]
    place.parent.mkdir(parents=True)
    if kind == "directory":
        place.symlink_to(elsewhere)
    else:
        place.mkdir()
        for path in elsewhere.iterdir():
            (place / path.name).symlink_to(path)

    assert_not_believed(spool)


def assert_not_believed(spool: Path) -> None:
    """Neither state nor quarantine nor a single record comes from the fallback, and all of ours come."""
    assert shipper_state.read(spool) is None
    assert quarantine_list.read(spool) is None
    size = spool.stat().st_size
    reader = Reader(spool, directories.list_alternatives(spool.parent, os.environ))
    while reader.read():
        pass
    assert (reader.path, reader.damaged, os.fstat(reader._fd).st_size) == (spool, 0, size)
    # Ours are believed all the same.
    shipper_state.write(spool, State(phase=shipper_state.FAILED))
    quarantine_list.write(spool, Listed(problem="ours"))
    found = shipper_state.read(spool)
    assert found is not None
    assert found.phase == shipper_state.FAILED
    assert quarantine_list.read(spool) == Listed(problem="ours")


@needs_root
def test_a_spool_of_another_user_is_read_where_it_is_named(spool: Path) -> None:
    """Who names a directory means what lies in it."""
    os.chown(spool, STRANGER, STRANGER)
    with pytest.raises(SpoolError, match="it belongs to user 12345"):
        Reader(spool).read()

    delivery = Delivery(spool, Config(), lambda _: "0", [], is_named=True)

    assert delivery.read()
    assert delivery.builder.run_id


def test_a_project_called_akastats_is_no_fallback(tmp_path: Path) -> None:
    """Its places apart are its own, though they have the same name."""
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
    """An archive that was unpacked with another umask made it so; what is written there is ours alone again."""
    home = tmp_path / ".akastats"
    (home / "spool").mkdir(parents=True)
    for directory in (home, home / "spool"):
        directory.chmod(0o777)

    telling.spool(home / "spool")

    assert [0o755, 0o700] == [directory.stat().st_mode & 0o777 for directory in (home, home / "spool")]


def test_nothing_is_removed_through_a_link(spool: Path, tmp_path: Path) -> None:
    """Another user's link in our fallback's place would have us remove files of any directory."""
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("draft.tmp", "notes.state", spool.name):
        (victim / name).write_text("")
        os.utime(victim / name, (0, 0))
    place = directories.list_alternatives(spool.parent, os.environ)[-1]
    place.parent.mkdir(parents=True)
    place.symlink_to(victim)

    draining.tidy(place, [], time.time)
    draining.remove(spool)

    assert len(list(victim.iterdir())) == 3
    assert not spool.exists()
