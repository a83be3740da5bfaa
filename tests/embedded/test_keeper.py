"""The keeper ends the server after its last user, however that one left, and is replaced when it dies."""

from __future__ import annotations

import os
import shutil
import signal

import redis

from conftest import eventually
from tests.embedded.processes import keepers_of, processes_of, servers_of


def test_killed_user_leaves_no_server(user, directory):
    """A user that dies by SIGKILL is gone like any other: within 10 s no process is left."""
    only = user()
    only.lease()
    assert servers_of(directory)

    only.kill()

    eventually(lambda: not processes_of(directory), within_s=10)


def test_one_keeper_for_many_users(use, directory):
    """However many users there are, one keeper watches."""
    for _ in range(5):
        use()

    assert len(eventually(lambda: keepers_of(directory))) == 1


def test_killed_keeper_is_replaced_by_the_next_user(use, directory):
    """After the keeper's death the next user starts another, and the server still ends after the last."""
    first = use()
    [dead] = eventually(lambda: keepers_of(directory))
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: not keepers_of(directory))

    second = use()

    eventually(lambda: keepers_of(directory))
    first.release()
    second.release()
    eventually(lambda: not processes_of(directory), within_s=10)


def test_keeper_outlives_a_crashed_server(use, directory):
    """After the server's crash and restart the directory has one keeper, and it ends the new server."""
    first = use()
    eventually(lambda: keepers_of(directory))
    for pid in servers_of(directory):
        os.kill(pid, signal.SIGKILL)

    second = use()

    eventually(lambda: len(keepers_of(directory)) == 1)
    first.release()
    second.release()
    eventually(lambda: not processes_of(directory), within_s=10)


def test_hanging_server_is_killed(use, directory):
    """A server that does not answer SHUTDOWN is gone within 10 s of its last user all the same."""
    lease = use()
    [server] = servers_of(directory)
    with redis.Redis.from_url(lease.url) as client:
        eventually(lambda: is_watched(client))
    os.kill(server, signal.SIGSTOP)

    lease.release()

    eventually(lambda: not processes_of(directory), within_s=10)


def is_watched(client: redis.Redis) -> bool:
    """Return whether the keeper is connected and has read the process id with INFO."""
    return any(one["cmd"].startswith("info") for one in client.client_list())


def test_replaced_directory_keeps_its_own_server(use, directory):
    """A directory deleted under a server and made anew gets a server that the old one's end leaves alone."""
    old = use()
    with redis.Redis.from_url(old.url) as client:
        eventually(lambda: is_watched(client))
    [old_server] = servers_of(directory)
    shutil.rmtree(directory)
    new = use()
    assert new.started

    old.release()

    eventually(lambda: old_server not in processes_of(directory))
    with redis.Redis.from_url(new.url) as client:
        assert client.ping()
