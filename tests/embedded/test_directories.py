"""Choose the location of a server if its directory is deep, read-only, or another user's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import redis

from akastats.embedded import directories
from akastats.errors import EmbeddedError
from conftest import eventually
from tests.embedded.processes import processes_of

DEEP = "/".join(["d" * 40] * 4)


def socket_file(lease):
    with redis.Redis.from_url(lease.url) as client:
        assert client.ping()
        return Path(client.connection_pool.connection_kwargs["path"])


def test_long_path_gets_a_short_socket(use, project):
    """A socket path beyond the system's limit moves to a private directory; the data stays in its place."""
    deep = project / DEEP / ".akastats"

    first, second = use(deep), use(deep)

    socket = socket_file(first)
    assert len(os.fsencode(socket)) <= directories.LONGEST_SOCKET
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert (first.directory, second.started) == (deep, False)


def test_long_path_is_shared_across_environments(use, project, monkeypatch):
    """Users with different temporary directories meet at the socket that the first one chose."""
    deep = project / DEEP / ".akastats"
    first = use(deep)
    (project / "other").mkdir()
    monkeypatch.setenv("TMPDIR", str(project / "other"))

    second = use(deep)

    assert (second.url, second.started) == (first.url, False)


def test_lost_runtime_directory_is_made_anew(use, project):
    """After a reboot took the runtime directory away the server starts again."""
    deep = project / DEEP / ".akastats"
    first = use(deep)
    first.release()
    eventually(lambda: not processes_of(project))
    shutil.rmtree(project / "tmp" / f"akastats-{os.geteuid()}")

    assert socket_file(use(deep)).is_socket()


def test_own_runtime_directory_is_preferred(use, project, monkeypatch):
    """XDG_RUNTIME_DIR is used for the short socket when it is ours and private."""
    runtime = project / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    assert socket_file(use(project / DEEP / ".akastats")).parent == runtime / "akastats"


@pytest.mark.parametrize("spoil", ["symlink", "open"])
def test_unsafe_runtime_directory_is_refused(use, project, spoil):
    """A directory that is a link, or open to others, could hand the socket to others: it is refused."""
    folder = project / "tmp" / f"akastats-{os.geteuid()}"
    if spoil == "symlink":
        (project / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(project / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o755)

    with pytest.raises(EmbeddedError, match=f"{folder} is not a directory that only you"):
        use(project / DEEP / ".akastats")


def test_unusable_directory_moves_to_the_state_directory(use, directory, project):
    """If the directory cannot be created, the data goes to a directory of the user, with a notice."""
    directory.write_text("a file is in the way")

    lease = use()

    assert lease.directory.parent == project / "state" / "akastats"
    assert str(lease.directory) in lease.notice
    assert str(directory) in lease.notice
    assert socket_file(lease).is_relative_to(lease.directory)


def test_unwritable_project_moves_to_the_state_directory(use, project):
    """A project that is not writable, not even for root, gets its server in the user's state directory."""
    lease = use(Path("/sys/.akastats"))

    assert lease.directory.parent == project / "state" / "akastats"
    assert "/sys/.akastats cannot be used" in lease.notice


def test_two_unwritable_directories_are_an_error_with_both(use, directory, project):
    """When the user's directory cannot be used either, the error names both and the way out."""
    directory.write_text("")
    (project / "state" / "akastats").write_text("")

    with pytest.raises(EmbeddedError, match=rf"{directory} .* nor in {project}/state.*AKA_STATS_REDIS_URL"):
        use()


def test_open_directory_is_closed(use, directory):
    """A server directory that others could read is closed before anything is written to it."""
    (directory / "server").mkdir(parents=True)
    (directory / "server").chmod(0o755)

    use()

    assert (directory / "server").stat().st_mode & 0o777 == 0o700


def test_existing_gitignore_is_left_alone(use, directory):
    """A .gitignore that the user changed stays as it is."""
    directory.mkdir()
    (directory / ".gitignore").write_text("*\n!spool\n")

    use()

    assert (directory / ".gitignore").read_text() == "*\n!spool\n"
