"""Add the runs of one server to another server, which started empty or with the same history.

A run is added once: a completely stored run is skipped, and a partly stored one gets only its missing points. The
cursors of the spools are copied, so that a spool of such a run adds nothing later.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from akastats.config import Config
from akastats.delivery.spool_delivery import Execute
from akastats.errors import NotFoundError
from akastats.store import keys, query, runs
from akastats.store.push import (
    BATCH_BYTES,
    BATCH_LABELS,
    BATCH_POINTS,
    CURSOR_TTL_S,
    Batch,
    Context,
    Entry,
    RunChange,
    Step,
    Write,
    apply_batch,
)
from akastats.store.requests import Operation, send_read, send_reads

#: Producer whose cursor counts merged batches, so that two simultaneous merges do not add a point twice.
PRODUCER = "merge"

# Seconds by which a point may precede or follow its run. Both have the same clock, but times are rounded.
MARGIN_S = 1.0
# Number of newest points per label that are read first, because nearly all labels have no new points.
PAGE_POINTS = 100


@dataclass(frozen=True)
class Merged:
    """The result of a merge.

    run_ids: ids of the added runs
    points: number of added points
    present_ids: ids of the runs that the target already had
    running: number of runs in progress, which a later merge adds
    """

    run_ids: tuple[str, ...] = ()
    points: int = 0
    present_ids: tuple[str, ...] = ()
    running: int = 0


@dataclass(frozen=True)
class _Selection:
    """The runs to add.

    fields: stored fields by run id
    spans: start and end of each run, in epoch seconds
    run_of: run ids by context id; empty for a context without a run
    """

    fields: dict[str, dict[str, str]]
    spans: tuple[tuple[float, float], ...] = ()
    run_of: dict[str, str] = field(default_factory=dict)

    @property
    def since(self) -> float:
        return min((start for start, _ in self.spans), default=float("inf"))

    def has(self, timestamp: float, run_id: str) -> bool:
        """Return whether a point belongs to these runs: by the run of its context, else by its time."""
        if run_id:
            return run_id in self.fields
        return any(start <= timestamp <= end for start, end in self.spans)


def merge(config: Config, source: Execute, target: Execute, advance: Callable[[int], object] = int) -> Merged:
    """Add the runs that only `source` has to `target`; call `advance` with the number of labels read.

    Can be repeated after a `ServerError`.
    """
    selection, present, running = _select(config, source, target)
    points = 0
    for labels in _labels(config, source) if selection.fields else ():
        points += _merge_labels(config, source, target, selection, labels)
        advance(len(labels))
    for run_id in sorted(selection.fields):
        _merge_run(config, source, target, selection.fields[run_id])
    return Merged(tuple(sorted(selection.fields)), points, present, running)


def _select(config: Config, source: Execute, target: Execute) -> tuple[_Selection, tuple[str, ...], int]:
    ids = [runs.decode_member(member) for member in source(_all_runs(config.namespace))]
    fields = {run_id: stored for run_id in ids if (stored := _read_record(config, source, run_id))}
    there = target(runs.read_fields(config.namespace, list(fields), ("status", "tests")))
    running = {run_id for run_id, stored in fields.items() if stored.get("status") == "running"}
    missing = {
        run_id: stored
        for run_id, stored in fields.items()
        if run_id not in running and not _is_merged(stored, there[run_id])
    }
    spans = [_span(stored) for stored in missing.values()]
    present = tuple(sorted(fields.keys() - missing.keys() - running))
    return _Selection(missing, tuple(spans)), present, len(running)


def _all_runs(namespace: str) -> Operation[list[bytes]]:
    members: list[bytes] = yield from send_read("ZRANGE", keys.runs(namespace), 0, -1)
    return members


def _read_record(config: Config, source: Execute, run_id: str) -> dict[str, str]:
    """Return the record of a run; empty if it has none, or if another program wrote it."""
    try:
        stored = dict(source(runs.read_run(config.namespace, run_id)))
    except NotFoundError:
        return {}
    is_run = (
        stored.get("status") in runs.STATUSES
        and query.parse_number(stored.get("started", "").encode()) is not None
    )
    return stored if is_run and stored["id"] == run_id else {}


def _is_merged(stored: Mapping[str, str], there: Mapping[str, str]) -> bool:
    """Return whether the target has a run that ended; a crash counts if the source has no further tests."""
    status = there.get("status", "running")
    if status == "crashed":
        return stored.get("status") == "crashed" and _tests(stored) <= _tests(there)
    return status != "running"


def _tests(stored: Mapping[str, str]) -> float:
    return query.parse_number(stored.get("tests", "").encode()) or 0.0


def _span(stored: Mapping[str, str]) -> tuple[float, float]:
    started = query.parse_number(stored.get("started", "").encode()) or 0.0
    finished = query.parse_number(stored.get("finished", "").encode()) or started
    return started - MARGIN_S, max(started, finished) + MARGIN_S


def _labels(config: Config, source: Execute) -> Iterator[list[str]]:
    after = ""
    while True:
        labels, after = source(query.read_label_page(config.namespace, "*", after, BATCH_LABELS))
        if labels:
            yield labels
        if not after:
            return


def _merge_labels(
    config: Config, source: Execute, target: Execute, selection: _Selection, labels: Sequence[str]
) -> int:
    """Add the points of some labels that the target lacks; return their number."""
    newest = source(_read_newest(config, labels, selection.since))
    chosen = {
        label: points for label in labels if (points := _select_entries(config, source, selection, newest[label]))
    }
    if not chosen:
        return 0
    # Read the cursor first, because it shows whether another merge wrote in between.
    at = target(runs.read_cursor(config.namespace, PRODUCER))
    added, missing = 0, _find_missing(config, target, chosen)
    while any(missing.values()):
        batch, rest = _make_batch(config, source, missing)
        if not batch.entries:
            break
        end = str(int(at) + 1)
        step = Step(keys.cursor(config.namespace, PRODUCER), at, end)
        position = target(apply_batch(Batch(batch.entries, batch.contexts, step=step), config))
        if position == end:
            added += sum(map(len, batch.entries.values()))
        # Do not read again after each batch: a full history drops older points, which would then be added twice.
        at, missing = position, rest if position == end else _find_missing(config, target, chosen)
    return added


def _find_missing(config: Config, target: Execute, chosen: Mapping[str, list[bytes]]) -> dict[str, list[bytes]]:
    """Return the points that the target does not have, by label."""
    there = target(_histories(config.namespace, list(chosen)))
    return {label: _subtract(entries, there[label]) for label, entries in chosen.items()}


def _read_newest(config: Config, labels: Sequence[str], since: float) -> Operation[dict[str, list[bytes]]]:
    """Read the points of labels since a time; a second step reads histories longer than a page."""
    names = [keys.history(config.namespace, label) for label in labels]
    pages = yield from send_reads([("LRANGE", name, 0, PAGE_POINTS - 1) for name in names])
    points = dict(zip(labels, pages, strict=True))
    longer = [label for label, page in points.items() if len(page) == PAGE_POINTS and _time(page[-1]) >= since]
    points.update((yield from _histories(config.namespace, longer)))
    return {label: [entry for entry in page if _time(entry) >= since] for label, page in points.items()}


def _histories(namespace: str, labels: Sequence[str]) -> Operation[dict[str, list[bytes]]]:
    replies = yield from send_reads([("LRANGE", keys.history(namespace, label), 0, -1) for label in labels])
    return dict(zip(labels, replies, strict=True))


def _time(entry: bytes) -> float:
    return query.parse_number(entry.partition(b";")[0]) or 0.0


def _context_of(entry: bytes) -> str:
    return entry.rpartition(b";")[2].decode("ascii", "replace")


def _select_entries(
    config: Config, source: Execute, selection: _Selection, entries: Sequence[bytes]
) -> list[bytes]:
    """Return the entries of the selected runs."""
    unread = {_context_of(entry) for entry in entries} - selection.run_of.keys() - {""}
    if unread:
        texts = source(query.read_contexts(config.namespace, unread))
        selection.run_of.update({id_: _parse_run_id(texts.get(id_, b"")) for id_ in unread})
    return [
        entry for entry in entries if selection.has(_time(entry), selection.run_of.get(_context_of(entry), ""))
    ]


def _parse_run_id(context: bytes) -> str:
    """Return the run that a context names; empty if it names none."""
    if not context.startswith(b"{"):
        return ""
    try:
        content = json.loads(context)
    except (ValueError, RecursionError):
        return ""
    run_id = content.get("run") if isinstance(content, dict) else None
    return run_id if isinstance(run_id, str) else ""


def _subtract(entries: Sequence[bytes], there: Sequence[bytes]) -> list[bytes]:
    """Return the entries that `there` lacks; an entry that occurs twice must occur twice there."""
    left = Counter(there)
    missing = []
    for entry in entries:
        if left[entry] > 0:
            left[entry] -= 1
        else:
            missing.append(entry)
    return missing


def _make_batch(
    config: Config, source: Execute, missing: Mapping[str, list[bytes]]
) -> tuple[Batch, dict[str, list[bytes]]]:
    """Return a batch of missing points, and the points that remain for the next batch."""
    contexts = _read_contexts(config, source, missing)
    rest = {label: [*entries] for label, entries in missing.items()}
    batch, size, count = Batch(), 0, 0
    for label, entries in rest.items():
        # A history is sorted newest first, a batch oldest first.
        while entries and count < BATCH_POINTS and size < BATCH_BYTES:
            entry = entries.pop()
            point = query.parse_point(label, entry)
            if point is None:
                continue
            id_ = _context_of(entry)
            batch.entries.setdefault(label, []).append(Entry(point.timestamp, point.value, id_))
            context = contexts.get(id_)
            if context is not None and id_ not in batch.contexts:
                batch.contexts[id_] = context
                size += len(context.bytes)
            size, count = size + len(label) + 64, count + 1
    return batch, rest


def _read_contexts(config: Config, source: Execute, missing: Mapping[str, Sequence[bytes]]) -> dict[str, Context]:
    """Read the contexts of the missing points, with their times to live."""
    newest = [entry for entries in missing.values() for entry in entries[-BATCH_POINTS:]]
    ids = sorted({_context_of(entry) for entry in newest} - {""})
    texts = source(query.read_contexts(config.namespace, ids))
    lives = source(_lives(config.namespace, list(texts)))
    return {id_: Context(id_, text, max(int(lives[id_]), keys.LABEL_TTL_S)) for id_, text in texts.items()}


def _lives(namespace: str, ids: Sequence[str]) -> Operation[dict[str, int]]:
    replies = yield from send_reads([("TTL", keys.context(namespace, id_)) for id_ in ids])
    return dict(zip(ids, replies, strict=True))


def _merge_run(config: Config, source: Execute, target: Execute, fields: Mapping[str, str]) -> None:
    """Write the record and profile of a run after its points, and the cursor of its spool."""
    try:
        content = source(runs.read_profile(config.namespace, fields["id"]))
    except NotFoundError:
        content = None
    change = runs.build_merge(dict(fields), config, content)
    producer = fields.get("producer", "")
    applied = source(runs.read_cursor(config.namespace, producer)) if producer else "0"
    if applied != "0":
        cursor = keys.cursor(config.namespace, producer)
        note = Write("SET", cursor, (applied, "EX", CURSOR_TTL_S))
        change = RunChange(change.key, change.replaceable, (*change.writes, note))
    target(apply_batch(Batch(run=change), config))
