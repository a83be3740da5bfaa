"""Update the indexes after a run: the rows of its tests, and the records of its failures.

Each step can be repeated by any process, so the next shipper continues after one that was killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite

from akastats.config import Config
from akastats.errors import AkastatsError, ServerError
from akastats.model import error_records, profile
from akastats.model import rows as test_rows
from akastats.model.error_records import Occurrence
from akastats.model.fingerprint import fingerprint
from akastats.model.results import Error, label
from akastats.model.rows import Row
from akastats.queries.history import Letters, attempts_of, read_letters
from akastats.store import indexes, query, runs
from akastats.store.indexes import CHUNK, MAX_OTHERS, StoredTest
from akastats.store.requests import Operation

# Maximum number of attempts to update a record that another run changes at the same time.
ATTEMPTS = 10


@dataclass(frozen=True)
class _RunContent:
    """The indexed content of a run.

    labels: labels of the tests that added a point
    occurrences: its failures, by fingerprint
    """

    labels: tuple[str, ...]
    occurrences: tuple[Occurrence, ...]


def refresh(config: Config, own: Sequence[str] = (), others: bool = True) -> Operation[int]:
    """Index the runs `own` and, with `others`, some runs of other producers; return the number of runs."""
    waiting = yield from indexes.read_pending(config.namespace, own, MAX_OTHERS if others else 0)
    labels: dict[str, None] = {}
    occurrences: list[Occurrence] = []
    for run_id, _ in waiting:
        content = yield from _read_content(config.namespace, run_id)
        labels.update(dict.fromkeys(content.labels))
        occurrences += content.occurrences
    yield from _update_rows(config.namespace, list(labels))
    for occurrence in occurrences:
        yield from _update_record(config, occurrence)
    yield from indexes.remove_pending(config.namespace, waiting)
    if occurrences:
        yield from indexes.prune_errors(config.namespace, config.run_days * runs.DAY_S)
    return len(waiting)


def _read_content(namespace: str, run_id: str) -> Operation[_RunContent]:
    """Read the indexed content of a run; empty if its profile has expired."""
    try:
        fields = yield from runs.read_run(namespace, run_id)
        content = profile.decode((yield from runs.read_profile(namespace, run_id)))
    except ServerError:
        raise
    except (AkastatsError, ValueError):
        # The run has expired, or a later release wrote its profile.
        return _RunContent((), ())
    suite, started = fields.get("suite", ""), query.parse_number(fields.get("started", "").encode()) or 0.0
    outcomes = zip(content.tests.nodeid, content.tests.outcome, strict=True)
    ran = [nodeid for nodeid, outcome in outcomes if outcome != "skipped"]
    failures = _by_fingerprint(content.errors.rows(), suite)
    occurrences = yield from _read_occurrences(namespace, run_id, started, failures)
    return _RunContent(tuple(label("test", nodeid, suite) for nodeid in ran), occurrences)


@dataclass
class _Failures:
    """Failures of one run with one fingerprint.

    exception: class of the exception
    error_id: context id of the last traceback
    tests: number of failures by label of the test
    """

    exception: str
    error_id: str
    tests: dict[str, int]


def _by_fingerprint(errors: Iterable[Error], suite: str) -> dict[str, _Failures]:
    grouped: dict[str, _Failures] = {}
    for error in errors:
        if not error.fingerprint:
            continue
        failures = grouped.setdefault(error.fingerprint, _Failures(error.exception, "", {}))
        failures.error_id = error.error or failures.error_id
        name = label("test", error.nodeid, suite)
        failures.tests[name] = failures.tests.get(name, 0) + 1
    return grouped


def _read_occurrences(
    namespace: str, run_id: str, started: float, grouped: Mapping[str, _Failures]
) -> Operation[tuple[Occurrence, ...]]:
    texts = yield from query.read_contexts(namespace, {failures.error_id for failures in grouped.values()} - {""})
    return tuple(
        _make_occurrence(
            id_, failures, run_id, started, texts.get(failures.error_id, b"").decode(errors="replace")
        )
        for id_, failures in grouped.items()
    )


def _make_occurrence(id_: str, failures: _Failures, run_id: str, started: float, text: str) -> Occurrence:
    failure = fingerprint(text, failures.exception)
    # A run has at most 200 tracebacks. Further failures share a traceback, which may belong to another failure.
    is_own = bool(text) and failure.id == id_
    return Occurrence(
        fingerprint=id_,
        exception=failures.exception,
        message=failure.message if is_own else "",
        frames=failure.frames if is_own else (),
        run=run_id,
        started=started,
        tests=failures.tests,
        error_id=failures.error_id if is_own else "",
        traceback=text if is_own else "",
    )


def _update_rows(namespace: str, labels: Sequence[str]) -> Operation[None]:
    outcomes: Letters = {}
    for chunk in _chunks(labels):
        stored = yield from indexes.read_tests(namespace, chunk)
        rows = yield from _rows(namespace, stored, outcomes)
        changed = {
            name: packed
            for name, row in rows.items()
            if row is not None and (packed := test_rows.pack(row)) != stored[name].row
        }
        yield from indexes.store_rows(namespace, changed)


def _chunks(labels: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(labels), CHUNK):
        yield labels[at : at + CHUNK]


def _rows(namespace: str, stored: Mapping[str, StoredTest], outcomes: Letters) -> Operation[dict[str, Row | None]]:
    """Return the current rows: a stored row with newer attempts added if possible, else a recomputed row.

    `outcomes` caches the letters of outcomes by context id.
    """
    before = {name: test_rows.unpack(test.row) for name, test in stored.items()}
    newer = {name: _newer(before[name], test) for name, test in stored.items()}
    outdated = [name for name, entries in newer.items() if entries is None]
    histories = yield from indexes.read_newest_points(namespace, outdated, test_rows.WINDOW)
    entries = {name: histories.get(name) or added or [] for name, added in newer.items()}
    yield from read_letters(namespace, chain.from_iterable(entries.values()), outcomes)
    rows: dict[str, Row | None] = {}
    for name, test in stored.items():
        attempts, row = attempts_of(entries[name], outcomes), before[name]
        if row is None or newer[name] is None:
            rows[name] = test_rows.row_of(attempts, test.count, test.avg)
        else:
            rows[name] = test_rows.extend(row, attempts, test.count, test.avg)
    return rows


def _newer(row: Row | None, stored: StoredTest) -> list[bytes] | None:
    """Return the points that a row lacks; `None` if the row must be recomputed from the history."""
    if row is None:
        return None
    new = stored.count - row.runs
    # Points of a late run are inserted further back, so the newest point of the row is at another index.
    if not 0 <= new < len(stored.newest):
        return None
    time, seconds = _time_and_seconds(stored.newest[new])
    return stored.newest[:new] if (time, seconds) == (row.last_time, row.durations[0]) else None


def _time_and_seconds(entry: bytes) -> tuple[float, float | None]:
    point = query.parse_point("", entry)
    if point is None:
        return 0.0, None
    return point.timestamp, round(point.value, 6) if isfinite(point.value) else None


def _update_record(config: Config, occurrence: Occurrence) -> Operation[None]:
    """Add the failures of a run to the record of their fingerprint.

    After `ATTEMPTS` concurrent changes, the failures are omitted.
    """
    names = ("revision", *error_records.ErrorRecord.__dataclass_fields__)
    for _ in range(ATTEMPTS):
        records = yield from indexes.read_error_fields(config.namespace, [occurrence.fingerprint], names)
        stored = records[occurrence.fingerprint]
        # Compare bytes, because a corrupt revision cannot be decoded.
        revision = stored.pop("revision") or b""
        record = error_records.unpack(stored)
        merged = error_records.merge(record, occurrence)
        if merged == record:
            return
        fields, ttl_s = error_records.pack(merged), config.run_days * runs.DAY_S
        if (
            yield from indexes.store_error(
                config.namespace, occurrence.fingerprint, revision, merged.last_seen, fields, ttl_s
            )
        ):
            return
