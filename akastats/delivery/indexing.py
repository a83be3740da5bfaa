"""Bringing lists up to date after runs: rows of the tests that ran, records of the failures there were.

All of it can be done again, by anyone: what a killed shipper left undone, the next one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from akastats.config import Config
from akastats.errors import AkastatsError, ServerError
from akastats.model import error_records, profile
from akastats.model import rows as test_rows
from akastats.model.error_records import Sighting
from akastats.model.fingerprint import fingerprint
from akastats.model.results import Error, label
from akastats.model.rows import Row
from akastats.queries.history import Letters, attempts_of, read_letters
from akastats.store import indexes, query, runs
from akastats.store.indexes import CHUNK, ORPHANS, StoredTest
from akastats.store.requests import Operation

# Attempts to update a record that another run changes at the same time.
ATTEMPTS = 10


@dataclass(frozen=True)
class Told:
    """What a run says for lists: labels of tests that added a point, and its failures."""

    labels: tuple[str, ...]
    sightings: tuple[Sighting, ...]


def refresh(config: Config, own: Sequence[str] = (), orphans: bool = True) -> Operation[int]:
    """Index the runs `own`, and with `orphans` some of other producers; return the number of runs."""
    waiting = yield from indexes.read_pending(config.namespace, own, ORPHANS if orphans else 0)
    labels: dict[str, None] = {}
    sightings: list[Sighting] = []
    for run_id, _ in waiting:
        told = yield from _told(config.namespace, run_id)
        labels.update(dict.fromkeys(told.labels))
        sightings += told.sightings
    yield from _list_tests(config.namespace, list(labels))
    for sighting in sightings:
        yield from _file(config, sighting)
    yield from indexes.remove_pending(config.namespace, waiting)
    if sightings:
        yield from indexes.prune_errors(config.namespace, config.run_days * runs.DAY_S)
    return len(waiting)


def _told(namespace: str, run_id: str) -> Operation[Told]:
    """Read what a run says for lists: nothing, once its profile is gone."""
    try:
        fields = yield from runs.read_run(namespace, run_id)
        content = profile.decode((yield from runs.read_profile(namespace, run_id)))
    except ServerError:
        raise
    except (AkastatsError, ValueError):
        # Expired, or of a later release: it cannot be indexed.
        return Told((), ())
    suite, started = fields.get("suite", ""), query.parse_number(fields.get("started", "").encode()) or 0.0
    outcomes = zip(content.tests.nodeid, content.tests.outcome, strict=True)
    ran = [nodeid for nodeid, outcome in outcomes if outcome != "skipped"]
    failures = _by_fingerprint(content.errors.rows(), suite)
    sightings = yield from _sightings(namespace, run_id, started, failures)
    return Told(tuple(label("test", nodeid, suite) for nodeid in ran), sightings)


@dataclass
class _Failures:
    """Failures of one run with one fingerprint; `error_id` is that of the last."""

    exception: str
    error_id: str
    tests: dict[str, int]


def _by_fingerprint(errors: Iterable[Error], suite: str) -> dict[str, _Failures]:
    found: dict[str, _Failures] = {}
    for error in errors:
        if not error.fingerprint:
            continue
        failures = found.setdefault(error.fingerprint, _Failures(error.exception, "", {}))
        failures.error_id = error.error or failures.error_id
        name = label("test", error.nodeid, suite)
        failures.tests[name] = failures.tests.get(name, 0) + 1
    return found


def _sightings(
    namespace: str, run_id: str, started: float, found: Mapping[str, _Failures]
) -> Operation[tuple[Sighting, ...]]:
    texts = yield from query.read_contexts(namespace, {failures.error_id for failures in found.values()} - {""})
    return tuple(
        _sighting(id_, failures, run_id, started, texts.get(failures.error_id, b"").decode(errors="replace"))
        for id_, failures in found.items()
    )


def _sighting(id_: str, failures: _Failures, run_id: str, started: float, text: str) -> Sighting:
    told = fingerprint(text, failures.exception)
    # Beyond 200 tracebacks failures share one that describes another failure.
    is_its_own = bool(text) and told.id == id_
    return Sighting(
        fingerprint=id_,
        exception=failures.exception,
        message=told.message if is_its_own else "",
        frames=told.frames if is_its_own else (),
        run=run_id,
        started=started,
        tests=failures.tests,
        error_id=failures.error_id if is_its_own else "",
        traceback=text if is_its_own else "",
    )


def _list_tests(namespace: str, labels: Sequence[str]) -> Operation[None]:
    known: Letters = {}
    for chunk in _chunks(labels):
        stored = yield from indexes.read_tests(namespace, chunk)
        rows = yield from _rows(namespace, stored, known)
        changed = {
            name: packed
            for name, row in rows.items()
            if row is not None and (packed := test_rows.pack(row)) != stored[name].row
        }
        yield from indexes.store_rows(namespace, changed)


def _chunks(labels: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(labels), CHUNK):
        yield labels[at : at + CHUNK]


def _rows(namespace: str, stored: Mapping[str, StoredTest], known: Letters) -> Operation[dict[str, Row | None]]:
    """Return up-to-date rows: made of the row before where only the newest points are new to it."""
    before = {name: test_rows.unpack(told.row) for name, told in stored.items()}
    newer = {name: _newer(before[name], told) for name, told in stored.items()}
    whole = [name for name, entries in newer.items() if entries is None]
    read = yield from indexes.read_newest_points(namespace, whole, test_rows.WINDOW)
    entries = {name: read.get(name) or told or [] for name, told in newer.items()}
    yield from read_letters(namespace, (entry for told in entries.values() for entry in told), known)
    rows: dict[str, Row | None] = {}
    for name, told in stored.items():
        attempts, row = attempts_of(entries[name], known), before[name]
        if row is None or newer[name] is None:
            rows[name] = test_rows.row_of(attempts, told.count, told.avg)
        else:
            rows[name] = test_rows.extend(row, attempts, told.count, told.avg)
    return rows


def _newer(row: Row | None, stored: StoredTest) -> list[bytes] | None:
    """Return the entries that a row lacks; `None` if all of its history must be read."""
    if row is None:
        return None
    new = stored.count - row.runs
    # Points of a run that came late stand further behind: then the row's newest is not where it must be.
    if not 0 <= new < len(stored.newest):
        return None
    time, seconds = _time_and_seconds(stored.newest[new])
    return stored.newest[:new] if (time, seconds) == (row.last_time, row.durations[0]) else None


def _time_and_seconds(entry: bytes) -> tuple[float, float | None]:
    point = query.parse_point("", entry)
    if point is None:
        return 0.0, None
    return point.timestamp, round(point.value, 6) if isfinite(point.value) else None


def _file(config: Config, sighting: Sighting) -> Operation[None]:
    """Add the failures of a run to the records of their fingerprints."""
    names = ("revision", *error_records.ErrorRecord.__dataclass_fields__)
    for _ in range(ATTEMPTS):
        found = yield from indexes.read_error_fields(config.namespace, [sighting.fingerprint], names)
        stored = found[sighting.fingerprint]
        # As it stands there: a damaged one is none that could be told as text.
        revision = stored.pop("revision") or b""
        known = error_records.unpack(stored)
        merged = error_records.merge(known, sighting)
        if merged == known:
            return
        fields, ttl_s = error_records.pack(merged), config.run_days * runs.DAY_S
        if (
            yield from indexes.store_error(
                config.namespace, sighting.fingerprint, revision, merged.last_seen, fields, ttl_s
            )
        ):
            return
