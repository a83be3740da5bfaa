"""Writing: points in batches, each batch one script, so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from akastats.config import Config
from akastats.model.points import text
from akastats.records import Point
from akastats.store import keys
from akastats.store.requests import Argument, Operation, call_script
from akastats.store.scripts import PUSH

# Another client's PING at p99: 12 ms with scripts of 100 labels, 45 with 500; throughput is the same. 80 keeps
# it under a quarter of the latter.
BATCH_LABELS = 80
# Of one label; what is beyond goes into a further batch.
BATCH_POINTS = 1000
# A single message stays small enough to be read in a few milliseconds.
BATCH_BYTES = 256 * 1024

CURSOR_TTL_S = 30 * 86_400


@dataclass(frozen=True)
class Context:
    """Bytes that points refer to, and for how long (seconds) they are kept at least."""

    id: str
    bytes: bytes
    ttl_s: int = keys.LABEL_TTL_S


class Entry(NamedTuple):
    """One point as it is stored: `timestamp` in epoch seconds."""

    timestamp: float
    value: float
    context_id: str = ""


@dataclass(frozen=True)
class Write:
    """A further change of the same batch: `command` on `key`."""

    command: str
    key: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class RunChange:
    """What happens to a run's records, if its status is absent or one of `replaceable`."""

    key: str
    replaceable: str
    writes: tuple[Write, ...]


@dataclass(frozen=True)
class Step:
    """The move of a producer's cursor by a batch; both positions as text, see `keys`, kept for `ttl_s` seconds."""

    key: str
    start: str
    end: str
    ttl_s: int = CURSOR_TTL_S


@dataclass(frozen=True)
class Batch:
    """The input of one script: the entries of at most 100 labels, oldest first, and their contexts.

    `doubt_s`: some may have been applied before, by a cursor that the server has lost, with times up to so many
    seconds from these. Those that their labels' histories hold are left out.
    """

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)
    run: RunChange | None = None
    step: Step | None = None
    doubt_s: float | None = None


def make_context(context: str | bytes | None, ttl_s: int = keys.LABEL_TTL_S) -> Context | None:
    """Return `context` as it is stored, under its md5; `None` for an empty one."""
    if not context:
        return None
    content = context.encode(errors="backslashreplace") if isinstance(context, str) else context
    return Context(hashlib.md5(content, usedforsecurity=False).hexdigest(), content, ttl_s)


def make_batches(points: Iterable[Point]) -> Iterator[tuple[Batch, list[Point]]]:
    """Yield batches, each with its points, grouped by label: a label that repeats costs its keys once."""
    for part in split_into_batches(points):
        yield make_batch(part), part


def split_into_batches(points: Iterable[Point]) -> list[list[Point]]:
    """Return `points` in parts that make one batch each, a label's points side by side."""
    grouped: dict[str, list[Point]] = {}
    for point in points:
        grouped.setdefault(point.label, []).append(point)
    parts: list[list[Point]] = [[]]
    labels = size = 0
    for of_label in grouped.values():
        for piece in _pieces(of_label):
            weight = _weight(piece)
            if labels >= BATCH_LABELS or (parts[-1] and size + weight > BATCH_BYTES):
                parts.append([])
                labels = size = 0
            parts[-1] += piece
            labels, size = labels + 1, size + weight
    return parts if parts[0] else []


def _pieces(points: list[Point]) -> Iterator[list[Point]]:
    """Yield a label's points in pieces that each fit into one batch."""
    if len(points) <= BATCH_POINTS and _weight(points) <= BATCH_BYTES:
        yield points
        return
    piece: list[Point] = []
    size = 0
    for point in points:
        weight = _weight((point,))
        if len(piece) >= BATCH_POINTS or (piece and size + weight > BATCH_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(point)
        size += weight
    yield piece


def _weight(points: Sequence[Point]) -> int:
    return 64 * len(points) + sum([len(point.context) for point in points if point.context])


def make_batch(points: Iterable[Point]) -> Batch:
    """Return one batch of `points`, each label's oldest first."""
    made, ids = Batch(), dict[str | bytes | None, str]()
    for timestamp, label, value, context in points:
        context_id = ids.get(context) if context else ""
        if context_id is None:
            kept = make_context(context)
            context_id = kept.id if kept else ""
            ids[context] = context_id
            if kept:
                made.contexts[context_id] = kept
        made.entries.setdefault(label, []).append(Entry(timestamp, value, context_id))
    for entries in made.entries.values():
        if len(entries) > 1:
            entries.sort(key=_time)
    return made


def _time(entry: Entry) -> float:
    return entry.timestamp


def apply_batch(batch: Batch, config: Config) -> Operation[str]:
    """Apply a batch; return where the producer's cursor stands then (empty without a producer).

    A cursor that stands elsewhere than `batch.step.start` means that nothing was applied.
    """
    names = [keys.index(config.namespace), keys.seen(config.namespace)]
    arguments: list[Argument] = [config.history_size, keys.LABEL_TTL_S]
    if batch.step is None:
        arguments += ("", "", "")
    else:
        names.append(batch.step.key)
        arguments += (batch.step.start, batch.step.end, batch.step.ttl_s)
    arguments.append("" if batch.doubt_s is None else batch.doubt_s)
    arguments.append(len(keys.history(config.namespace, "").encode()) + 1)
    _say_entries(batch, config.namespace, names, arguments)
    _say_contexts(batch, config.namespace, names, arguments)
    _say_run(batch.run, names, arguments)
    _, cursor = yield from call_script(PUSH, names, arguments)
    return cursor.decode() if isinstance(cursor, bytes) else str(cursor)


def _say_entries(batch: Batch, namespace: str, names: list[str], arguments: list[Argument]) -> None:
    reported = [(label, entries) for label, entries in batch.entries.items() if entries]
    arguments.append(len(reported))
    for label, entries in reported:
        names += keys.label(namespace, label)
        arguments.append("\n".join(map(encode_entry, entries)))


def encode_entry(entry: Entry) -> str:
    """Return an entry as it is stored."""
    return f"{text(entry.timestamp)};{text(entry.value)};{entry.context_id}"


def _say_contexts(batch: Batch, namespace: str, names: list[str], arguments: list[Argument]) -> None:
    arguments.append(len(batch.contexts))
    for context in batch.contexts.values():
        names.append(keys.context(namespace, context.id))
        arguments += (context.ttl_s, context.bytes)


def _say_run(run: RunChange | None, names: list[str], arguments: list[Argument]) -> None:
    if run is None or not run.writes:
        arguments.append(0)
        return
    names.append(run.key)
    arguments += (len(run.writes), run.replaceable)
    for write in run.writes:
        names.append(write.key)
        arguments += (write.command, len(write.arguments), *write.arguments)
