"""The spool: a reader returns every intact line and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akastats.errors import SpoolError
from akastats.spool.format import decode_line, encode_line
from akastats.spool.reader import Reader
from akastats.spool.writer import Writer
from tests.spool.test_reader import read

CONTENTS = [
    '["began","tests/test_a.py::test_b[\\u00fc]",17]',
    '["test","x","","ppp",1,2,3,4]',
    '["end",{"exit_code":0}]',
]


def spool(tmp_path: Path, contents: list[str]) -> Path:
    """Write a spool with these records; return its path."""
    writer = Writer(tmp_path / "home" / "spool", "run")
    for content in contents:
        writer.append(content)
    writer.close()
    return writer.path


def seqs(path: Path) -> list[int]:
    """Return the numbers of the records that a reader returns."""
    return read(path)[0]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Records are read in order, numbered from 1."""
    path = spool(tmp_path, CONTENTS)

    records = Reader(path).read()

    assert [1, 2, 3] == [record.seq for record in records]
    assert ["began", "tests/test_a.py::test_b[ü]", 17] == records[0].content


@given(st.lists(st.text(), max_size=5), st.integers(1, 10**9))
def test_any_text_survives_a_line(words: list[str], seq: int) -> None:
    """Any JSON text is read unchanged, including newlines and surrogates."""
    record = decode_line(encode_line(seq, json.dumps(["a", *words]))[:-1])

    assert record is not None
    assert (seq, ["a", *words]) == (record.seq, record.content)


def test_a_spool_cut_at_any_byte_keeps_all_complete_lines(tmp_path: Path) -> None:
    """A truncated end loses only its own line, and invents none."""
    path = spool(tmp_path, CONTENTS)
    complete = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(complete) if byte == ord("\n")]

    for size in range(len(complete)):
        path.write_bytes(complete[:size])
        # A line that lacks only its newline is complete.
        assert list(range(1, 1 + sum(end - 1 <= size for end in ends))) == seqs(path), size


def test_any_flipped_byte_costs_one_line_at_most(tmp_path: Path) -> None:
    """Damage is detected, and the neighbouring lines are read."""
    path = spool(tmp_path, CONTENTS)
    complete = path.read_bytes()

    for at in range(len(complete)):
        path.write_bytes(complete[:at] + bytes([complete[at] ^ 0x01]) + complete[at + 1 :])
        read = seqs(path)
        # A flipped newline joins two lines, which are both intact.
        hit = complete[:at].count(b"\n") + 1 if complete[at] != ord("\n") else 0
        assert [seq for seq in (1, 2, 3) if seq != hit] == read, at


def test_a_growing_spool_is_followed(tmp_path: Path) -> None:
    """Each read returns the records since the last one; an incomplete line is read later."""
    path = tmp_path / "1-run-1-x.aks"
    first, second = encode_line(1, '["a"]'), encode_line(2, '["a"]')
    path.write_bytes(first + second[:5])
    reader = Reader(path)

    before = [record.seq for record in reader.read()]
    path.write_bytes(first + second)
    after = [record.seq for record in reader.read()]

    assert ([1], [2]) == (before, after)
    assert 0 == reader.damaged


def test_a_line_written_twice_is_read_once(tmp_path: Path) -> None:
    """Sequence numbers only increase, so an inserted copy does not count."""
    path = tmp_path / "1-run-1-x.aks"
    path.write_bytes(encode_line(1, '["a"]') + encode_line(2, '["a"]') + encode_line(1, '["a"]'))

    reader = Reader(path)

    assert [1, 2] == [record.seq for record in reader.read()]
    assert 1 == reader.damaged


def test_a_fork_writes_nothing(tmp_path: Path) -> None:
    """A forked child that continues as pytest does not write to its parent's spool."""
    writer = Writer(tmp_path / "spool", "run")

    child = os.fork()
    if child == 0:
        writer.append('["a"]')
        os._exit(0)
    os.waitpid(child, 0)

    assert b"" == writer.path.read_bytes()


def test_a_descriptor_that_was_taken_over_is_noticed(tmp_path: Path) -> None:
    """If a test closes all descriptors and opens a file, no record is written to that file."""
    writer = Writer(tmp_path / "spool", "run")
    writer.append('["a"]')
    descriptor = writer._fd
    os.close(descriptor)
    foreign = os.open(tmp_path / "foreign", os.O_RDWR | os.O_CREAT)
    os.dup2(foreign, descriptor)

    assert writer.append('["a"]')
    writer.close()

    assert [1, 2] == seqs(writer.path)
    assert b"" == (tmp_path / "foreign").read_bytes()
    for opened in {foreign, descriptor}:
        os.close(opened)


def test_an_unwritable_directory_is_reported(tmp_path: Path) -> None:
    """The error contains the directory and the reason of the system."""
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolError, match="cannot write a spool"):
        Writer(tmp_path / "file" / "spool", "run")
