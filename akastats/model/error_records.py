"""The record of all failures with one fingerprint, to which runs are added.

A run counts once even if it is added repeatedly, so that an interrupted index update can be repeated.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from akastats.errors import CorruptDataError
from akastats.model.stored_values import MIB, decompress, json_of, read

#: Maximum number of newest runs, and maximum number of tests, in the record of a fingerprint.
MAX_RUNS, MAX_TESTS = 100, 500
#: Maximum size of a traceback in bytes. A traceback has about 16 KiB; a much larger value is corrupt.
MAX_BYTES = MIB


@dataclass(frozen=True)
class Occurrence:
    """The failures of one run with one fingerprint.

    fingerprint: fingerprint of the failures
    exception: class of the exception
    message: message without changing parts
    frames: innermost frames of the project, innermost last
    run: id of the run
    started: start of the run, in epoch seconds
    tests: number of failures by label of the test
    error_id: context id of a traceback
    traceback: text of that traceback; empty if it has expired
    """

    fingerprint: str
    exception: str
    message: str
    frames: tuple[str, ...]
    run: str
    started: float
    tests: Mapping[str, int]
    error_id: str
    traceback: str

    @property
    def count(self) -> int:
        """Return the number of failures."""
        return sum(self.tests.values())


@dataclass(frozen=True)
class ErrorRecord:
    """The failures of all runs with one fingerprint.

    exception: class of the exception
    message: message without changing parts
    frames: innermost frames of the project, innermost last
    first_seen: start of the oldest run, in epoch seconds
    last_seen: start of the newest run, in epoch seconds
    count: number of failures
    runs: number of runs
    tests: number of tests; beyond 500 tests it may count some repeatedly
    error_id: context id of the newest traceback
    newest_run: id of the newest run
    newest_test: label of a test that failed in the newest run
    in_runs: start and number of failures by run id, of the newest 100 runs
    in_tests: number of failures by label, of at most 500 tests
    traceback: text of the newest traceback
    """

    exception: str = ""
    message: str = ""
    frames: tuple[str, ...] = ()
    first_seen: float = 0.0
    last_seen: float = 0.0
    count: int = 0
    runs: int = 0
    tests: int = 0
    error_id: str = ""
    newest_run: str = ""
    newest_test: str = ""
    in_runs: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    in_tests: Mapping[str, int] = field(default_factory=dict)
    traceback: str = ""


def merge(record: ErrorRecord | None, seen: Occurrence) -> ErrorRecord:
    """Return the record with the failures of a run added; the same record if it already has them."""
    before = record or ErrorRecord(first_seen=seen.started)
    _, counted = before.in_runs.get(seen.run, (0.0, 0))
    if counted == seen.count:
        return before
    is_new_run = seen.run not in before.in_runs
    runs = {**before.in_runs, seen.run: (seen.started, seen.count)}
    newest = sorted(runs.items(), key=lambda item: item[1], reverse=True)[:MAX_RUNS]
    new_tests = [label for label in seen.tests if label not in before.in_tests]
    added = replace(
        before,
        first_seen=min(before.first_seen, seen.started),
        count=before.count + seen.count - counted,
        runs=before.runs + is_new_run,
        tests=before.tests + len(new_tests),
        in_runs=dict(newest),
        in_tests=_tests(before.in_tests, seen.tests, is_new_run),
    )
    return _with_newest(added, seen) if seen.started >= before.last_seen else added


def _tests(before: Mapping[str, int], seen: Mapping[str, int], is_new_run: bool) -> dict[str, int]:
    """Return the failures per test, the tests of the run first; a run that is added again adds only new tests."""
    again = {label: before.get(label, 0) + (count if is_new_run else 0) for label, count in seen.items()}
    newest = {label: count or seen[label] for label, count in again.items()}
    merged = {**newest, **{label: count for label, count in before.items() if label not in newest}}
    return dict(list(merged.items())[:MAX_TESTS])


def _with_newest(record: ErrorRecord, seen: Occurrence) -> ErrorRecord:
    return replace(
        record,
        exception=seen.exception or record.exception,
        message=seen.message or record.message,
        frames=seen.frames or record.frames,
        last_seen=seen.started,
        error_id=seen.error_id or record.error_id,
        newest_run=seen.run,
        newest_test=next(iter(seen.tests), ""),
        traceback=seen.traceback or record.traceback,
    )


#: Fields of a record that a list shows. The other fields are read only for a single record.
LISTED = (
    *("exception", "message", "frames", "first_seen", "last_seen", "count", "runs", "tests"),
    *("error_id", "newest_run", "newest_test"),
)
_TEXTS = ("exception", "message", "error_id", "newest_run", "newest_test")


def pack(record: ErrorRecord) -> dict[str, bytes]:
    """Return a record as the fields of its hash: text and JSON, the traceback compressed."""
    fields = {
        name: _text(value) if name in _TEXTS else json.dumps(value, separators=(",", ":")).encode()
        for name, value in vars(record).items()
        if name != "traceback"
    }
    return fields | {"traceback": zlib.compress(_text(record.traceback))}


def _text(text: str) -> bytes:
    # The name of an exception can contain lone surrogates.
    return text.encode(errors="backslashreplace")


def unpack(stored: Mapping[str, bytes | None]) -> ErrorRecord | None:
    """Return the record with these stored fields; `None` if there is no record, or if it is not valid."""
    if stored.get("first_seen") is None:
        return None
    try:
        return read(
            ErrorRecord, {name: _decode(name, value) for name, value in stored.items() if value is not None}
        )
    except CorruptDataError:
        return None


def _decode(name: str, stored: bytes) -> Any:
    if name == "traceback":
        return decompress(stored, MAX_BYTES).decode(errors="replace")
    return stored.decode(errors="replace") if name in _TEXTS else json_of(stored)
