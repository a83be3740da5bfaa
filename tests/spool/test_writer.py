"""The writer after errors: it writes nothing into other files, and loses no record that fits anywhere."""

from __future__ import annotations

import errno
import json
import os
import resource
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from akastats.errors import SpoolError
from akastats.spool import directories, writer
from akastats.spool.format import MAX_RECORD_BYTES
from akastats.spool.reader import Reader
from akastats.spool.writer import Writer

RUN = '["run",{"id":"run","started":1.0}]'
PASSED = '["test","a.py::t%d","","ppp",1,2,3,4]'
FAILED = '["test","a.py::t%d","","pfp",1,2,3,4]'

real_write = os.write
Write = Callable[[int, bytes], int]


def contents(reader: Reader) -> list[str]:
    """Return the contents of all records of a reader, as JSON."""
    lines = []
    while records := reader.read():
        lines += [json.dumps(record.content, separators=(",", ":")) for record in records]
    return lines


def written(path: Path) -> list[str]:
    """Return the contents of a spool, with the record of the run once."""
    lines = contents(Reader(path))
    return lines[1:] if lines[:2] == [RUN, RUN] else lines


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path | None], None]:
    """Return a function that fills the disk below a directory; `full(None)` frees it."""
    below: list[Path] = []

    def write(descriptor: int, content: bytes) -> int:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if any(directory in path.parents for directory in below):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(descriptor, content)

    def fill(directory: Path | None) -> None:
        below[:] = [directory] if directory else []

    monkeypatch.setattr(writer, "write", write)
    return fill


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limit the size of files to `size` bytes during the block."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_the_record_of_the_run_is_written_twice(tmp_path: Path) -> None:
    """One damaged byte in it does not make the spool unusable."""
    spool = Writer(tmp_path / "spool", "run")

    spool.append(RUN)
    spool.append(PASSED % 1)
    spool.close()

    assert [RUN, RUN, PASSED % 1] == contents(Reader(spool.path))


def test_a_file_at_its_limit_loses_nothing_when_the_limit_goes(tmp_path: Path) -> None:
    """A line that the limit truncates (EFBIG) is completed later."""
    spool = Writer(tmp_path / "spool", "run")
    expected = [RUN, *(PASSED % number for number in range(40))]

    with largest_file(1024):
        results = [spool.append(content) for content in expected]
    size = spool.path.stat().st_size
    spool.close()

    assert (1024, True, False) == (size, results[0], results[-1])
    assert expected == written(spool.path)
    assert ("", 0) == (spool.trouble, Reader(spool.path).damaged)


def test_short_writes_make_complete_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system call may write only a part, up to any byte."""
    monkeypatch.setattr(writer, "write", lambda fd, content: real_write(fd, content[:7]))
    spool = Writer(tmp_path / "spool", "run")
    expected = [RUN, *(FAILED % number for number in range(20))]

    for content in expected:
        spool.append(content)
    spool.close()

    assert expected == written(spool.path)


def test_a_full_disk_that_has_room_again_costs_nothing(tmp_path: Path, full: Callable[..., None]) -> None:
    """Records that could not be written are written later, in order."""
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)

    full(tmp_path)
    during = [spool.append(PASSED % number) for number in range(5)]
    full(None)
    for number in range(5, 9):
        spool.append(PASSED % number)
    spool.close()

    assert [False] * 5 == during
    assert [RUN, *(PASSED % number for number in range(9))] == written(spool.path)
    assert "" == spool.trouble


def test_a_directory_that_stays_full_is_left_for_the_next(tmp_path: Path, full: Callable[..., None]) -> None:
    """The spool is continued in another directory, and a reader of the old file follows."""
    first, second = tmp_path / "first" / "spool", tmp_path / "second" / "spool"
    spool = Writer(first, "run", [tmp_path / "first" / "no", second])
    reader = Reader(spool.path, [second])
    spool.append(RUN)
    before = contents(reader)

    full(tmp_path / "first")
    for number in range(5):
        spool.append(PASSED % number)
    spool.close()

    expected = [PASSED % number for number in range(5)]
    assert (second, spool.path.name) == (spool.path.parent, next(first.iterdir()).name)
    assert [RUN, *expected] == written(spool.path)
    assert ([RUN, RUN], expected, spool.path) == (before, contents(reader), reader.path)


def test_no_room_anywhere_costs_passed_tests_first(
    tmp_path: Path, full: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is limited; discarded records are counted, and passed tests are discarded first."""
    monkeypatch.setattr(writer, "RING_BYTES", 20_000)
    spool = Writer(tmp_path / "spool", "run", [tmp_path / "second"])
    spool.append(RUN)

    full(tmp_path)
    for number in range(1000):
        spool.append((FAILED if number % 10 == 0 and number < 500 else PASSED) % number)
        assert spool._pending_bytes <= 20_000
    full(None)
    spool.close()

    lines = written(spool.path)
    assert [FAILED % number for number in range(0, 500, 10)] == [line for line in lines if "pfp" in line]
    assert 1001 - len(lines) == spool.dropped > 800
    assert "records did not fit into the spool (No space left on device)" in spool.trouble
    assert PASSED % 999 == lines[-1]


