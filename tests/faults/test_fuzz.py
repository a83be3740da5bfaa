"""A spool of 100 records, damaged at every place: all that is whole comes back, nothing is invented."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from akastats.spool.reader import Reader
from akastats.spool.writer import Writer
from tests.faults.table import Row, Rows

RECORDS = 100

Told = list[tuple[int, list[Any]]]


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A spool as a run leaves it: every kind of record, 100 lines."""
    writer = Writer(tmp_path_factory.mktemp("fuzz") / "spool", "run")
    writer.append(json.dumps(["run", {"id": "run", "started": 1.0, "pid": 1, "pid_mark": ""}]))
    for number in range(24):
        nodeid = f"tests/test_a.py::test_{number}[ü-{number}]"
        writer.append(json.dumps(["began", nodeid, 1_000_000 + number]))
        writer.append(json.dumps(["error", nodeid, "gw1", "call", "failed", "E", f"line\nE {number}", 2_000_000]))
        writer.append(json.dumps(["stat", nodeid, "gw1", [[1.5, f"own {number}", 0.25, None]]]))
        writer.append(json.dumps(["test", nodeid, "gw1", "pfp", 1_000_000, 1, 2, 3]))
    writer.append(json.dumps(["fixtures", [["tests", "database", "session", 1, 0.5, 0.1]]]))
    writer.append(json.dumps(["end", {"finished": 2.0, "exit_code": 1, "interrupted": False}]))
    writer.close()
    whole = writer.path.read_bytes()
    assert RECORDS == whole.count(b"\n")
    return whole


class Damage:
    """One file, damaged anew each time, and one reader that begins with it again: some 0.5 ms a time."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._file = os.open(path, os.O_RDWR)
        self._reader = Reader(path)

    def told(self, content: bytes) -> Told:
        """Return all records that are found in `content`."""
        os.pwrite(self._file, content, 0)
        os.truncate(self._file, len(content))
        self._reader.rewind()
        told: Told = []
        while found := self._reader.read():
            told += [(record.seq, record.content) for record in found]
        told += [(record.seq, record.content) for record in self._reader.finish()]
        self._reader.set_aside()
        return told


@pytest.fixture
def damage(tmp_path: Path) -> Iterator[Damage]:
    """A file to be damaged."""
    damage = Damage(tmp_path / "1-run-1-x.aks")
    yield damage
    os.close(damage._file)


def told_by(whole: bytes) -> Told:
    """Return what each line tells, read without our reader."""
    bodies = [line.split(b" ", 3)[2:] for line in whole.splitlines()]
    return [(int(seq), json.loads(content)) for seq, content in bodies]


def lines_hit(whole: bytes) -> Iterator[int | None]:
    """Yield for each byte the line whose record it belongs to, `None` for a newline: that belongs to no record."""
    line = 0
    for byte in whole:
        yield None if byte == ord("\n") else line
        line += byte == ord("\n")


def test_cut_at_every_byte_keeps_all_whole_records(spool: bytes, damage: Damage, row: Rows) -> None:
    """Every record up to the cut, none behind it."""
    told = told_by(spool)
    ends = [at for at, byte in enumerate(spool) if byte == ord("\n")]

    for size in range(len(spool) + 1):
        whole = sum(end <= size for end in ends)
        assert told[:whole] == damage.told(spool[:size]), size

    row.tell(Row("37", f"spool truncated at each of its {len(spool):,} bytes", RECORDS, 0, 0))


@pytest.mark.parametrize(
    "flips",
    [
        # In turn: the quick suite flips every byte once, in one of these ways.
        pytest.param((0x01, 0x20, 0xFF), id="each byte once"),
        *(pytest.param((1 << bit,), id=f"bit {bit}", marks=pytest.mark.thorough) for bit in range(8)),
        pytest.param((0xFF,), id="all bits", marks=pytest.mark.thorough),
    ],
)
def test_every_byte_flipped_costs_its_own_record_and_no_other(
    spool: bytes, damage: Damage, row: Rows, flips: tuple[int, ...]
) -> None:
    """99 records come back, all 100 where a newline was hit."""
    told = told_by(spool)

    for at, hit in enumerate(lines_hit(spool)):
        flipped = bytes([spool[at] ^ flips[at % len(flips)]])
        left = [record for line, record in enumerate(told) if line != hit]
        assert left == damage.told(spool[:at] + flipped + spool[at + 1 :]), at

    shown = ", ".join(f"{flip:#04x}" for flip in flips)
    row.tell(Row("37", f"each of the {len(spool):,} bytes of a spool flipped by {shown}", RECORDS, 0, 0))


@pytest.mark.parametrize(
    "inserted",
    [
        pytest.param(b"\n", id="newline", marks=pytest.mark.thorough),
        pytest.param(b"\0" * 4096, id="zeros", marks=pytest.mark.thorough),
        pytest.param(b"garbage\n", id="garbage", marks=pytest.mark.thorough),
    ],
)
def test_bytes_put_in_anywhere_cost_the_record_they_split(
    spool: bytes, damage: Damage, row: Rows, inserted: bytes
) -> None:
    """Between two lines they cost nothing."""
    told = told_by(spool)
    begins = {0, *(at + 1 for at, byte in enumerate(spool) if byte == ord("\n"))}

    for at, hit in enumerate(lines_hit(spool)):
        left = [record for line, record in enumerate(told) if line != hit or at in begins]
        assert left == damage.told(spool[:at] + inserted + spool[at:]), at

    row.tell(Row("37", f"{inserted[:8]!r} inserted before each byte", RECORDS, 0, 0))


@pytest.mark.thorough
@pytest.mark.parametrize("size", [1, 16, 4096])
def test_zeros_anywhere_cost_the_records_they_cover(spool: bytes, damage: Damage, row: Rows, size: int) -> None:
    """As a file system leaves them that lost its data and kept its length."""
    told = told_by(spool)
    hits = list(lines_hit(spool))

    for at in range(0, len(spool) - size, 1 if size == 1 else size // 4):
        covered = {hit for hit in hits[at : at + size] if hit is not None}
        left = [record for line, record in enumerate(told) if line not in covered]
        assert left == damage.told(spool[:at] + bytes(size) + spool[at + size :]), at

    row.tell(Row("37", f"{size} zero bytes written at each position", RECORDS, 0, 0))
