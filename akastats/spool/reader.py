"""Reading a spool, also while it grows and after it was damaged: intact records all come, nothing else does."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from errno import EPERM
from pathlib import Path

from akastats import trust
from akastats.errors import SpoolError
from akastats.spool.directories import problem_of
from akastats.spool.format import MAX_RECORD_BYTES, Record, parse, records_in

CHUNK_BYTES = 256 * 1024

# A line is a record and its head; what goes on for longer without a newline is not ours.
MAX_LINE_BYTES = MAX_RECORD_BYTES + 64

# Damaged pieces whose place is remembered, and how many of their bytes are set aside; all are counted.
MAX_PIECES = 1000
MAX_ASIDE_BYTES = 1024 * 1024

# Not set aside and not counted: what other systems' tools put before a text and at the end of its lines.
_DECORATION = b"\xef\xbb\xbf\r"


class Reader:
    """Reader of one spool: each `read` returns some of the records added since the last one.

    A file that others own or can write to is read only if the user has named it or its directory (`is_named`).
    The file stays open, so that it can be deleted meanwhile. One that is longer, of the same name, in one of
    the directories `elsewhere` is the same spool where its writer went on.
    """

    def __init__(self, path: Path, elsewhere: Sequence[Path] = (), is_named: bool = False) -> None:
        self.path = path
        self._is_named = is_named
        self._elsewhere = elsewhere
        self._fd = -1
        self.rewind()

    def rewind(self) -> None:
        """Begin with the file again."""
        self.damaged = 0
        self._pieces: list[tuple[int, int]] = []
        self._damage_end = -1
        self._offset = 0
        self._tail = b""
        self._seq = 0

    def read(self, size: int = CHUNK_BYTES) -> list[Record]:
        """Return the intact records of the next part that was added, in order; empty when there is none.

        A last line without its newline waits for the rest. Raises `FileNotFoundError` if there is no file,
        `SpoolError` for what is no file: a directory, a pipe, a device.
        """
        records: list[Record] = []
        while not records:
            chunk = self._chunk(size)
            if not chunk:
                break
            records = self._split(chunk)
        return records

    def finish(self) -> list[Record]:
        """Return what stands in a last line without its newline; for a spool that nobody goes on writing."""
        rest, self._tail = self._tail, b""
        return list(self._take(rest, self._offset - len(rest)))

    def sync(self) -> None:
        """Have the system write to the disk what it holds of the file."""
        if self._fd >= 0:
            getattr(os, "fdatasync", os.fsync)(self._fd)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _chunk(self, size: int) -> bytes:
        if self._fd < 0:
            self._fd = self._first()
        chunk = os.pread(self._fd, size, self._offset)
        if not chunk and self._follow():
            chunk = os.pread(self._fd, size, self._offset)
        if chunk[:1] == b"\0" and len(chunk) == size and not chunk.strip(b"\0"):
            return self._behind_hole(size)
        return chunk

    def _first(self) -> int:
        problem: Exception = FileNotFoundError(f"no spool at {self.path}")
        for path in self._places():
            try:
                return self._opened(path)
            except FileNotFoundError:
                continue
            except (OSError, SpoolError) as error:
                # Another user may have put it there to block our own file in another directory.
                problem = error
        raise problem

    def _places(self) -> Iterator[Path]:
        yield self.path
        for directory in self._elsewhere:
            if not problem_of(directory):
                yield directory / self.path.name

    def _opened(self, path: Path) -> int:
        """Open a plain file of this user, or of the owner of a directory that the user named."""
        try:
            return trust.open_trusted(path, self._is_named)
        except OSError as error:
            if error.errno == EPERM:
                raise SpoolError(f"{path} is not read: {error.strerror}") from error
            raise

    def _follow(self) -> bool:
        """Go on in another file of our name that is longer than ours, if there is one; return whether there is."""
        here = os.fstat(self._fd)
        for path in self._places():
            try:
                found = os.stat(path, follow_symlinks=False)
                if found.st_size <= self._offset or (found.st_dev, found.st_ino) == (here.st_dev, here.st_ino):
                    continue
                followed = self._opened(path)
            except (OSError, SpoolError):
                continue
            self.close()
            self._fd, self.path = followed, path
            return True
        return False

    def _behind_hole(self, size: int) -> bytes:
        """Return the chunk behind zeros, which a file system can tell of without reading them."""
        end = os.fstat(self._fd).st_size
        try:
            data = os.lseek(self._fd, self._offset, os.SEEK_DATA)
        except (OSError, AttributeError):
            data = end
        data = max(data, min(self._offset + size, end))
        self._mark(self._offset - len(self._tail), data)
        self._offset, self._tail = data, b""
        return self._chunk(size)

    def _split(self, chunk: bytes) -> list[Record]:
        at = self._offset - len(self._tail)
        self._offset += len(chunk)
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        if len(self._tail) > MAX_LINE_BYTES:
            # Not ours: a line never grows this long. What is kept may hold a record's beginning.
            cut = len(self._tail) - MAX_LINE_BYTES
            start = self._offset - len(self._tail)
            self._tail = self._tail[cut:]
            self._mark(start, start + cut)
        records: list[Record] = []
        for line in lines:
            if line:
                record = parse(line)
                if record is not None and record.seq > self._seq:
                    self._seq = record.seq
                    records.append(record)
                else:
                    records += self._take(line, at)
            at += len(line) + 1
        return records

    def _take(self, line: bytes, at: int) -> Iterator[Record]:
        """Yield the records in a line that is not one as it stands; the rest of it is damaged."""
        taken = 0
        for found in records_in(line):
            if found.record.seq > self._seq:
                self._seq = found.record.seq
                self._note(line[taken : found.start], at + taken)
                taken = found.stop
                yield found.record
        self._note(line[taken:], at + taken)

    def _note(self, piece: bytes, at: int) -> None:
        if piece.strip(_DECORATION):
            self._mark(at, at + len(piece))

    def _mark(self, start: int, stop: int) -> None:
        """Count a damaged piece, unless it continues the one before it."""
        if start != self._damage_end:
            self.damaged += 1
        if len(self._pieces) < MAX_PIECES:
            self._pieces.append((start, stop))
        self._damage_end = stop

    def set_aside(self) -> None:
        """Copy damaged bytes to a file beside the spool, its name with `.bad`; what is there already stays."""
        if not self._pieces:
            return
        target = self.path.with_name(f"{self.path.name}.bad")
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError:
            return
        with open(descriptor, "wb") as bad:
            bad.writelines(self._damaged_bytes(self._pieces))

    def _damaged_bytes(self, pieces: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        room = MAX_ASIDE_BYTES
        for start, stop in pieces:
            piece = os.pread(self._fd, min(stop - start, room), start)
            room -= len(piece)
            yield piece + b"\n"
