"""Writing a spool: one line, one write, in the process of the tests.

Every name used while tests run is bound here at import: a test may patch `os`, `json` and `time`.
"""

from __future__ import annotations

import os
import secrets
from os import SEEK_CUR, close, getpid, lseek, write
from pathlib import Path

from akastats.errors import SpoolError
from akastats.spool.format import SUFFIX, VERSION, line


def prepare(directory: Path) -> None:
    """Make a spool directory and its project's `.akastats` above it, for this user alone and unknown to git."""
    home = directory.parent
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


class Writer:
    """One spool file, written by the process that made it and by no fork of it."""

    def __init__(self, directory: Path, run_id: str) -> None:
        """Create a spool in `directory` (made if missing, 0700); raises `SpoolError` if that cannot be."""
        self.producer = secrets.token_hex(16)
        self.pid = getpid()
        self.path = directory / f"{VERSION}-{run_id}-{self.pid}-{self.producer}{SUFFIX}"
        self._seq = 0
        self._torn = False
        try:
            prepare(directory)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._fd = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise SpoolError(f"cannot write a spool in {directory}: {error.strerror}") from error
        self._size = 0

    def append(self, content: str) -> bool:
        """Append one record, ASCII JSON; return whether it is written whole.

        Does nothing in a forked child. Raises `OSError` when the file cannot be written, `SpoolError`
        when the descriptor is no longer ours: a test may have closed it and opened a file of its own.
        """
        if getpid() != self.pid:
            return False
        # We alone append, so our descriptor stands where the last line ended; one that a test opened
        # under the same number does not. fstat says the same at 15 times the instructions.
        if lseek(self._fd, 0, SEEK_CUR) != self._size:
            raise SpoolError(f"the descriptor of {self.path} was taken over")
        self._seq += 1
        written = line(self._seq, content)
        if self._torn:
            # A line that was cut short ends here, so that it costs itself and no other.
            written = b"\n" + written
        count = write(self._fd, written)
        self._size += count
        self._torn = count != len(written)
        return not self._torn

    def close(self) -> None:
        """Close the file, if it is still ours."""
        if getpid() == self.pid and self._size >= 0 and lseek(self._fd, 0, SEEK_CUR) == self._size:
            close(self._fd)
        self._size = -1
