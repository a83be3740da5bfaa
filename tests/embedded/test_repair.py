"""Damaged data: repaired by the server itself, repaired by its checker, or only moved aside."""

from __future__ import annotations

import os
import signal

import pytest
import redis

from akastats.embedded import repair
from conftest import eventually
from tests.embedded.processes import servers_of


@pytest.fixture
def written(use, directory):
    """The append-only file of a server that was killed after writing key0 ... key999."""
    with redis.Redis.from_url(use().url) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(1000):
            pipeline.set(f"key{number}", "value")
        pipeline.execute()
    [pid] = servers_of(directory)
    os.kill(pid, signal.SIGKILL)
    [file] = (directory / "server" / "appendonlydir").glob("*.incr.aof")
    return file


def damage(file):
    """Overwrite the head of the record of key900, and return what the file holds then."""
    text = file.read_bytes()
    head = text.index(b"key900\r\n") - 15
    file.write_bytes(text[:head] + b"\x00" * 9 + text[head + 9 :])
    return file.read_bytes()


def keys(lease):
    with redis.Redis.from_url(lease.url) as client:
        return client.dbsize()


def test_torn_tail_is_cut_off(use, written):
    """A record that was half written at a crash costs that record only, and needs no notice."""
    os.truncate(written, written.stat().st_size - 5)

    lease = use()

    assert keys(lease) == 999
    assert lease.notice is None


def test_damaged_middle_is_repaired_and_the_original_kept(use, written, directory):
    """Damage inside the file costs the rest of the file; the original is kept, with a notice."""
    damaged = damage(written)

    lease = use()

    assert 890 <= keys(lease) <= 900
    [aside] = (directory / "server").glob("damaged-*")
    assert (aside / "appendonlydir" / written.name).read_bytes() == damaged
    assert str(aside) in lease.notice
    assert "\n" not in lease.notice


def test_what_cannot_be_mended_is_set_aside(use, written, directory):
    """Data that the checker cannot help is moved away whole, and an empty server starts."""
    # A well-formed record with a command that does not exist: the checker finds nothing to cut.
    text = written.read_bytes().replace(b"\r\nSET\r\n", b"\r\nSXT\r\n", 1)
    written.write_bytes(text)

    lease = use()

    assert keys(lease) == 0
    assert "Starting empty" in lease.notice
    kept = [file.read_bytes() for file in (directory / "server").glob("damaged-*/appendonlydir/*.incr.aof")]
    assert text in kept


def test_damaged_base_is_set_aside(use, directory):
    """Damage in the compact base file, which no checker mends, is set aside too, and named."""
    with redis.Redis.from_url(use().url) as client:
        client.set("name", "value" * 100)
        client.bgrewriteaof()
        eventually(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    [pid] = servers_of(directory)
    os.kill(pid, signal.SIGKILL)
    [base] = (directory / "server" / "appendonlydir").glob("*.base.rdb")
    base.write_bytes(base.read_bytes()[:-60] + b"\xff" * 60)

    lease = use()

    assert keys(lease) == 0
    assert "Starting empty" in lease.notice


def test_next_start_after_a_repair_says_nothing(use, written, directory):
    """A repair is reported once; the repaired data then starts like any other."""
    damage(written)
    assert use().notice
    [pid] = servers_of(directory)
    os.kill(pid, signal.SIGKILL)

    assert use().notice is None


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("# Bad file format reading the append only file x: make a backup", True),
        ("# Unexpected end of file reading the append only file x.", True),
        ("# Unknown command 'SXT' reading the append only file x", True),
        ("# Terminating server after rdb file reading failure.", True),
        ("* DB loaded from append only file: 0.001 seconds", False),
        ("# Can't open the append-only file x: Permission denied", False),
        ("# WARNING Memory overcommit must be enabled!", False),
    ],
)
def test_only_unreadable_data_is_damage(line, verdict):
    """If a server ended for lack of permissions, or with an ordinary message, its data is not moved."""
    assert repair.is_damage(f"1:M 23 Nov 2026 22:52:04.719 {line}\n") is verdict
