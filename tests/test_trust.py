"""Files and directories that another user can change are not trusted."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IFDIR, S_IFLNK, S_IFREG

import pytest

from akastats import trust

OTHER = 54321


def status(mode: int, uid: int) -> os.stat_result:
    """Return the status of a file with this mode and owner."""
    return os.stat_result((mode, 0, 0, 1, uid, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "uid", "reason"),
    [
        (S_IFREG | 0o644, os.geteuid(), ""),
        (S_IFREG | 0o644, trust.ROOT, ""),
        (S_IFDIR | 0o755, os.geteuid(), ""),
        (S_IFDIR | 0o1777, trust.ROOT, ""),
        (S_IFDIR | 0o777, trust.ROOT, "others may write to it (mode 777)"),
        (S_IFREG | 0o620, os.geteuid(), "others may write to it (mode 620)"),
        (S_IFREG | 0o1602, os.geteuid(), "others may write to it (mode 1602)"),
        (S_IFREG | 0o644, OTHER, f"it belongs to user {OTHER}, not to user {os.geteuid()}"),
        (S_IFLNK | 0o777, os.geteuid(), "it is a symbolic link"),
    ],
)
def test_owner_and_mode_decide(mode: int, uid: int, reason: str) -> None:
    """Only this user and root are trusted; the sticky bit protects directories alone."""
    assert reason == trust.explain_distrust(status(mode, uid))


def test_a_directory_is_checked(tmp_path: Path) -> None:
    """One that does not exist is trusted; a file and a link are not."""
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "private").mkdir(mode=0o700)

    names = ("private", "missing", "file", "link", "file/below")
    assert ["", "", "it is not a directory", "it is a symbolic link", "Not a directory"] == [
        trust.check_directory(tmp_path / name) for name in names
    ]


def test_permissions_of_others_are_removed(tmp_path: Path) -> None:
    """Permissions of the owner stay, and the target of a link is not changed."""
    for name in ("open", "target"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o577)
    (tmp_path / "link").symlink_to(tmp_path / "target")

    for name in ("open", "link", "missing"):
        trust.restrict_to_owner(tmp_path / name)

    assert [0o500, 0o577] == [(tmp_path / name).stat().st_mode & 0o777 for name in ("open", "target")]


def test_a_private_file_is_created_once(tmp_path: Path) -> None:
    """It has its complete content, and its draft is removed."""
    path = tmp_path / "file"

    trust.create_private_file(path, b"content")
    with pytest.raises(FileExistsError):
        trust.create_private_file(path, b"other")

    assert trust.read_trusted(path) == b"content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [path] == list(tmp_path.iterdir())


def test_a_file_that_others_may_write_is_read_only_if_the_user_names_it(tmp_path: Path) -> None:
    """Another user could have written it."""
    path = tmp_path / "file"
    path.write_text("content")
    path.chmod(0o666)

    with pytest.raises(PermissionError, match="others may write to it"):
        trust.read_trusted(path)
    os.close(trust.open_trusted(path, is_named=True))


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Opening it would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="it is not a regular file"):
        trust.open_trusted(tmp_path / "pipe", is_named=True)
