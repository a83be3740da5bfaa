"""The reader: it returns every intact record, and nothing else, from any content of a spool file."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import pytest

from akastats.errors import SpoolError
from akastats.spool.format import MAX_RECORD_BYTES, encode_line
from akastats.spool.reader import Reader

LINES = [encode_line(seq, f'["a","text {seq}"]') for seq in range(1, 6)]
INTACT = b"".join(LINES)


def spool(tmp_path: Path, content: bytes) -> Path:
    """Write a file as a spool."""
    path = tmp_path / "1-run-1-x.aks"
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[list[int], int]:
    """Return the numbers of all records, and the number of damaged pieces."""
    reader = Reader(path)
    seqs: list[int] = []
    while records := reader.read():
        seqs += [record.seq for record in records]
    seqs += [record.seq for record in reader.finish()]
    return seqs, reader.damaged


@pytest.mark.parametrize(
    ("content", "seqs", "damaged"),
    [
        pytest.param(b"", [], 0, id="nothing"),
        pytest.param(INTACT.replace(b"\n", b"\r\n"), [1, 2, 3, 4, 5], 0, id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + INTACT, [1, 2, 3, 4, 5], 0, id="BOM"),
        pytest.param(INTACT.replace(b"\n", b""), [1, 2, 3, 4, 5], 0, id="glued"),
        pytest.param(INTACT.replace(b"\n", b"\n\n\n"), [1, 2, 3, 4, 5], 0, id="empty lines"),
        pytest.param(INTACT[:-1], [1, 2, 3, 4, 5], 0, id="no last newline"),
        pytest.param(INTACT + bytes(5000), [1, 2, 3, 4, 5], 1, id="zeros at the end"),
        pytest.param(LINES[0] + bytes(300_000) + LINES[1], [1, 2], 1, id="zeros between"),
        pytest.param(LINES[0] + b"garbage" + LINES[1] + b"more\n" + LINES[2], [1, 2, 3], 2, id="garbage"),
        pytest.param(LINES[0] + b"x" * 200_000 + LINES[1], [1, 2], 1, id="a long line before a record"),
        pytest.param(LINES[0][:-5] + LINES[1], [2], 1, id="a torn line before a record"),
        pytest.param(INTACT + LINES[1] + LINES[2], [1, 2, 3, 4, 5], 2, id="records twice"),
        pytest.param(LINES[0] + encode_line(2, "1"), [1], 1, id="no array"),
        pytest.param(LINES[0] + encode_line(2, "[]"), [1], 1, id="an empty array"),
        pytest.param(LINES[0] + encode_line(2, '[["a"]]'), [1], 1, id="no kind"),
        pytest.param(LINES[0] + encode_line(2, '["a",NaN]'), [1], 1, id="NaN"),
        pytest.param(LINES[0] + encode_line(2, '["a",' + "9" * 5000 + "]"), [1], 1, id="a number of 5000 digits"),
        pytest.param(LINES[0] + encode_line(2, "[" * 30_000 + "]" * 30_000), [1], 1, id="nested 30,000 deep"),
        pytest.param(b"PK\x03\x04" + os.urandom(100_000), [], 1, id="another format"),
        pytest.param(b"00000000 60000 " * 20_000, [], 1, id="beginnings of records"),
    ],
)
def test_intact_records_are_returned_and_the_rest_is_counted(
    tmp_path: Path, content: bytes, seqs: list[int], damaged: int
) -> None:
    """Intact records are returned in order, once, whatever is between them."""
    records, pieces = read(spool(tmp_path, content))

    assert seqs == records
    assert damaged == (min(pieces, 1) if not seqs else pieces)


def test_a_record_in_the_text_of_a_damaged_one_is_none(tmp_path: Path) -> None:
    """A traceback may quote a spool, but its quotation marks are escaped."""
    quoted = encode_line(9, '["a","b"]').decode().strip().replace('"', '\\"')
    damaged = encode_line(1, f'["a","{quoted}"]').replace(b'["a"', b'["b"', 1)

    assert ([2], 1) == read(spool(tmp_path, damaged + LINES[1]))


def test_a_hole_of_ten_gigabytes_is_not_read(tmp_path: Path) -> None:
    """A sparse file takes neither time nor memory."""
    path = spool(tmp_path, INTACT)
    os.truncate(path, 10 * 1024**3)
    with path.open("ab") as file:
        file.write(encode_line(6, '["a"]'))

    began = time.process_time()
    records = read(path)

    assert (([1, 2, 3, 4, 5, 6], 1), True) == (records, time.process_time() - began < 2.0)


def test_memory_stays_bounded_whatever_the_file_holds(tmp_path: Path) -> None:
    """Neither an endless line nor millions of empty lines are kept in memory."""
    path = spool(tmp_path, b"x" * 6_000_000 + b"\n" * 300_000 + b"y\n" * 10_000 + INTACT)
    tracemalloc.start()

    records, _ = read(path)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ([1, 2, 3, 4, 5], True) == (records, peak < 8 * 1024 * 1024)


def test_a_pipe_a_device_and_a_directory_are_no_spools(tmp_path: Path) -> None:
    """They are refused without waiting."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()

    for path in (tmp_path / "pipe", tmp_path / "directory", Path("/dev/zero")):
        with pytest.raises(SpoolError, match="is not a regular file"):
            Reader(path).read()


def test_a_file_that_is_deleted_is_read_to_its_end(tmp_path: Path) -> None:
    """A reader that has opened a spool finishes it."""
    path = spool(tmp_path, LINES[0])
    reader = Reader(path)
    reader.read()
    with path.open("ab") as file:
        file.write(LINES[1])

    path.unlink()

    assert [2] == [record.seq for record in reader.read()]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """Nothing can be followed."""
    with pytest.raises(FileNotFoundError):
        Reader(tmp_path / "1-run-1-x.aks", [tmp_path]).read()


def test_damaged_bytes_are_set_aside_once(tmp_path: Path) -> None:
    """The file beside the spool has one line per piece, for any number of readers."""
    path = spool(tmp_path, LINES[0] + b"first piece\n" + LINES[1] + b"second" + LINES[2])

    for _ in range(2):
        reader = Reader(path)
        while reader.read():
            pass
        reader.finish()
        reader.set_aside()

    assert b"first piece\nsecond\n" == path.with_name(f"{path.name}.bad").read_bytes()


def test_an_intact_spool_leaves_nothing_aside(tmp_path: Path) -> None:
    """There is no file without damage."""
    path = spool(tmp_path, INTACT)
    reader = Reader(path)
    reader.read()

    reader.set_aside()

    assert [path] == list(tmp_path.iterdir())


def test_the_longest_record_is_read(tmp_path: Path) -> None:
    """The limit of the writer is within that of the reader."""
    longest = encode_line(10**9, '["a","' + "x" * (MAX_RECORD_BYTES - 40) + '"]')

    assert ([10**9], 0) == read(spool(tmp_path, longest))
