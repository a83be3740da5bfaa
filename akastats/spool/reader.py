"""Reading a spool, also while it grows and after it was damaged: intact records all come, nothing else does."""

from __future__ import annotations

from pathlib import Path

from akastats.spool.format import MAX_RECORD_BYTES, Record, parse

CHUNK_BYTES = 256 * 1024


class Reader:
    """Follows one spool: each `read` returns some of what has been added since."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        self._offset = 0
        self._tail = b""
        self._seq = 0

    def read(self) -> list[Record]:
        """Return the intact records of the next part that was added, in order; empty when there is none.

        A last line without its newline waits for the rest. Raises `FileNotFoundError` if the file is gone.
        """
        records: list[Record] = []
        while not records:
            with self.path.open("rb") as spool:
                spool.seek(self._offset)
                chunk = spool.read(CHUNK_BYTES)
            if not chunk:
                break
            records = self._split(chunk)
        return records

    def _split(self, chunk: bytes) -> list[Record]:
        self._offset += len(chunk)
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        if len(self._tail) > 2 * MAX_RECORD_BYTES:
            # Not ours: a line never grows this long.
            self._tail = self._tail[-1:]
            self.damaged += 1
        return [record for record in map(self._accept, lines) if record is not None]

    def _accept(self, line: bytes) -> Record | None:
        if not line:
            return None
        record = parse(line)
        if record is None or record.seq <= self._seq:
            self.damaged += 1
            return None
        self._seq = record.seq
        return record
