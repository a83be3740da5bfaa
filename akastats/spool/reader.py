"""Read a spool, even while it grows or if it is damaged: return every intact record and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from errno import EPERM
from pathlib import Path

from akastats import trust
from akastats.errors import SpoolError
from akastats.spool.directories import check_spool_directory
from akastats.spool.format import MAX_RECORD_BYTES, Record, decode_line, find_records

# Maximum number of bytes per read, unless the caller passes another.
CHUNK_BYTES = 256 * 1024

# Maximum number of bytes per line, which has a record, its CRC and its length. A longer line is damaged.
MAX_LINE_BYTES = MAX_RECORD_BYTES + 64

# Maximum number of damaged pieces per spool whose positions are recorded. All damaged pieces are counted.
MAX_PIECES = 1000
# Maximum number of damaged bytes per spool that `set_aside` saves.
MAX_SAVED_BYTES = 1024 * 1024

# Bytes that do not count as damage: a byte order mark and carriage returns, which tools of other systems add.
_DECORATION = b"\xef\xbb\xbf\r"


class Reader:
    """Reader of one spool: each `read` returns some of the records added since the last one.

    A file that others own or can write to is read only if the user named it or its directory (`is_named`).
    The file stays open, so reading continues even after the file is deleted. If one of the directories `elsewhere`
    contains a longer file with the same name, its writer moved there, and the reader continues in that file.
    """

    def __init__(self, path: Path, elsewhere: Sequence[Path] = (), is_named: bool = False) -> None:
        self.path = path
        self._is_named = is_named
        self._elsewhere = elsewhere
        self._fd = -1
        self.rewind()

    def rewind(self) -> None:
        """Start again at the beginning of the file."""
        self.damaged = 0
        self._pieces: list[tuple[int, int]] = []
        self._damage_end = -1
        self._offset = 0
        self._tail = b""
        self._seq = 0

    def read(self, size: int = CHUNK_BYTES) -> list[Record]:
        """Return the intact records of the next part of the file, in order; empty at the end.

        A last line without a newline is incomplete and waits for the rest. Raises `FileNotFoundError` if there is
        no file, and `SpoolError` if the path is not a regular file or is not trusted.
        """
        records: list[Record] = []
        while not records:
            chunk = self._read_chunk(size)
            if not chunk:
                break
            records = self._split(chunk)
        return records

    def finish(self) -> list[Record]:
        """Return the records in a last line without a newline; call this only if the spool has no writer."""
        rest, self._tail = self._tail, b""
        return list(self._extract(rest, self._offset - len(rest)))

    def sync(self) -> None:
        """Write the file's cached data to the disk."""
        if self._fd >= 0:
            getattr(os, "fdatasync", os.fsync)(self._fd)

    def close(self) -> None:
        """Close the file."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _read_chunk(self, size: int) -> bytes:
        if self._fd < 0:
            self._fd = self._open_first()
        chunk = os.pread(self._fd, size, self._offset)
        if not chunk and self._follow():
            chunk = os.pread(self._fd, size, self._offset)
        if chunk[:1] == b"\0" and len(chunk) == size and not chunk.strip(b"\0"):
            return self._read_after_hole(size)
        return chunk

    def _open_first(self) -> int:
        problem: Exception = FileNotFoundError(f"no spool at {self.path}")
        for path in self._paths():
            try:
                return self._open(path)
            except FileNotFoundError:
                continue
            except (OSError, SpoolError) as error:
                # Try the next path: another user may have created this file to hide our own spool.
                problem = error
        raise problem

    def _paths(self) -> Iterator[Path]:
        yield self.path
        for directory in self._elsewhere:
            if not check_spool_directory(directory):
                yield directory / self.path.name

    def _open(self, path: Path) -> int:
        """Open a regular file of this user, or of the owner of a directory that the user named."""
        try:
            return trust.open_trusted(path, self._is_named)
        except OSError as error:
            if error.errno == EPERM:
                raise SpoolError(f"{path} is not trusted: {error.strerror}") from error
            raise

    def _follow(self) -> bool:
        """Continue in a longer file with the same name; return whether there is one."""
        here = os.fstat(self._fd)
        for path in self._paths():
            try:
                other = os.stat(path, follow_symlinks=False)
                if other.st_size <= self._offset or (other.st_dev, other.st_ino) == (here.st_dev, here.st_ino):
                    continue
                descriptor = self._open(path)
            except (OSError, SpoolError):
                continue
            self.close()
            self._fd, self.path = descriptor, path
            return True
        return False

    def _read_after_hole(self, size: int) -> bytes:
        """Return the chunk after a hole, which the file system can locate without reading it."""
        end = os.fstat(self._fd).st_size
        try:
            data = os.lseek(self._fd, self._offset, os.SEEK_DATA)
        except (OSError, AttributeError):
            data = end
        data = max(data, min(self._offset + size, end))
        self._add_damage(self._offset - len(self._tail), data)
        self._offset, self._tail = data, b""
        return self._read_chunk(size)

    def _split(self, chunk: bytes) -> list[Record]:
        at = self._offset - len(self._tail)
        self._offset += len(chunk)
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        if len(self._tail) > MAX_LINE_BYTES:
            # No valid line is this long. Keep the end, because it may contain the start of a record.
            cut = len(self._tail) - MAX_LINE_BYTES
            start = self._offset - len(self._tail)
            self._tail = self._tail[cut:]
            self._add_damage(start, start + cut)
        records: list[Record] = []
        for line in lines:
            if line:
                record = decode_line(line)
                if record is not None and record.seq > self._seq:
                    self._seq = record.seq
                    records.append(record)
                else:
                    records += self._extract(line, at)
            at += len(line) + 1
        return records

    def _extract(self, line: bytes, at: int) -> Iterator[Record]:
        """Yield the records inside a damaged line; count the rest of it as damaged."""
        position = 0
        for match in find_records(line):
            if match.record.seq > self._seq:
                self._seq = match.record.seq
                self._check_rest(line[position : match.start], at + position)
                position = match.stop
                yield match.record
        self._check_rest(line[position:], at + position)

    def _check_rest(self, piece: bytes, at: int) -> None:
        if piece.strip(_DECORATION):
            self._add_damage(at, at + len(piece))

    def _add_damage(self, start: int, stop: int) -> None:
        """Count a damaged piece, unless it continues the previous one."""
        if start != self._damage_end:
            self.damaged += 1
        if len(self._pieces) < MAX_PIECES:
            self._pieces.append((start, stop))
        self._damage_end = stop

    def set_aside(self) -> None:
        """Copy damaged bytes to a new file beside the spool, named after it with `.bad` appended."""
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
        room = MAX_SAVED_BYTES
        for start, stop in pieces:
            piece = os.pread(self._fd, min(stop - start, room), start)
            room -= len(piece)
            yield piece + b"\n"
