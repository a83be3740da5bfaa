"""Data that is not ours is not served: what a repository, a stranger or an archive brings along."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import redis

from akastats.embedded import contents, ownership
from conftest import eventually
from tests.embedded.processes import servers_of
from tests.embedded.test_contents import command


def write(lease, name="name"):
    with redis.Redis.from_url(lease.url) as client:
        client.set(name, "value")


def read(lease, name="name"):
    with redis.Redis.from_url(lease.url) as client:
        return client.get(name)


@pytest.fixture
def ended(use, directory):
    """Data of a server that has ended, written here."""
    lease = use()
    write(lease)
    lease.release()
    eventually(lambda: not servers_of(directory))
    return directory / "server"


def other_machine(monkeypatch, project):
    """From here on it is another machine, which has never seen the data."""
    (project / "elsewhere").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(project / "elsewhere"))


def brought(ended, *words):
    """Add a command to the data, as a malicious publisher would."""
    [file] = ended.glob("appendonlydir/*.incr.aof")
    file.write_bytes(file.read_bytes() + command(*words))


@pytest.mark.parametrize("link", [".akastats", "server", "server/appendonlydir", "server/server.log"])
def test_a_link_is_not_followed(use, directory, project, link):
    """What it names keeps its mode and its contents; the statistics go to the user's own directory."""
    target = project / "target"
    target.mkdir()
    target.chmod(0o755)
    (target / "file").write_text("kept")
    (target / "server").mkdir(mode=0o755)
    place = directory if link == ".akastats" else directory / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target / "file" if link.endswith("log") else target)

    lease = use()
    write(lease)

    assert lease.directory.parent == project / "state" / "akastats"
    assert "is not used: it is a symbolic link" in lease.notice
    assert sorted(file.name for file in target.iterdir()) == ["file", "server"]
    assert (target / "server").stat().st_mode & 0o777 == 0o755
    assert (target / "file").read_text() == "kept"
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
@pytest.mark.parametrize("name", ["", "server", "server/appendonlydir/appendonly.aof.1.incr.aof"])
def test_data_of_another_user_is_not_used(use, ended, project, name):
    """Not even a single file of it, and not by root."""
    os.chown(ended.parent / name, 12345, 12345)

    lease = use()

    assert read(lease) is None
    assert "belongs to user 12345" in lease.notice
    assert lease.directory.parent == project / "state" / "akastats"


def test_tracked_data_is_not_used(use, ended, project):
    """Anyone who can commit could make the server execute commands; the notice shows how to stop tracking."""
    subprocess.run(["git", "init", "-q"], cwd=project, check=True, env={"PATH": "/usr/bin:/bin"})
    subprocess.run(["git", "add", "-f", ".akastats"], cwd=project, check=True, env={"PATH": "/usr/bin:/bin"})

    lease = use()

    assert read(lease) is None
    assert "git rm -r --cached .akastats" in lease.notice


def test_data_of_another_machine_is_read_before_it_is_served(use, ended, project, monkeypatch):
    """A CI's cache brings it to a new machine each time: harmless data is served without a word."""
    other_machine(monkeypatch, project)

    lease = use()

    assert (read(lease), lease.notice) == (b"value", None)


@pytest.mark.parametrize("words", [(b"EVAL", b"return 1", b"0"), (b"REPLICAOF", b"127.0.0.1", b"1")])
def test_commands_of_another_machine_are_not_executed(use, ended, project, monkeypatch, words):
    """The server is not started over them; the data stays where it is."""
    brought(ended, *words)
    other_machine(monkeypatch, project)

    lease = use()

    assert read(lease) is None
    assert f"contains the command {words[0].decode()}" in lease.notice
    assert lease.directory.parent == project / "elsewhere" / "akastats"
    assert not servers_of(ended.parent)


def test_data_is_read_once(use, ended, monkeypatch, project):
    """A seal of this user spares the next start the reading, and another user's seal does not."""
    other_machine(monkeypatch, project)
    write(use())
    for pid in servers_of(ended.parent):
        os.kill(pid, 9)
    read_files = []
    monkeypatch.setattr(contents, "find_foreign_content", lambda files: read_files.append(files) or "")

    ownership.check_data(ended, os.environ)
    assert read_files == []

    monkeypatch.setenv("XDG_STATE_HOME", str(project / "third"))
    ownership.check_data(ended, os.environ)
    assert len(read_files) == 1


def test_a_copied_seal_seals_nothing(use, ended, project, monkeypatch):
    """It is of one directory: whoever publishes a copy of a user's data publishes its seal too."""
    shutil.copytree(ended.parent, project / "clone" / ".akastats", ignore=shutil.ignore_patterns("*.sock"))
    brought(project / "clone" / ".akastats" / "server", b"EVAL", b"return 1", b"0")

    lease = use(project / "clone" / ".akastats")

    assert "contains the command EVAL" in lease.notice


def test_damage_of_another_machine_is_cut_off_first(use, ended, project, monkeypatch):
    """Damaged data from a cache is repaired as local data is, and the rest is checked."""
    [file] = ended.glob("appendonlydir/*.incr.aof")
    file.write_bytes(file.read_bytes() + b"garbage\n" * 10 + command(b"EVAL", b"return 1", b"0"))
    other_machine(monkeypatch, project)

    lease = use()

    assert read(lease) == b"value"
    assert "was damaged" in lease.notice


def test_replication_and_module_commands_are_disabled(use):
    """A statistics server needs neither command, and sealed data may still be changed by another program."""
    with redis.Redis.from_url(use().url) as client:
        for words in (("REPLICAOF", "127.0.0.1", "1"), ("MODULE", "LIST"), ("DEBUG", "JMAP"), ("MIGRATE", "x")):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                client.execute_command(*words)


def test_a_copy_that_a_group_may_write_to_is_closed_and_served(use, ended):
    """As `cp` and `unzip` make it with a umask of 002."""
    for folder in (ended.parent, ended, ended / "appendonlydir"):
        folder.chmod(0o775)

    lease = use()

    assert (read(lease), lease.notice) == (b"value", None)
    assert (ended / "appendonlydir").stat().st_mode & 0o777 == 0o700


def test_data_that_a_group_could_change_is_read_before_it_is_served(use, ended):
    """The seal is older than the time at which another user could write there."""
    brought(ended, b"EVAL", b"return redis.call('SET', 'name', 'evil')", b"0")
    (ended / "appendonlydir").chmod(0o770)

    lease = use()

    assert read(lease) is None
    assert "was not written on this machine" in lease.notice
