"""Writing a spool: one line, one write, in the process of the tests.

Every name used while tests run is bound here at import: a test may patch `os`, `json` and `time`.
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
from akastats.spool.files import bytes_of_spools, copy, created, identity, lock, prepare, remove, reopened
from akastats.spool.format import MAX_RECORD_BYTES, SUFFIX, VERSION, line, shortened

try:
    from os import pread
except ImportError:
    # Windows has it not: there this module can be imported, and no more.
    pass

# What cannot be written is kept in memory: so much of it, each record counted with what Python adds to it.
RING_BYTES = 8 * 1024 * 1024
OVERHEAD_BYTES = 120

# A spool ends here for what can be done without, the records of tests that passed; the rest has a reserve.
SPOOL_BYTES = 256 * 1024 * 1024
RESERVE_BYTES = 16 * 1024 * 1024
# All spools of a directory.
DIRECTORY_BYTES = 1024 * 1024 * 1024

# How often, in bytes written, we look whether the file is still where it was made.
LOOK_BYTES = 64 * 1024

# While a place cannot be written it is tried with every record, then with every second ... at last every 64th.
LONGEST_PAUSE = 64

# What we wrote last tells our file from a foreign one: it ends with a CRC's line, so chance says no such thing.
MARK_BYTES = 16

# A kept line, and whether it can be done without.
Kept = tuple[bytes, bool]


def create(directories: Iterable[Path], run_id: str) -> Writer:
    """Return a spool in the first of `directories` that takes it; raise `SpoolError` if none does."""
    places, problems = list(directories), []
    for position, directory in enumerate(places):
        try:
            return Writer(directory, run_id, places[position + 1 :])
        except SpoolError as error:
            problems.append(str(error))
    raise SpoolError("; ".join(problems))


class Writer:
    """One spool file, written by the process that made it and by no fork of it.

    What cannot be written is kept and tried again; a place that stays unwritable is left for the next of
    `elsewhere`, where the file goes on under its name. Nothing is raised: `trouble` says what was lost.
    """

    def __init__(self, directory: Path, run_id: str, elsewhere: Sequence[Path] = ()) -> None:
        """Create a spool in `directory` (made if missing, 0700); raises `SpoolError` if that cannot be."""
        self.producer = secrets.token_hex(16)
        self.pid = getpid()
        self.path = Path(os.path.abspath(directory)) / f"{VERSION}-{run_id}-{self.pid}-{self.producer}{SUFFIX}"
        self.dropped = 0
        self._elsewhere = [Path(os.path.abspath(place)) for place in elsewhere]
        self._reason = ""
        self._seq = 0
        self._head = b""
        # Where the last bytes that we wrote stand, and what they are; from what size on to look around.
        self._at, self._mark = 0, b""
        self._look_at = -1
        self._kept: deque[Kept] = deque()
        self._kept_bytes = self._failures = self._pause = 0
        self._open_new(self.path)
        self._limit = _room(self.path.parent)

    def _open_new(self, path: Path) -> None:
        try:
            prepare(path.parent)
            self._fd = created(path)
            self.is_locked = lock(self._fd)
        except OSError as error:
            raise SpoolError(f"cannot write a spool in {path.parent}: {error.strerror}") from error
        self._identity = identity(self._fd)

    @property
    def trouble(self) -> str:
        """What was lost and why; empty while everything is written, or may still be."""
        if not self.dropped:
            return ""
        return f"{self.dropped} records had no room in the spool ({self._reason})"

    def append(self, content: str) -> bool:
        """Append one record, ASCII JSON; return whether it is written. Does nothing in a forked child."""
        if getpid() != self.pid:
            return False
        self._seq += 1
        written = line(self._seq, content)
        size = len(written)
        try:
            # A test may have closed our descriptor and opened a file of its own under its number. Ours ends
            # with what we wrote last and with nothing behind it: 17 bytes are asked for and 16 come.
            at = self._at
            if at < self._look_at and size <= MAX_RECORD_BYTES and pread(self._fd, 17, at) == self._mark:
                count = write(self._fd, written)
                if count == size:
                    self._at = at + size
                    self._mark = written[-16:]
                    return True
                self._wrote(written[:count])
                written = written[count:]
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
        except BaseException:
            # A signal's handler raised: whether it is written or not, it will be, and a reader takes one of two.
            self._keep(written, False)
            raise
        return self._append_slowly(content, written, size)

    def close(self) -> None:
        """Write what is left, wherever that can be done, and close the file, if it is still ours."""
        if getpid() != self.pid or self._seq < 0:
            return
        self._settle()
        self._lose(self._kept)
        self._kept.clear()
        if self._holds(self._fd):
            close(self._fd)
        # From here on `append` has nowhere to write to.
        self._fd = self.pid = self._seq = -1

    # What follows happens once a spool, now and then, or in trouble.

    def _append_slowly(self, content: str, written: bytes, size: int) -> bool:
        if size > MAX_RECORD_BYTES:
            written = line(self._seq, shortened(content))
            size = len(written)
        if self._seq == 1 and content.startswith('["run",'):
            # Twice, since a spool whose first record is damaged would be nobody's.
            self._head = written + line(2, content)
            self._seq, written = 2, self._head
        droppable = len(written) == size and _is_dispensable(written)
        if self._at >= self._limit + (0 if droppable else RESERVE_BYTES) or size > MAX_RECORD_BYTES:
            self._reason = "it has reached its size"
            self._lose([(written, droppable)])
            return False
        self._keep(written, droppable)
        if self._pause > 0:
            self._pause -= 1
        elif self._flush():
            return True
        return False

    def _keep(self, written: bytes, droppable: bool) -> None:
        """Keep a line for later; the short way of `append` is closed while there is one."""
        self._look_at = -1
        self._kept.append((written, droppable))
        self._kept_bytes += len(written) + OVERHEAD_BYTES
        if self._kept_bytes > RING_BYTES:
            self._thin()

    def _thin(self) -> None:
        """Let the oldest go, of tests that passed first, until a quarter of the memory is free.

        The first line stays: it may be the rest of one that is half written.
        """
        for passed_only in (True, False):
            if self._kept_bytes <= RING_BYTES:
                return
            excess = self._kept_bytes - RING_BYTES * 3 // 4
            first, stay = self._kept.popleft(), deque[Kept]()
            for kept in self._kept:
                if excess > 0 and (kept[1] or not passed_only):
                    excess -= len(kept[0]) + OVERHEAD_BYTES
                    self._lose([kept])
                else:
                    stay.append(kept)
            stay.appendleft(first)
            self._kept = stay
            self._kept_bytes = sum(len(written) + OVERHEAD_BYTES for written, _ in stay)

    def _lose(self, kept: Iterable[Kept]) -> None:
        self.dropped += sum(1 for written, _ in kept if b' ["began",' not in written[:40])

    def _flush(self) -> bool:
        """Write all that is kept; where that fails again, go on elsewhere. Return whether it is written."""
        try:
            self._write_kept()
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
            self._failures += 1
            self._pause = min(self._failures, LONGEST_PAUSE) - 1
            # At the second failure, the fourth, the eighth: a move copies the file.
            is_time = self._failures > 1 and self._failures & (self._failures - 1) == 0
            return is_time and self._move()
        self._failures = self._pause = 0
        self._look_at = min(self._at + LOOK_BYTES, self._limit)
        return True

    def _settle(self) -> None:
        """Look around and write all that is kept, trying every place once."""
        try:
            self._write_kept()
        except OSError as error:
            self._reason = error.strerror or type(error).__name__
            self._move()

    def _write_kept(self) -> None:
        self._take_back()
        while self._kept:
            written, _ = self._kept[0]
            count = write(self._fd, written)
            self._wrote(written[:count])
            if count < len(written):
                # Its rest is tried once more now, since only a write says what is wrong.
                self._kept[0] = (written[count:], False)
                self._kept_bytes -= count
            else:
                self._kept.popleft()
                self._kept_bytes -= len(written) + OVERHEAD_BYTES

    def _wrote(self, written: bytes) -> None:
        end = self._at + len(self._mark) + len(written)
        self._mark = (self._mark + written)[-MARK_BYTES:]
        self._at = end - len(self._mark)

    def _take_back(self) -> None:
        """Make sure that our descriptor is our file's and stands in its directory; raises `OSError`.

        Where a test has closed it, the file is opened again; the descriptor that took its number is not touched.
        """
        if not self._holds(self._fd):
            self._fd = reopened(self.path)
            if not self._holds(self._fd):
                close(self._fd)
                self._fd = -1
                raise OSError(ENOENT, "another file stands in its place", str(self.path))
            lock(self._fd)
        found = lstat(self.path)
        if (found.st_dev, found.st_ino) != self._identity:
            raise OSError(ENOENT, "another file stands in its place", str(self.path))
        if found.st_size != self._at + len(self._mark):
            self._measure(found.st_size)

    def _measure(self, size: int) -> None:
        """Take the file's end from the file: a write of ours was broken off before it was noted."""
        self._mark = pread(self._fd, MARK_BYTES, max(0, size - MARK_BYTES))
        self._at = size - len(self._mark)
        if self._mark and self._mark[-1:] != b"\n":
            # A line that was cut short ends here, so that it costs itself and no other.
            self._kept.appendleft((b"\n", False))
            self._kept_bytes += OVERHEAD_BYTES + 1

    def _holds(self, descriptor: int) -> bool:
        """Whether a descriptor is our file's: the same file, and what we wrote last where we wrote it."""
        try:
            same = identity(descriptor) == self._identity
            return same and pread(descriptor, len(self._mark), self._at) == self._mark
        except OSError:
            return False

    def _move(self) -> bool:
        """Go on in the first place that takes the file; return whether one did.

        Its own directory comes last: a test that has removed it may look whether it is gone.
        """
        for directory in [*self._elsewhere, self.path.parent]:
            path = directory / self.path.name
            try:
                prepare(directory)
                # Fails where a file of ours stands already: a place is left for good.
                descriptor = created(path)
                lock(descriptor)
            except OSError:
                continue
            if self._go_on_in(path, descriptor):
                return True
        return False

    def _go_on_in(self, path: Path, descriptor: int) -> bool:
        """Continue in a new file, what is written copied and what is kept written; return whether it took it."""
        source = self._source()
        before = self._fd, self.path, self._identity, self._at, self._mark, self._limit
        kept = self._kept.copy()
        try:
            copy(source, descriptor, self._at + len(self._mark), self._head)
            self._fd, self.path, self._identity = descriptor, path, identity(descriptor)
            self._limit = _room(path.parent)
            if source < 0:
                self._measure(self._at + len(self._mark))
            self._write_kept()
        except OSError:
            self._fd, self.path, self._identity, self._at, self._mark, self._limit = before
            self._kept = kept
            self._kept_bytes = sum(len(written) + OVERHEAD_BYTES for written, _ in kept)
            close(descriptor)
            remove(path)
            return False
        if source >= 0:
            close(source)
        self._failures = self._pause = 0
        self._look_at = min(self._at + LOOK_BYTES, self._limit)
        return True

    def _source(self) -> int:
        """Return a descriptor of our file as it is, -1 where there is none any more."""
        if self._holds(self._fd):
            return self._fd
        try:
            opened = reopened(self.path)
        except OSError:
            return -1
        if self._holds(opened):
            self._fd = opened
            return opened
        close(opened)
        return -1


def _room(directory: Path) -> int:
    """Return how large a new spool of a directory may grow before tests that passed are left out."""
    return max(0, min(SPOOL_BYTES, DIRECTORY_BYTES - bytes_of_spools(directory)) - RESERVE_BYTES)


def _is_dispensable(written: bytes) -> bool:
    """Whether a line is that of a test that passed, or of a beginning, or of a budget."""
    content = written.split(b" ", 3)[-1]
    return content.startswith((b'["began",', b'["budget",')) or (
        content.startswith(b'["test",') and b'","ppp",' in content
    )
