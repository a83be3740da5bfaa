"""Write a spool in the test process, one line per record.

All names are bound at import, because tests may patch `os`, `json` and `time`.
"""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Iterable, Sequence
from errno import ENOENT
from os import close, getpid, lstat, write
from pathlib import Path

from akastats.errors import SpoolError
from akastats.spool.files import (
    copy_content,
    create_file,
    get_file_id,
    lock,
    measure_spools,
    prepare,
    remove_if_possible,
    reopen,
)
from akastats.spool.format import MAX_RECORD_BYTES, SUFFIX, VERSION, encode_line, shorten

try:
    from os import pread
except ImportError:
    # Windows lacks `pread`. On Windows, this module can be imported but not used.
    pass

# Maximum number of bytes in memory of records that cannot be written, including `OVERHEAD_BYTES` per record.
RING_BYTES = 8 * 1024 * 1024
# Memory of Python's objects per record, in bytes.
OVERHEAD_BYTES = 120

# Maximum size of a spool in bytes.
SPOOL_BYTES = 256 * 1024 * 1024
# Number of bytes at the end of a full spool that only indispensable records use, see `_is_dispensable`.
RESERVE_BYTES = 16 * 1024 * 1024
# Maximum total size of all spools in a directory, in bytes.
DIRECTORY_BYTES = 1024 * 1024 * 1024

# Number of bytes after which the writer checks whether the file is still at its path.
CHECK_BYTES = 64 * 1024

# Maximum number of records between two attempts to write to an unwritable directory. The number grows by 1 with
# each failed attempt.
LONGEST_PAUSE = 64

# Number of last bytes written that the writer compares before a write, to detect another file.
MARK_BYTES = 16

# A pending line, and whether it is dispensable.
Pending = tuple[bytes, bool]


def create(directories: Iterable[Path], run_id: str) -> Writer:
    """Create a spool in the first usable one of `directories`; raise `SpoolError` if none is usable."""
    paths, problems = list(directories), []
    for position, directory in enumerate(paths):
        try:
            return Writer(directory, run_id, paths[position + 1 :])
        except SpoolError as error:
            problems.append(str(error))
    raise SpoolError(f"{'; '.join(problems)}. Set --akastats-dir to a writable directory.")


