"""A run made of reports: its spool, under a name that follows from what the reports hold.

Whoever imports the same report again writes the same spool of the same producer, and the server's cursor knows
that producer: nothing is counted twice.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedWriter
from pathlib import Path
from typing import Any, BinaryIO

from akastats.errors import ReportError
from akastats.importers.junit.characters import Repair
from akastats.importers.junit.records import records
from akastats.importers.junit.report import MAX_CASES, Case, Suite, read
from akastats.importers.junit.times import FIRST, Clock, moment
from akastats.redact import Redactor
from akastats.spool.format import MAX_RECORD_BYTES, SUFFIX, VERSION, line, shortened

#: Is told how many bytes more have been read.
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Given:
    """What reports do not say; `started` (epoch seconds, `None`: as they say) moves all of their times."""

    suite: str = ""
    branch: str = ""
    commit: str = ""
    started: float | None = None


@dataclass(frozen=True)
class Outline:
    """Fields of a run that its first record needs; `started` in epoch seconds.

    `told` is when the first suite says that it began, `None` where none does. `now` is the time of the import, of
    which no run is ahead. `repaired` counts the characters that XML forbids.
    """

    paths: tuple[Path, ...]
    producer: str
    run_id: str
    started: float
    told: float | None
    host: str
    cases: int
    now: float
    repaired: int = 0


@dataclass(frozen=True)
class Spooled:
    """A run's spool: `unreadable` counts durations that no sense could be made of."""

    path: Path
    unreadable: int


def outline(
    paths: Sequence[Path], given: Given, advance: Progress, clock: Callable[[], float] = time.time
) -> Outline:
    """Read the reports of one run through; raises `ReportError` if one of them is none."""
    now = clock()
    digests, moments, hosts, cases, repaired = [], [], [], 0, 0
    for path in paths:
        with _opened(path, advance) as stream:
            repair = Repair()
            for item in read(stream, repair):
                if isinstance(item, Suite):
                    moments.append(moment(item.timestamp, now))
                    hosts.append(item.host)
                else:
                    cases += 1
            digests.append(stream.digest)
            repaired += repair.count
    if cases > MAX_CASES:
        raise ReportError(f"together they have more than {MAX_CASES:,} tests: import them as several runs")
    told = min((when for when in moments if when is not None), default=None)
    started = given.started if given.started is not None else told
    if started is None:
        written = min(map(_modified, paths))
        # An archive may have dated the file 1970.
        started = written if written >= FIRST else now
    started = min(started, now)
    # A report without times, imported for several days, is several runs.
    identity = json.dumps([sorted(digests), given.suite, given.started])
    producer = sha256(identity.encode()).hexdigest()[:32]
    host = next((host for host in hosts if host), "")
    run_id = _run_id(started, producer)
    return Outline(tuple(paths), producer, run_id, started, told, host, cases, now, repaired)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise ReportError(f"it is gone: {error.strerror}") from error


def _run_id(started: float, producer: str) -> str:
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started))
    return f"{moment}{int(started * 1000) % 1000:03d}-{producer[:6]}"


def spool(directory: Path, run: Outline, given: Given, redact: Redactor, advance: Progress) -> Spooled:
    """Write the spool of a run into `directory`; raises `ReportError` if a report is none any more."""
    path = directory / f"{VERSION}-{run.run_id}-0-{run.producer}{SUFFIX}"
    shift = run.started - run.told if run.told is not None else 0.0
    clock = Clock(run.started, shift, run.now)
    with open(path, "xb") as file:
        _write(file, _told(run, given, redact, clock, advance))
    return Spooled(path, clock.unreadable)


def _write(file: BufferedWriter, told: Iterable[list[Any]]) -> None:
    for seq, record in enumerate(told, 1):
        written = line(seq, json.dumps(record, separators=(",", ":")))
        if len(written) > MAX_RECORD_BYTES:
            written = line(seq, shortened(json.dumps(record, separators=(",", ":"))))
        file.write(written)


def _told(run: Outline, given: Given, redact: Redactor, clock: Clock, advance: Progress) -> Iterator[list[Any]]:
    header = ["run", _header(run, given, redact)]
    yield from (header, header)
    has_failed = False
    for record in records(_items(run.paths, advance), clock, redact):
        has_failed = has_failed or record[0] == "uncollected" or (record[0] == "test" and "f" in record[3])
        yield record
    exit_code = 1 if has_failed else 0 if run.cases else 5
    yield ["end", {"finished": clock.end, "exit_code": exit_code, "interrupted": False}]


def _header(run: Outline, given: Given, redact: Redactor) -> dict[str, Any]:
    names = " ".join(path.name for path in run.paths)
    return {
        "id": run.run_id,
        "suite": given.suite,
        "branch": given.branch,
        "commit": given.commit,
        "started": run.started,
        "host": run.host,
        "argv": redact(f"akastats import {names}")[:2000],
    }


def _items(paths: Iterable[Path], advance: Progress) -> Iterator[Suite | Case]:
    for path in paths:
        with _opened(path, advance) as stream:
            yield from read(stream)


class _Stream:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO, advance: Progress) -> None:
        self._file, self._advance = file, advance
        self._hash = sha256()

    @property
    def digest(self) -> str:
        """The hash of what has been read."""
        return self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        """Read on; raises `ReportError` where the system will not: what can be opened may have nothing to read."""
        try:
            piece = self._file.read(size)
        except OSError as error:
            raise ReportError(f"it cannot be read: {error.strerror}") from error
        self._hash.update(piece)
        self._advance(len(piece))
        return piece

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _opened(path: Path, advance: Progress) -> _Stream:
    # Asked so, a directory that may not be entered is no error but has no such file.
    if not os.path.isfile(path):
        raise ReportError("it is no file" if os.path.exists(path) else "there is no such file")
    try:
        return _Stream(open(path, "rb"), advance)  # closed by the stream
    except OSError as error:
        raise ReportError(f"it cannot be opened: {error.strerror}") from error
