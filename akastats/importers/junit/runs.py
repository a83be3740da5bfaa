"""Write the spool of a run from reports, with a name derived from their content.

Importing the same report again writes the same spool of the same producer. The server's cursor for that producer
prevents counting it twice.
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
from typing import BinaryIO

from akastats.errors import ReportError
from akastats.importers.junit.characters import Repair
from akastats.importers.junit.records import convert_cases
from akastats.importers.junit.report import MAX_CASES, Case, Suite, read_report
from akastats.importers.junit.times import FIRST, Clock, parse_time
from akastats.redact import Redactor
from akastats.spool.format import FAILED, MAX_RECORD_BYTES, SUFFIX, VERSION, encode_line, shorten
from akastats.spool.records import Attempt, CollectionError, Content, RunEnd, RunHeader, encode_content

#: Called with the number of bytes read since the last call.
Progress = Callable[[int], None]


@dataclass(frozen=True)
class RunFields:
    """Values that reports do not contain.

    suite, branch, commit: empty if unknown.
    started: start of the run in epoch seconds, to which all times are shifted; `None` keeps those of the reports.
    """

    suite: str = ""
    branch: str = ""
    commit: str = ""
    started: float | None = None


@dataclass(frozen=True)
class Outline:
    """Fields of a run that its first record contains.

    paths: files of the reports.
    producer: hash of the content of the files.
    run_id: id of the run.
    started: epoch seconds.
    reported: earliest start time of a suite; `None` if no suite has one.
    host: name of the machine in the reports.
    cases: number of tests.
    now: time of the import, in epoch seconds; all times of the run are at most this.
    repaired: number of characters that XML forbids.
    """

    paths: tuple[Path, ...]
    producer: str
    run_id: str
    started: float
    reported: float | None
    host: str
    cases: int
    now: float
    repaired: int = 0


@dataclass(frozen=True)
class Spooled:
    """The spool of a run.

    path: path of the spool
    unreadable: number of invalid durations in the reports
    """

    path: Path
    unreadable: int


def read_outline(
    paths: Sequence[Path], fields: RunFields, advance: Progress, clock: Callable[[], float] = time.time
) -> Outline:
    """Read the reports of one run; raise `ReportError` if one is invalid."""
    now = clock()
    digests, moments, hosts, cases, repaired = [], [], [], 0, 0
    for path in paths:
        with _open(path, advance) as stream:
            repair = Repair()
            for item in read_report(stream, repair):
                if isinstance(item, Suite):
                    moments.append(parse_time(item.timestamp, now))
                    hosts.append(item.host)
                else:
                    cases += 1
            digests.append(stream.digest)
            repaired += repair.count
    if cases > MAX_CASES:
        raise ReportError(f"together they have more than {MAX_CASES:,} tests; import them as several runs")
    reported = min((when for when in moments if when is not None), default=None)
    started = min(_start(paths, reported if fields.started is None else fields.started, now), now)
    # A report without times creates another run if it is imported again on another day.
    identity = json.dumps([sorted(digests), fields.suite, fields.started])
    producer = sha256(identity.encode()).hexdigest()[:32]
    host = next((host for host in hosts if host), "")
    run_id = _run_id(started, producer)
    return Outline(tuple(paths), producer, run_id, started, reported, host, cases, now, repaired)


def _start(paths: Sequence[Path], started: float | None, now: float) -> float:
    """Return the start of a run; if unknown, the oldest modification time of its reports."""
    if started is not None:
        return started
    written = min(map(_read_modification_time, paths))
    # The modification time may be 1970 if the file comes from an archive.
    return written if written >= FIRST else now


def _read_modification_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError as error:
        raise ReportError(f"cannot read the modification time of the file: {error.strerror}") from error


def _run_id(started: float, producer: str) -> str:
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(started))
    return f"{moment}{int(started * 1000) % 1000:03d}-{producer[:6]}"


def write_spool(directory: Path, run: Outline, fields: RunFields, redact: Redactor, advance: Progress) -> Spooled:
    """Write the spool of a run into `directory`; raise `ReportError` if a report has become invalid."""
    path = directory / f"{VERSION}-{run.run_id}-0-{run.producer}{SUFFIX}"
    shift = run.started - run.reported if run.reported is not None else 0.0
    clock = Clock(run.started, shift, run.now)
    with open(path, "xb") as file:
        _write(file, _make_records(run, fields, redact, clock, advance))
    return Spooled(path, clock.unreadable)


def _write(file: BufferedWriter, records: Iterable[Content]) -> None:
    for seq, record in enumerate(records, 1):
        content = encode_content(record)
        written = encode_line(seq, content)
        if len(written) > MAX_RECORD_BYTES:
            written = encode_line(seq, shorten(content))
        file.write(written)


def _make_records(
    run: Outline, fields: RunFields, redact: Redactor, clock: Clock, advance: Progress
) -> Iterator[Content]:
    header = _make_header(run, fields, redact)
    yield from (header, header)
    has_failed = False
    for record in convert_cases(_items(run.paths, advance), clock, redact):
        is_failed_attempt = isinstance(record, Attempt) and FAILED in record.letters
        has_failed = has_failed or is_failed_attempt or isinstance(record, CollectionError)
        yield record
    exit_code = 1 if has_failed else 0 if run.cases else 5
    yield RunEnd(clock.end, exit_code)


def _make_header(run: Outline, fields: RunFields, redact: Redactor) -> RunHeader:
    names = " ".join(path.name for path in run.paths)
    return RunHeader(
        id=run.run_id,
        started=run.started,
        suite=fields.suite,
        branch=fields.branch,
        commit=fields.commit,
        host=run.host,
        argv=redact(f"akastats import {names}")[:2000],
    )


def _items(paths: Iterable[Path], advance: Progress) -> Iterator[Suite | Case]:
    for path in paths:
        with _open(path, advance) as stream:
            yield from read_report(stream)


class _Stream:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO, advance: Progress) -> None:
        self._file, self._advance = file, advance
        self._hash = sha256()

    @property
    def digest(self) -> str:
        """Return the hash of the bytes read so far."""
        return self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        """Read bytes; raise `ReportError` if the system cannot read the open file."""
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


def _open(path: Path, advance: Progress) -> _Stream:
    # In a directory without permission, os.path.exists returns false and does not raise an error.
    if not os.path.isfile(path):
        raise ReportError("it is not a regular file" if os.path.exists(path) else "the file does not exist")
    try:
        return _Stream(open(path, "rb"), advance)  # closed by the stream
    except OSError as error:
        raise ReportError(f"it cannot be opened: {error.strerror}") from error
