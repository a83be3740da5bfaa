"""What an append-only file may hold: data, and nothing that a server would execute."""

from __future__ import annotations

import os
import signal

import pytest
import redis

from akastats.embedded import append_only, contents
from akastats.embedded.contents import DamageError, ForeignError
from conftest import eventually
from tests.embedded.processes import servers_of

MAGIC = b"REDIS0010"
END = b"\xff" + b"\0" * 8


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


@pytest.mark.parametrize(
    "name", [b"EVAL", b"replicaof", b"FUNCTION", b"MODULE", b"CONFIG", b"SCRIPT", b"DEBUG", b""]
)
def test_a_command_that_is_not_data_is_named(name):
    """A server would execute it when it starts, wherever it stands."""
    with pytest.raises(ForeignError, match=f"the command {name.decode()}"):
        contents.check(command(b"SET", b"a", b"b") + command(name, b"x", b"0"))


def test_text_of_a_value_is_not_taken_for_a_command():
    """What looks like a command inside of a value is a value."""
    contents.check(command(b"SET", b"a", command(b"EVAL", b"x", b"0")))


@pytest.mark.parametrize("size", range(1, len(command(b"SET", b"a", b"b"))))
def test_a_last_command_that_is_cut_short_is_left_to_the_server(size):
    """It leaves such a command out."""
    contents.check(command(b"SET", b"a", b"b") + command(b"SET", b"a", b"b")[:size])


@pytest.mark.parametrize("tail", [b"garbage\n" * 3, b"*x\r\n" + command(b"EVAL", b"x", b"0"), b"*1\r\n+EVAL\r\n"])
def test_what_is_no_command_is_damage(tail):
    """A server may read more into it than we do: it must be cut off first."""
    with pytest.raises(DamageError, match="instead of a command at byte"):
        contents.check(command(b"SET", b"a", b"b") + tail)


def test_remarks_and_zeros_are_passed_over():
    """Servers write times between commands, and file systems leave zeros behind a power cut."""
    contents.check(b"#TS:1700000000\r\n" + command(b"SET", b"a", b"b") + b"\0" * 100)


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (b"\xf5\x04code", "functions"),
        (b"\xf6\x04code", "functions"),
        (b"\xf7\x01\x02", "data of a module"),
        (b"\x07\x01k\x01", "values of type 7"),
        (b"\xfa\x03lua\x04code", "scripts"),
        (b"\xfa\xc3\x03\x03lua\x04code", "scripts"),
    ],
)
def test_programs_in_a_snapshot_are_named(part, what):
    """Also behind ordinary values."""
    value = b"\xfe\x00\x00\x01k\x01v"
    contents.check(MAGIC + value + END)

    with pytest.raises(ForeignError, match=what):
        contents.check(MAGIC + value + part + END)


def test_a_snapshot_that_is_cut_short_is_refused():
    """A file that cannot be read to its end is not trusted."""
    with pytest.raises(ForeignError, match="truncated"):
        contents.check(MAGIC + b"\xfe\x00\x00\x01k")


def test_commands_behind_a_snapshot_are_read():
    """One file of Redis 6.2 holds both."""
    with pytest.raises(ForeignError, match="the command EVAL"):
        contents.check(MAGIC + END + command(b"EVAL", b"x", b"0"))


def test_what_a_server_writes_passes(use, directory):
    """Every type and encoding that a statistics server holds, as commands and as a snapshot."""
    home = directory / "server"
    with redis.Redis.from_url(use().url) as client:
        fill(client)
        assert contents.find_foreign_content(append_only.list_files(home)) == ""
        client.bgrewriteaof()
        eventually(lambda: list(append_only.get_parts_directory(home).glob("*.2.base.rdb")))
        fill(client)
    [pid] = servers_of(directory)
    os.kill(pid, signal.SIGKILL)

    assert len(append_only.list_files(home)) == 2
    assert contents.find_foreign_content(append_only.list_files(home)) == ""


def fill(client):
    """Write small and large values of all types, by commands and by scripts, with and without expiry."""
    client.mset({"number": 17, "text": "x" * 10, "packed": "x" * 100_000})
    client.set("gone soon", "value", ex=1000)
    for kind, size in (("small", 3), ("large", 1000)):
        client.hset(f"hash {kind}", mapping={str(number): "value" * 20 for number in range(size)})
        client.zadd(f"scores {kind}", {str(number): number + 0.5 for number in range(size)})
        client.lpush(f"list {kind}", *("value" * 20 for _ in range(size)))
        client.sadd(f"set {kind}", *range(size), "text" * (size % 2 + 1))
    client.sadd("numbers", 1, 2, 3)
    client.eval(
        "redis.call('SET', KEYS[1], ARGV[1]) redis.call('LTRIM', KEYS[2], 0, 5)", 2, "k", "list small", "v"
    )