def test_budgets_go_before_failures(
    tmp_path: Path, full: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget of a passed test is discarded with the test, before any failure."""
    monkeypatch.setattr(writer, "RING_BYTES", 20_000)
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)

    full(tmp_path)
    for number in range(2):
        spool.append(FAILED % number)
    for _ in range(1000):
        spool.append('["budget","a.py::t",{"max_seconds":1.5}]')
    full(None)
    spool.close()

    assert [FAILED % 0, FAILED % 1] == [line for line in written(spool.path) if "pfp" in line]
    assert spool.dropped > 800


def test_records_that_never_find_room_are_counted(tmp_path: Path, full: Callable[..., None]) -> None:
    """At the end every discarded record is counted."""
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)

    full(tmp_path)
    for number in range(3):
        spool.append('["began","a.py::t",1]')
        spool.append(PASSED % number)
    spool.close()

    assert "3 records did not fit into the spool (No space left on device)" == spool.trouble


def test_an_empty_foreign_file_under_our_number_stays_empty(tmp_path: Path) -> None:
    """Before the first write, only the file itself identifies the spool."""
    spool = Writer(tmp_path / "spool", "run")
    descriptor = spool._fd
    foreign = os.open(tmp_path / "foreign", os.O_RDWR | os.O_CREAT)
    os.dup2(foreign, descriptor)

    spool.append(RUN)
    spool.close()

    assert ([RUN], b"") == (written(spool.path), (tmp_path / "foreign").read_bytes())
    for opened in (foreign, descriptor):
        os.close(opened)


def test_closed_descriptors_are_opened_again(tmp_path: Path) -> None:
    """A test that closes all descriptors loses no record."""
    spool = Writer(tmp_path / "spool", "run")
    expected = [RUN]
    spool.append(RUN)

    for number in range(5):
        os.close(spool._fd)
        expected.append(PASSED % number)
        spool.append(expected[-1])
    spool.close()

    assert expected == written(spool.path)


@pytest.mark.parametrize("closed", [False, True])
def test_a_deleted_directory_is_left_for_the_next(tmp_path: Path, closed: bool) -> None:
    """A concurrent reader gets everything; without the descriptor a later reader lacks the deleted part."""
    first, second = tmp_path / "first" / "spool", tmp_path / "second" / "spool"
    spool = Writer(first, "run", [second])
    reader = Reader(spool.path, [second])
    spool.append(RUN)
    spool.append(PASSED % 1)
    before = contents(reader)

    for path in (spool.path, first, first.parent / ".gitignore", first.parent):
        path.rmdir() if path.is_dir() else path.unlink()
    if closed:
        os.close(spool._fd)
    spool.append(PASSED % 2)
    spool.append(PASSED % 3)
    spool.close()

    assert [RUN, RUN, *(PASSED % number for number in (1, 2, 3))] == before + contents(reader)
    assert [RUN, *(PASSED % number for number in ((2, 3) if closed else (1, 2, 3)))] == written(spool.path)
    assert (second, False) == (spool.path.parent, first.exists())


def test_a_link_at_our_path_is_not_followed(tmp_path: Path) -> None:
    """A foreign file with the name of the spool is neither written nor read."""
    spool = Writer(tmp_path / "first" / "spool", "run", [tmp_path / "second" / "spool"])
    original = spool.path
    spool.append(RUN)
    (tmp_path / "target").write_text("theirs")

    original.unlink()
    original.symlink_to(tmp_path / "target")
    os.close(spool._fd)
    for number in range(3):
        spool.append(PASSED % number)
    spool.close()

    assert "theirs" == (tmp_path / "target").read_text()
    assert [RUN, *(PASSED % number for number in range(3))] == written(spool.path)
    with pytest.raises(OSError, match="symbolic links"):
        Reader(original).read()


def test_a_directory_behind_a_link_keeps_its_mode(tmp_path: Path) -> None:
    """A repository may contain a link: nothing is written or changed at its target."""
    (tmp_path / "target" / "spool").mkdir(parents=True)
    (tmp_path / "target" / "spool").chmod(0o755)
    (tmp_path / "home").symlink_to(tmp_path / "target")

    with pytest.raises(SpoolError, match="symbolic link"):
        Writer(tmp_path / "home" / "spool", RUN)

    assert (tmp_path / "target" / "spool").stat().st_mode & 0o777 == 0o755


def test_a_linked_directory_is_passed_over(tmp_path: Path) -> None:
    """A spool directory that is a link may lead anywhere."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "spool").symlink_to(tmp_path)

    spool = writer.create([tmp_path / "home" / "spool", tmp_path / "next" / "spool"], "run")

    assert tmp_path / "next" / "spool" == spool.path.parent


def test_nothing_is_made_behind_a_link_that_stands_for_the_projects_directory(tmp_path: Path) -> None:
    """A repository may contain a link named `.akastats` to any directory."""
    (tmp_path / "target").mkdir()
    (tmp_path / ".akastats").symlink_to(tmp_path / "target")

    spool = writer.create([tmp_path / ".akastats" / "spool", tmp_path / "next" / "spool"], "run")

    assert tmp_path / "next" / "spool" == spool.path.parent
    assert [] == list((tmp_path / "target").iterdir())


def test_any_umask_leaves_us_our_files(tmp_path: Path) -> None:
    """With 0777 new files and directories would have no permissions."""
    before = os.umask(0o777)
    try:
        spool = Writer(tmp_path / "a" / "b" / "spool", "run")
    finally:
        os.umask(before)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (spool.path, *spool.path.parents[:3])]
    assert [0o600, 0o700, 0o700, 0o700] == modes