class Writer:
    """One spool file, written by the process that created it and by none of its forks.

    Lines that cannot be written are tried again. If the directory stays unwritable, the writer continues the file
    under the same name in the first usable directory of `elsewhere`. Write errors are not raised: `trouble`
    describes the lost records.
    """

    def __init__(self, directory: Path, run_id: str, elsewhere: Sequence[Path] = ()) -> None:
        """Create a spool in `directory`, which is created if missing (0700); raise `SpoolError` if impossible."""
        self.producer = secrets.token_hex(16)
        self.pid = getpid()
        self.path = Path(os.path.abspath(directory)) / f"{VERSION}-{run_id}-{self.pid}-{self.producer}{SUFFIX}"
        self.dropped = 0
        self._elsewhere = [Path(os.path.abspath(path)) for path in elsewhere]
        self._reason = ""
        self._seq = 0
        self._head = b""
        # Position and content of the last bytes written. From size `_check_at` on, the writer checks the path.
        self._at, self._mark = 0, b""
        self._check_at = -1
        self._pending: deque[Pending] = deque()
        self._pending_bytes = self._failures = self._pause = 0
        self._open_new(self.path)
        self._limit = _get_limit(self.path.parent)

    def _open_new(self, path: Path) -> None:
        try:
            prepare(path.parent)
            self._fd = create_file(path)
            self.is_locked = lock(self._fd)
        except OSError as error:
            raise SpoolError(f"cannot write a spool in {path.parent} ({error.strerror})") from error
        self._identity = get_file_id(self._fd)

    @property
    def trouble(self) -> str:
        """Return the number of lost records with the reason; empty while no record is lost."""
        if not self.dropped:
            return ""
        return f"{self.dropped} records did not fit into the spool ({self._reason})"

    def append(self, content: str) -> bool:
        """Append one record, ASCII JSON; return whether it is written. Does nothing in a forked child."""
        if getpid() != self.pid:
            return False
        self._seq += 1
        written = encode_line(self._seq, content)
        size = len(written)
        try:
            # A test may have closed our descriptor and opened its own file with the same number. Our file ends
            # with the last 16 bytes written, so a read of 17 bytes returns exactly these.
            at = self._at
            if at < self._check_at and size <= MAX_RECORD_BYTES and pread(self._fd, 17, at) == self._mark:
                count = write(self._fd, written)
                if count == size:
                    self._at = at + size
                    self._mark = written[-16:]
                    return True
                self._record_written(written[:count])
                written = written[count:]
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
        except BaseException:
            # A signal handler raised an exception. If the line is already written, a reader ignores the copy.
            self._keep(written, False)
            raise
        return self._append_slowly(content, written, size)

    def close(self) -> None:
        """Write all pending lines, to another directory if necessary; close the file if it is still ours."""
        if getpid() != self.pid or self._seq < 0:
            return
        self._settle()
        self._count_lost(self._pending)
        self._pending.clear()
        if self._is_ours(self._fd):
            close(self._fd)
        # From now on `append` does nothing.
        self._fd = self.pid = self._seq = -1

    # The following methods run once per spool, occasionally, or after errors.

    def _append_slowly(self, content: str, written: bytes, size: int) -> bool:
        if size > MAX_RECORD_BYTES:
            written = encode_line(self._seq, shorten(content))
            size = len(written)
        if self._seq == 1 and content.startswith('["run",'):
            # Write the first record twice, because a spool with a damaged first record could not be delivered.
            self._head = written + encode_line(2, content)
            self._seq, written = 2, self._head
        droppable = len(written) == size and _is_dispensable(written)
        if self._at >= self._limit + (0 if droppable else RESERVE_BYTES) or size > MAX_RECORD_BYTES:
            self._reason = "it has reached its maximum size"
            self._count_lost([(written, droppable)])
            return False
        self._keep(written, droppable)
        if self._pause > 0:
            self._pause -= 1
        elif self._flush():
            return True
        return False

    def _keep(self, written: bytes, droppable: bool) -> None:
        """Keep a line in memory; until it is written, `append` does not use its fast path."""
        self._check_at = -1
        self._pending.append((written, droppable))
        self._pending_bytes += len(written) + OVERHEAD_BYTES
        if self._pending_bytes > RING_BYTES:
            self._discard_oldest()

    def _discard_oldest(self) -> None:
        """Discard the oldest lines, of passed tests first, until a quarter of the memory is free.

        The first line stays, because it may be the rest of a partly written line.
        """
        for passed_only in (True, False):
            if self._pending_bytes <= RING_BYTES:
                return
            excess = self._pending_bytes - RING_BYTES * 3 // 4
            first, stay = self._pending.popleft(), deque[Pending]()
            for pending in self._pending:
                if excess > 0 and (pending[1] or not passed_only):
                    excess -= len(pending[0]) + OVERHEAD_BYTES
                    self._count_lost([pending])
                else:
                    stay.append(pending)
            stay.appendleft(first)
            self._pending = stay
            self._pending_bytes = sum(len(written) + OVERHEAD_BYTES for written, _ in stay)

    def _count_lost(self, pending: Iterable[Pending]) -> None:
        self.dropped += sum(1 for written, _ in pending if b' ["began",' not in written[:40])

    def _flush(self) -> bool:
        """Write all pending lines, or continue in another file after repeated errors; return whether it worked."""
        try:
            self._write_pending()
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
            self._failures += 1
            self._pause = min(self._failures, LONGEST_PAUSE) - 1
            # Move only at failures 2, 4, 8 and so on, because a move copies the file.
            is_time = self._failures > 1 and self._failures & (self._failures - 1) == 0
            return is_time and self._move()
        self._failures = self._pause = 0
        self._check_at = min(self._at + CHECK_BYTES, self._limit)
        return True

    def _settle(self) -> None:
        """Write all pending lines, trying every directory once."""
        try:
            self._write_pending()
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
            self._move()

    def _write_pending(self) -> None:
        self._reclaim()
        while self._pending:
            written, _ = self._pending[0]
            count = write(self._fd, written)
            self._record_written(written[:count])
            if count < len(written):
                # Write the rest in the next iteration. Its error, if any, shows the reason.
                self._pending[0] = (written[count:], False)
                self._pending_bytes -= count
            else:
                self._pending.popleft()
                self._pending_bytes -= len(written) + OVERHEAD_BYTES

    def _record_written(self, written: bytes) -> None:
        end = self._at + len(self._mark) + len(written)
        self._mark = (self._mark + written)[-MARK_BYTES:]
        self._at = end - len(self._mark)

    def _reclaim(self) -> None:
        """Ensure that the descriptor refers to our file at its path; raise `OSError` otherwise.

        If a test closed the descriptor, the file is opened again. If another file has the number of the old
        descriptor, that file stays open.
        """
        if not self._is_ours(self._fd):
            self._fd = reopen(self.path)
            if not self._is_ours(self._fd):
                close(self._fd)
                self._fd = -1
                raise OSError(ENOENT, "another file is at the path of the spool", str(self.path))
            lock(self._fd)
        status = lstat(self.path)
        if (status.st_dev, status.st_ino) != self._identity:
            raise OSError(ENOENT, "another file is at the path of the spool", str(self.path))
        if status.st_size != self._at + len(self._mark):
            self._measure(status.st_size)

    def _measure(self, size: int) -> None:
        """Read the end of the file again, after a write was interrupted before its position was stored."""
        self._mark = pread(self._fd, MARK_BYTES, max(0, size - MARK_BYTES))
        self._at = size - len(self._mark)
        if self._mark and self._mark[-1:] != b"\n":
            # End the truncated line here, so that the next line remains readable.
            self._pending.appendleft((b"\n", False))
            self._pending_bytes += OVERHEAD_BYTES + 1

    def _is_ours(self, descriptor: int) -> bool:
        """Return whether a descriptor refers to our file, with the last bytes written at their position."""
        try:
            same = get_file_id(descriptor) == self._identity
            return same and pread(descriptor, len(self._mark), self._at) == self._mark
        except OSError:
            return False

    def _move(self) -> bool:
        """Continue in the first directory that is writable; return whether there is one.

        The current directory is tried last, because a test that removed it may check that it stays removed.
        """
        for directory in [*self._elsewhere, self.path.parent]:
            path = directory / self.path.name
            try:
                prepare(directory)
                # This fails if our file exists there, so the writer does not return to an abandoned directory.
                descriptor = create_file(path)
                lock(descriptor)
            except OSError:
                continue
            if self._continue_in(path, descriptor):
                return True
        return False

    def _continue_in(self, path: Path, descriptor: int) -> bool:
        """Continue in a new file: copy the old one, and write the pending lines; return whether that succeeded."""
        source = self._source()
        before = self._fd, self.path, self._identity, self._at, self._mark, self._limit
        pending = self._pending.copy()
        try:
            copy_content(source, descriptor, self._at + len(self._mark), self._head)
            self._fd, self.path, self._identity = descriptor, path, get_file_id(descriptor)
            self._limit = _get_limit(path.parent)
            if source < 0:
                self._measure(self._at + len(self._mark))
            self._write_pending()
        except OSError:
            self._fd, self.path, self._identity, self._at, self._mark, self._limit = before
            self._pending = pending
            self._pending_bytes = sum(len(written) + OVERHEAD_BYTES for written, _ in pending)
            close(descriptor)
            remove_if_possible(path)
            return False
        if source >= 0:
            close(source)
        self._failures = self._pause = 0
        self._check_at = min(self._at + CHECK_BYTES, self._limit)
        return True

    def _source(self) -> int:
        """Return a descriptor of our file in its current state; -1 if it no longer exists."""
        if self._is_ours(self._fd):
            return self._fd
        try:
            opened = reopen(self.path)
        except OSError:
            return -1
        if self._is_ours(opened):
            self._fd = opened
            return opened
        close(opened)
        return -1


def _get_limit(directory: Path) -> int:
    """Return the size of a spool in bytes up to which dispensable records are written in a directory."""
    return max(0, min(SPOOL_BYTES, DIRECTORY_BYTES - measure_spools(directory)) - RESERVE_BYTES)


def _is_dispensable(written: bytes) -> bool:
    """Return whether a line is dispensable: a passed test, the start of a test, or a budget."""
    content = written.split(b" ", 3)[-1]
    return content.startswith((b'["began",', b'["budget",')) or (
        content.startswith(b'["test",') and b'","ppp",' in content
    )
