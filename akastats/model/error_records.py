"""The record of all failures with one fingerprint, and how a run is added to it. Pure.

A run is counted once, however often it is added, so that an interrupted index update can be repeated.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from akastats.errors import CorruptDataError
from akastats.model.stored_values import MIB, inflated, json_of, read

#: How many of the newest runs, and how many tests, one fingerprint remembers by name.
MAX_RUNS, MAX_TESTS = 100, 500
#: A stored traceback has about 16 KiB; a much larger value is not one.
MOST_BYTES = MIB


@dataclass(frozen=True)
class Sighting:
    """The failures of one run with one fingerprint; `tests` counts them by label.

    `error_id` is a traceback's context id, `traceback` its text where it is still there.
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
        """How many failures."""
        return sum(self.tests.values())


@dataclass(frozen=True)
class ErrorRecord:
    """One fingerprint over all runs: times are starts of runs, in epoch seconds.

    `in_runs` are the newest runs with start and count; `in_tests` labels with counts, of at most 500 tests; beyond
    these `tests` may count a test again.
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


def merge(known: ErrorRecord | None, seen: Sighting) -> ErrorRecord:
    """Return the record with a run's failures added; unchanged if that run has been added already."""
    before = known or ErrorRecord(first_seen=seen.started)
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


def _tests(known: Mapping[str, int], seen: Mapping[str, int], is_new_run: bool) -> dict[str, int]:
    """Return counts of tests, those of the run first; a run that is added again adds only new failures."""
    again = {label: known.get(label, 0) + (count if is_new_run else 0) for label, count in seen.items()}
    told = {label: count or seen[label] for label, count in again.items()}
    merged = {**told, **{label: count for label, count in known.items() if label not in told}}
    return dict(list(merged.items())[:MAX_TESTS])


def _with_newest(record: ErrorRecord, seen: Sighting) -> ErrorRecord:
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


#: The fields of a list's row; the others are asked for when one record is.
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
    # What a strange exception's name holds may be no UTF-8.
    return text.encode(errors="backslashreplace")


def unpack(stored: Mapping[str, bytes | None]) -> ErrorRecord | None:
    """Return the record from the fields that were read; `None` if there is none, or it is not valid."""
    if stored.get("first_seen") is None:
        return None
    try:
        return read(ErrorRecord, {name: _told(name, value) for name, value in stored.items() if value is not None})
    except CorruptDataError:
        return None


def _told(name: str, stored: bytes) -> Any:
    if name == "traceback":
        return inflated(stored, MOST_BYTES).decode(errors="replace")
    return stored.decode(errors="replace") if name in _TEXTS else json_of(stored)