def test_a_directory_that_others_may_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user may have created the directory below the temporary directory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (shared,) = directories.list_alternatives(Path("/project/.akastats/spool"), {})
    home = shared.parent.parent
    home.mkdir()
    home.chmod(0o777)

    with pytest.raises(SpoolError, match="others may write"):
        Writer(shared, "run")

    home.chmod(0o700)
    assert shared == Writer(shared, "run").path.parent


def test_directories_outside_of_the_project_are_derived_from_any_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader with only the path of a spool knows where it may be continued."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environ = {"HOME": "/home/anna"}

    first, second, third = directories.list_candidates(Path("/project/.akastats"), environ)

    assert [[second, third], [third], [second]] == [
        directories.list_alternatives(directory, environ) for directory in (first, second, third)
    ]


def test_a_record_that_is_too_long_is_shortened(tmp_path: Path) -> None:
    """Its longest text is truncated, also if it is escaped; kind, test and times stay."""
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)

    spool.append(json.dumps(["error", "a.py::t", "", "call", "failed", "E", "\x1b" * 20_000, 7]))
    spool.close()

    (line,) = written(spool.path)[1:]
    shortened = json.loads(line)
    assert ["error", "a.py::t", "", "call", "failed", "E", 7] == shortened[:6] + shortened[7:]
    assert MAX_RECORD_BYTES * 0.4 < len(line) <= MAX_RECORD_BYTES


def test_a_spool_at_its_maximum_size_accepts_failures_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passed tests are omitted and counted."""
    monkeypatch.setattr(writer, "SPOOL_BYTES", writer.RESERVE_BYTES + 1000)
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)

    for number in range(50):
        spool.append(PASSED % number)
        spool.append(FAILED % number)
    spool.close()

    lines = written(spool.path)
    assert [FAILED % number for number in range(50)] == [line for line in lines if "pfp" in line]
    assert 0 < len([line for line in lines if "ppp" in line]) == 50 - spool.dropped
    assert "maximum size" in spool.trouble


@pytest.mark.parametrize("count", [0, 20, None])
def test_a_signal_during_a_write_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int | None
) -> None:
    """After Ctrl-C before, during or after a write, the record is written again and read once."""
    interrupted: list[bytes] = []

    def write(descriptor: int, content: bytes) -> int:
        if b"t3" in content and not interrupted:
            interrupted.append(content)
            real_write(descriptor, content[:count])
            raise KeyboardInterrupt
        return real_write(descriptor, content)

    monkeypatch.setattr(writer, "write", write)
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)
    for number in range(6):
        try:
            spool.append(PASSED % number)
        except KeyboardInterrupt:
            continue
    spool.close()

    assert interrupted
    assert [RUN, *(PASSED % number for number in range(6))] == written(spool.path)


def test_nothing_is_written_after_the_end(tmp_path: Path) -> None:
    """A late hook has a closed spool and no error."""
    spool = Writer(tmp_path / "spool", "run")
    spool.append(RUN)
    spool.close()

    spool.close()

    assert not spool.append(RUN)
    assert [RUN] == written(spool.path)
