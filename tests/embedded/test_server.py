"""One server a directory, whoever races; and what a crash leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from akastats.errors import EmbeddedError
from conftest import eventually
from tests.embedded.processes import servers_of

# Debian's, of another kind and older than the packaged one.
DEBIAN = "/usr/bin/redis-server"

RACER = """
import socket, sys
from pathlib import Path
from urllib.parse import unquote
from akastats import embedded
sys.stdin.readline()
lease = embedded.use(Path(sys.argv[1]))
connection = socket.socket(socket.AF_UNIX)
connection.connect(unquote(lease.url.removeprefix("unix://")))
for _ in range(50):
    connection.sendall(b"INCR races\\r\\n")
    connection.recv(100)
print(lease.started, flush=True)
sys.stdin.readline()
"""


def test_eight_racers_get_one_server(use, directory):
    """Of eight processes that ask at once one starts the server, and the writes of all are in it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    racers = [subprocess.Popen([sys.executable, "-c", RACER, str(directory)], **pipes) for _ in range(8)]
    for racer in racers:
        racer.stdin.write("go\n")
    started = [racer.stdout.readline().strip() for racer in racers]

    assert sorted(started) == ["False"] * 7 + ["True"]
    assert len(servers_of(directory)) == 1
    with redis.Redis.from_url(use().url) as client:
        assert client.get("races") == b"400"
    for racer in racers:
        racer.communicate("stop\n")


def test_kill_of_the_server_loses_nothing_acknowledged(use, directory):
    """Every write that was answered before kill -9 is there after the next start, had by asking again."""
    written = 0
    with redis.Redis.from_url(use().url) as client:
        # Long enough for a background fsync, were there one: that is when answers could come too early.
        deadline = time.monotonic() + 1.1
        while time.monotonic() < deadline:
            pipeline = client.pipeline(transaction=False)
            for _ in range(100):
                pipeline.incr("written")
            written = pipeline.execute()[-1]
        [pid] = servers_of(directory)
        os.kill(pid, signal.SIGKILL)

    again = use()

    assert again.started
    assert again.notice is None
    with redis.Redis.from_url(again.url) as client:
        assert client.get("written") == str(written).encode()


def test_end_at_start_shows_the_log(use, directory):
    """A server that ends at once for a reason that is not damage makes an error with its own words."""
    (directory / "server").mkdir(parents=True)
    (directory / "server" / "appendonlydir").write_text("not a directory")

    with pytest.raises(EmbeddedError, match=r"exited immediately after its start .*appendonlydir"):
        use()


def test_program_too_old_for_the_data_is_passed_over(use, directory, project):
    """A server on PATH that cannot read newer data is passed over for one that can, and nothing is moved."""
    lease = use()
    with redis.Redis.from_url(lease.url) as client:
        client.set("name", "value")
    lease.release()
    eventually(lambda: not servers_of(directory))
    old = project / "bin" / "redis-server"
    log = directory / "server" / "server.log"
    old.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo "Redis server v=7.0.15"; exit; fi\n'
        f'echo "1:M # Can\'t handle RDB format version 80" > {log}\n'
    )
    old.chmod(0o755)

    with redis.Redis.from_url(use().url) as client:
        assert client.get("name") == b"value"
    assert not list((directory / "server").glob("damaged-*"))


@pytest.mark.skipif(not Path(DEBIAN).exists(), reason="needs a Redis of another version")
def test_data_of_another_server_is_not_damaged(use, directory, project, monkeypatch):
    """Redis 7.0 cannot read the data of Valkey 9: the error names the writer, and nothing is changed."""
    with redis.Redis.from_url(use().url) as client:
        client.set("name", "value")
    end(directory)
    before = contents_of(directory)
    monkeypatch.setenv("AKA_STATS_SERVER_BINARY", DEBIAN)

    with pytest.raises(
        EmbeddedError, match=r"written by valkey 9\.\d.*in Valkey data format 80.*redis 7\.\d.*Nothing"
    ):
        use()

    assert contents_of(directory) == before
    monkeypatch.delenv("AKA_STATS_SERVER_BINARY")
    (project / "bin" / "redis-server").symlink_to(DEBIAN)
    with redis.Redis.from_url(use().url) as client:
        assert client.get("name") == b"value"


@pytest.mark.skipif(not Path(DEBIAN).exists(), reason="needs a Redis of another version")
def test_newer_commands_are_not_damage(use, directory, project, monkeypatch):
    """A log that an older server began and a newer one continued holds commands that the older does not know."""
    monkeypatch.setenv("AKA_STATS_SERVER_BINARY", DEBIAN)
    use()
    end(directory)
    monkeypatch.delenv("AKA_STATS_SERVER_BINARY")
    with redis.Redis.from_url(use().url) as client:
        client.execute_command("MSETEX", 1, "name", "value", "EX", 100)
    end(directory)
    # Without the record, as releases before left data: only the files can say.
    (directory / "server" / "written-by").unlink()
    before = contents_of(directory)
    monkeypatch.setenv("AKA_STATS_SERVER_BINARY", DEBIAN)

    with pytest.raises(EmbeddedError, match="Nothing was changed"):
        use()

    assert contents_of(directory) == before
    monkeypatch.delenv("AKA_STATS_SERVER_BINARY")
    (project / "bin" / "redis-server").symlink_to(DEBIAN)
    with redis.Redis.from_url(use().url) as client:
        assert client.get("name") == b"value"


def end(directory):
    """Kill the server of a directory, and wait until it is gone."""
    for pid in servers_of(directory):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not servers_of(directory))


def contents_of(directory):
    """Return the append-only files, by their path, and whatever was put aside."""
    home = directory / "server"
    return {
        path: path.read_bytes()
        for path in home.rglob("*")
        if "append" in path.name or "damaged" in str(path)
        if path.is_file()
    }


def test_single_file_server_is_not_started_beside_parts(use, directory, project, monkeypatch):
    """A 6.2 server, which would start empty beside newer data, is refused with what to do."""
    (directory / "server" / "appendonlydir").mkdir(parents=True)
    old = project / "redis-server"
    old.write_text('#!/bin/sh\necho "Redis server v=6.2.14"\n')
    old.chmod(0o755)
    monkeypatch.setenv("AKA_STATS_SERVER_BINARY", str(old))

    with pytest.raises(EmbeddedError, match=rf"written by a newer server, which {old} \(redis 6.2\) cannot"):
        use()
