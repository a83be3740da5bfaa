"""Which server reads what another one wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from akastats.embedded import formats
from akastats.embedded.binary import Binary
from akastats.embedded.formats import Format, Origin

REDIS_70 = Binary(Path("/r70"), (7, 0), "redis")
REDIS_74 = Binary(Path("/r74"), (7, 4), "redis")
REDIS_82 = Binary(Path("/r82"), (8, 2), "redis")
VALKEY_80 = Binary(Path("/v80"), (8, 0), "valkey")
VALKEY_91 = Binary(Path("/v91"), (9, 1), "valkey")


@pytest.mark.parametrize(
    ("kind", "number", "readers"),
    [
        ("redis", 10, [REDIS_70, REDIS_74, REDIS_82, VALKEY_80, VALKEY_91]),
        ("redis", 11, [REDIS_74, REDIS_82, VALKEY_80, VALKEY_91]),
        ("redis", 12, [REDIS_74, REDIS_82]),
        ("redis", 99, [REDIS_82]),
        ("valkey", 80, [VALKEY_91]),
    ],
)
def test_a_format_is_read_by_those_that_know_it(kind, number, readers):
    """The formats that Redis 8 and later can read are unknown, so these servers are tried."""
    written = Origin(Format(kind, number))
    every = [REDIS_70, REDIS_74, REDIS_82, VALKEY_80, VALKEY_91]

    assert [binary for binary in every if formats.can_read(binary, written)] == readers


def test_the_server_that_wrote_comes_first():
    """Then newer ones of its kind and the other kind, and older ones last."""
    written = Origin(Format("redis", 10), "redis", (7, 2), "redis 7.2.5")

    assert formats.sort_candidates([VALKEY_91, REDIS_70, REDIS_74], written) == [REDIS_74, VALKEY_91, REDIS_70]


@pytest.mark.parametrize(
    ("binary", "writer", "is_older"),
    [
        (REDIS_70, ("redis", (7, 2)), True),
        (REDIS_74, ("redis", (7, 2)), False),
        (REDIS_82, ("valkey", (8, 0)), True),
        (VALKEY_80, ("redis", (7, 2)), False),
        (VALKEY_80, ("", (0, 0)), False),
    ],
)
def test_older_servers_and_redis_after_valkey_are_a_downgrade(binary, writer, is_older):
    """What such a server calls damage may be data that it does not know."""
    assert formats.is_downgrade(binary, Origin(None, *writer)) is is_older


def test_record_and_first_bytes_are_read(tmp_path):
    """A record of nonsense is none; the format is that of the newest base file."""
    parts = tmp_path / "appendonlydir"
    parts.mkdir()
    (parts / "appendonly.aof.1.base.rdb").write_bytes(b"REDIS0010...")
    (parts / "appendonly.aof.2.base.rdb").write_bytes(b"VALKEY080...")
    formats.record(tmp_path, "nonsense")
    assert formats.inspect(tmp_path) == Origin(Format("valkey", 80), has_parts=True)

    formats.record(tmp_path, "valkey 9.1.2")

    assert str(formats.inspect(tmp_path)) == "valkey 9.1.2 in Valkey data format 80"
    assert formats.inspect(tmp_path).version == (9, 1)
