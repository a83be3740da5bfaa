"""Deliver one spool: each record is applied once, even if several processes deliver it repeatedly."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from akastats.config import Config
from akastats.delivery.checkout import complete, stored_fields
from akastats.delivery.process_points import make_process_points
from akastats.delivery.run_builder import AddedPoint, Observations, Retention, RunBuilder
from akastats.delivery.run_profile import failing_profile_of, profile_of
from akastats.errors import RequestRefusedError, ServerError
from akastats.model import profile
from akastats.model.points import check_label
from akastats.spool import directories
from akastats.spool.format import Record
from akastats.spool.reader import Reader
from akastats.spool.records import Content, decode_content, get_producer, shift_times
from akastats.store import keys, runs
from akastats.store.push import BATCH_BYTES, BATCH_LABELS, BATCH_POINTS, Batch, RunChange, Step, apply_batch
from akastats.store.requests import Operation
from akastats.store.server import check_eviction, read_time

#: Executes an operation on the server and returns its result.
Execute = Callable[[Operation[Any]], Any]
#: Executes operations on the server in order, each generated while the server executes the one before.
ExecuteAll = Callable[[Iterable[Operation[str]]], list[str]]

# Maximum number of records that are read but not applied, so that an unavailable server costs little memory.
MAX_PENDING = 5000

# Minimum number of seconds between two syncs of a spool. A sync takes 3 ms, and a power cut loses later records.
SYNC_S = 1.0

# Minimum number of seconds between two updates of the progress of a run.
PROGRESS_S = 1.0

#: Errors that the content of a record with a valid checksum can raise if another release wrote the record.
UNSOUND = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError)


@dataclass
class Pending:
    """A record whose points are not all applied.

    seq: number of the record in the spool
    added: its points
    run: change of the run's record; `None` for most records
    done: number of its applied points
    """

    seq: int
    added: list[AddedPoint]
    run: RunChange | None = None
    done: int = 0


class Delivery:
    """Delivery of one spool: reads its records, and applies those after the server's cursor.

    path: path of the spool
    config: namespace and retention of data
    execute: executes an operation on the server; its `ServerError`s are not caught
    elsewhere: directories in which the spool may continue; by default the alternatives of its directory
    syncs: whether the run is in progress; its spool is then synced to the disk, and was not delivered before
    clock: monotonic clock, in seconds
    execute_all: executes batches, each made while the server applies the previous one; `None` waits for each
    now: wall clock, in epoch seconds
    is_named: whether the user named the spool or its directory, so that it is read even if another user owns it
    checkout: returns the fields that git has reported; true waits for all fields. Default: the stored fields.
    observe: returns the observations of the run's processes; default: none
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        execute: Execute,
        elsewhere: Sequence[Path] | None = None,
        syncs: bool = True,
        clock: Callable[[], float] = time.monotonic,
        execute_all: ExecuteAll | None = None,
        now: Callable[[], float] = time.time,
        is_named: bool = False,
        checkout: Callable[[bool], Mapping[str, Any]] | None = None,
        observe: Callable[[], Observations] = Observations,
    ) -> None:
        self._name, self._producer = path.name, ""
        self._config = config
        self._execute = execute
        others = directories.list_alternatives(path.parent, os.environ) if elsewhere is None else elsewhere
        self._reader = Reader(path, others, is_named)
        self._execute_all = execute_all
        self._checkout = checkout or (lambda _: stored_fields(self.path))
        self._observe = observe
        self._cursor: str | None = None
        # Records before this position may be applied although the server has lost the cursor.
        self._checked_until = _START
        self._is_stale = False
        self._syncs, self._clock, self._now = syncs, clock, now
        # Server time minus this machine's time in seconds; 0 if they agree.
        self._shift_s = 0.0
        self._synced, self._is_dirty = clock(), False
        self._progress: dict[str, int] = {}
        self._progress_at = clock()
        # Number of points that the server refused, last error message, and position of the last refused point.
        self.refused, self.refusal, self._refused_at = 0, "", ""
        self.applied = 0
        self._points = BATCH_POINTS
        self._begun = 0
        self._begin()

    def _begin(self) -> None:
        keeping = Retention(self._config.run_days * runs.DAY_S, self._config.error_days * runs.DAY_S)
        self._begun += 1
        self._reader.rewind()
        self._unsound = 0
        self.builder = RunBuilder(keeping)
        self._pending: deque[Pending] = deque()
        self._last_seq = 0

    @property
    def producer(self) -> str:
        """Return the producer of the records, from the first record if it is read, else from the file name."""
        if not self._producer and self.builder.header:
            self._producer = get_producer(self._name, self.builder.header)
        return self._producer or get_producer(self._name)

    @property
    def is_cut_short(self) -> bool:
        """Return whether the server has more records than this file, because it received a longer copy."""
        applied = (self._cursor or "0").partition(":")[0]
        return int(applied) > self._last_seq

    @property
    def path(self) -> Path:
        """Return the path of the spool, which changes if the writer moves it."""
        return self._reader.path

    @property
    def damaged(self) -> int:
        """Return the number of damaged lines and of records with invalid content."""
        return self._reader.damaged + self._unsound

    @property
    def is_done(self) -> bool:
        """Return whether the end of the run is recorded and everything is applied."""
        return self.builder.end is not None and not self._pending

    @property
    def position(self) -> str:
        """Return the last known cursor of the server; empty before it is read."""
        return self._cursor or ""

    @property
    def waiting(self) -> int:
        """Return the number of records that are read and not applied."""
        return len(self._pending)

    def read(self) -> bool:
        """Read the next records; return whether there were any.

        If `MAX_PENDING` records are pending, returns true without reading.
        """
        if len(self._pending) >= MAX_PENDING:
            return True
        records = self._reader.read()
        self._take_all(records)
        self._is_dirty = self._is_dirty or bool(records)
        self._sync()
        return bool(records)

    def _sync(self) -> None:
        now = self._clock()
        if self._syncs and self._is_dirty and (self.builder.end is not None or now - self._synced >= SYNC_S):
            self._reader.sync()
            self._synced, self._is_dirty = now, False

    def set_aside(self) -> None:
        """Copy the damaged bytes of the spool to a file beside it; call it when the run is over and applied."""
        self._reader.set_aside()

    def close(self) -> None:
        """Close the spool."""
        self._reader.close()

    def _take_all(self, records: list[Record]) -> None:
        for record in records:
            self._last_seq = record.seq
            try:
                self._take(record)
            except UNSOUND:
                self._unsound += 1
        if self._cursor is not None:
            self._advance(self._cursor)

    def _take(self, record: Record) -> None:
        kind = record.kind
        # The header is written twice. Records before the first header belong to an unknown run.
        if bool(self.builder.header) == (kind == "run"):
            return
        content = self._decode(record)
        if content is None:
            return
        added = [*self.builder.add(content), *(make_process_points(self.builder) if kind == "end" else ())]
        for label, (timestamp, value, _), _ in added:
            check_label(label)
            if not isfinite(timestamp + value):
                raise ValueError("the time or the value of a point is not finite")
        change = self._change(kind) if kind in ("run", "end") else None
        if added or change:
            self._pending.append(Pending(record.seq, added, change))

    def _change(self, kind: str) -> RunChange:
        fields = run_fields(self.builder, self._checkout(kind == "end"))
        if kind == "run":
            return runs.build_start(fields, self._config)
        return runs.build_end(fields, self._config, self._encode_profile())

    def _encode_profile(self) -> bytes:
        self.builder.observed = self._observe().shift(self._shift_s)
        return profile.encode(profile_of(self.builder))

    def read_cursor(self) -> str:
        """Return the server's cursor, which the first call reads; `0` if the server has none."""
        if self._cursor is None:
            if self._is_stale:
                self._begin()
            self._is_stale = False
            self._compare_clocks()
            if not self._syncs:
                self._require_check(_END)
            self._seek(self._execute(runs.read_cursor(self._config.namespace, self.producer)))
        return str(self._cursor)

    def _compare_clocks(self) -> None:
        """Read the spool again with shifted times if the clock of the recording machine was wrong."""
        if not self.builder.header:
            self.read()
        header = self.builder.header
        if self._shift_s or header is None or header.pid is None or header.host != _this_host():
            return
        now, server_now = self._now(), float(self._execute(read_time()))
        if is_misdated(header.started, now, server_now):
            self._shift_s = server_now - now
            self._begin()
            while len(self._pending) < MAX_PENDING and self.read():
                pass

    def _decode(self, record: Record) -> Content | None:
        content = decode_content(record)
        return shift_times(content, self._shift_s) if content is not None and self._shift_s else content

    def apply(self) -> int:
        """Apply the pending records; return the number of points. Can be repeated after a `ServerError`."""
        self.read_cursor()
        applied = 0
        while self._pending:
            applied += self._apply_next()
        self.applied += applied
        return applied

    def store_progress(self, execute: Execute) -> None:
        """Store the counts of a run in progress in its record, at most once per second.

        The record of a finished run is not changed. Can be repeated after a `ServerError`. A refused
        update is ignored.
        """
        now = self._clock()
        builder = self.builder
        has_begun = builder.results or builder.planned or builder.errors
        if not has_begun or builder.end is not None or self._pending or now - self._progress_at < PROGRESS_S:
            return
        counts = {**builder.counts(), "planned": builder.planned, "seen": len(builder.errors)}
        if counts != self._progress:
            self._write_progress(_progress(builder, counts), execute)
        self._progress_at, self._progress = now, counts

    def _write_progress(self, fields: dict[str, Any], execute: Execute) -> None:
        # The batch does not move the cursor. If the server has another cursor, it was restored or reset, and
        # nothing is written.
        key, cursor = keys.cursor(self._config.namespace, self.producer), self.read_cursor()
        change = runs.build_progress(self.builder.run_id, fields, self._config)
        try:
            execute(apply_batch(Batch(run=change, step=Step(key, cursor, cursor)), self._config))
        except RequestRefusedError:
            pass

    def _apply_next(self) -> int:
        batch, end = self._pack(BATCH_LABELS, self._points)
        size = sum(map(len, batch.entries.values()))
        try:
            position = self._execute(apply_batch(batch, self._config))
        except RequestRefusedError as error:
            if size > 1:
                # Halve the batch until it consists of the refused point alone.
                self._points = size // 2
                return 0
            position = self._skip_refused(batch, end, error)
        self._points = min(BATCH_POINTS, 2 * self._points)
        if position != end:
            # Another process delivered records, or the server was restored from older data.
            self._seek(position)
            return 0
        self._advance(end)
        return size

    def _skip_refused(self, batch: Batch, end: str, error: ServerError) -> str:
        """Write the refused point or change of a batch to a file, and move the cursor past it.

        Raises `ServerError` if the server also refuses the new cursor, because then the point is not the reason.
        """
        if self._refused_at != end:
            _write_refused(self.path, batch, error)
        self._refused_at = end
        position: str = self._execute(apply_batch(Batch(step=batch.step), self._config))
        self.refused, self.refusal = self.refused + 1, str(error)
        return position

    def deliver(self) -> None:
        """Read and apply all records written so far."""
        if self._execute_all is not None:
            self._deliver_overlapping(self._execute_all)
        self.apply()
        while self.read():
            self.apply()

    def _deliver_overlapping(self, execute_all: ExecuteAll) -> None:
        """Deliver batches without waiting for replies; after a failure, continue with single batches."""
        self.read_cursor()
        ends: list[str] = []
        try:
            positions = execute_all(self._batches(ends))
        except ServerError as error:
            self._execute_all, self._cursor, self._is_stale = None, None, True
            if not isinstance(error, RequestRefusedError):
                raise
            return
        if positions != ends:
            self._execute_all = None
            self._seek(positions[-1])

    def _batches(self, ends: list[str]) -> Iterator[Operation[str]]:
        """Yield the operations that apply the next batches; append the cursor after each to `ends`."""
        while self._pending or self.read():
            while self._pending:
                batch, end = self._pack(BATCH_LABELS, BATCH_POINTS)
                ends.append(end)
                self._advance(end)
                self.applied += sum(map(len, batch.entries.values()))
                yield apply_batch(batch, self._config)

    def finish(self) -> None:
        """Deliver a spool that has no writer, including a last line without a newline."""
        begun = -1
        while begun != self._begun:
            begun = self._begun
            self.deliver()
            self._take_all(self._reader.finish())
            # If the server was restored from older data meanwhile, the spool is read again from its start.
            self.deliver()

    def note_as_applied(self) -> None:
        """Set the server's cursor to the end of a spool whose records are all applied."""
        while True:
            self._pending.clear()
            if not self.read():
                break
        key = keys.cursor(self._config.namespace, self.producer)
        self._execute(apply_batch(Batch(step=Step(key, "0", str(self._last_seq))), self._config))

    def crash(self, died_at: float = 0.0) -> list[AddedPoint]:
        """Add the death of the process to the run; return the points that it adds, as `RunBuilder.crash` does.

        If the server has records that this file has lost, the running test is unknown.
        """
        if self.is_cut_short:
            self.builder.running.clear()
        return self.builder.crash(died_at)

    def complete_as_crashed(self, died_at: float = 0.0) -> None:
        """Store the record and profile of a run whose process died; do not move its cursor.

        `died_at` is the time at which the death was noticed, in epoch seconds; 0 if unknown.
        """
        self.finish()
        while not self.is_done:
            self._apply_crash(self.crash(died_at and died_at + self._shift_s))
            cursor = self.read_cursor()
            fields = run_fields(self.builder, self._checkout(True)) | {"status": "crashed"}
            change = runs.build_end(fields, self._config, self._encode_profile())
            step = Step(keys.cursor(self._config.namespace, self.producer), cursor, cursor)
            position = self._execute(apply_batch(Batch(run=change, step=step), self._config))
            if position == cursor:
                return
            self._seek(position)
            self.finish()

    def _apply_crash(self, added: list[AddedPoint]) -> None:
        """Apply the points of the test that the process died in, exactly once, with a separate cursor."""
        if not added:
            return
        step = Step(keys.cursor(self._config.namespace, f"{self.producer}-crash"), "0", "1")
        batch = Batch(step=step, recheck_s=_MAX_SHIFT_ERROR_S if self._checked_until > _START else None)
        for label, entry, contexts in added:
            batch.entries.setdefault(label, []).append(entry)
            batch.contexts.update({context.id: context for context in contexts})
        try:
            self._execute(apply_batch(batch, self._config))
        except RequestRefusedError as error:
            self.refused, self.refusal = self.refused + len(added), str(error)

    def _pack(self, labels: int, points: int) -> tuple[Batch, str]:
        """Return the next batch, and the cursor after it."""
        batch = Batch()
        size = count = 0
        end = str(self._cursor)
        for pending in self._pending:
            for position in range(pending.done, len(pending.added)):
                added = pending.added[position]
                full = count >= points or size >= BATCH_BYTES
                if full or (len(batch.entries) >= labels and added.label not in batch.entries):
                    return self._with_step(batch, end)
                batch.entries.setdefault(added.label, []).append(added.entry)
                for context in added.contexts:
                    if context.id not in batch.contexts:
                        batch.contexts[context.id] = context
                        size += len(context.bytes)
                size += len(added.label) + 64
                count += 1
                end = f"{pending.seq}:{position + 1}"
            if pending.run is not None:
                if count and points == 1:
                    # Send a change of the run in its own batch, because the server may refuse it.
                    return self._with_step(batch, end)
                return self._with_step(dataclasses.replace(batch, run=pending.run), str(pending.seq))
            end = str(pending.seq)
        return self._with_step(batch, end)

    def _with_step(self, batch: Batch, end: str) -> tuple[Batch, str]:
        for entries in batch.entries.values():
            entries.sort(key=lambda entry: entry.timestamp)
        step = Step(keys.cursor(self._config.namespace, self.producer), str(self._cursor), end)
        if _position(step.start) < self._checked_until:
            # Each comparison of the clocks gives a slightly different shift.
            batch = dataclasses.replace(batch, recheck_s=_MAX_SHIFT_ERROR_S if self._shift_s else 0.0)
        return dataclasses.replace(batch, step=step), end

    def _seek(self, cursor: str) -> None:
        """Continue at the server's cursor: the records before it are applied, the others are not."""
        if self._cursor is not None:
            if _position(cursor) < _position(self._cursor):
                self._require_check(_position(self._cursor))
            # Discarded records may be needed again: read the file from its start.
            self._begin()
        self._advance(cursor)

    def _require_check(self, until: tuple[int, float]) -> None:
        """Require a check for duplicates of each record before `until`, if the server evicts keys.

        A server that does not evict keys was restored from older data, whose labels and cursor are of one time.
        """
        if until > self._checked_until and self._execute(check_eviction()):
            self._checked_until = until

    def _advance(self, cursor: str) -> None:
        seq, _, points = cursor.partition(":")
        self._cursor = cursor
        complete = int(seq) - 1 if points else int(seq)
        while self._pending and self._pending[0].seq <= complete:
            self._pending.popleft()
        if points and self._pending and self._pending[0].seq == int(seq):
            self._pending[0].done = int(points)


def is_misdated(started: float, now: float, server_now: float) -> bool:
    """Return whether this machine's clock was wrong during a run and still has the same error.

    All times are in epoch seconds. If `started` is closer to the time of the server than to `now`, the clock was
    changed after the run.
    """
    if abs(server_now - now) <= runs.CLOCK_SKEW_S or started > now:
        return False
    return now - started < abs(server_now - started)


def _this_host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else ""


# Maximum difference in seconds between two comparisons of the clocks.
_MAX_SHIFT_ERROR_S = 5.0
_START, _END = (0, 0.0), (sys.maxsize, 0.0)


def _position(cursor: str) -> tuple[int, float]:
    """Return a cursor as a sortable value: number of the record, and number of its applied points."""
    seq, _, points = cursor.partition(":")
    return int(seq), float(points or "inf")


def _write_refused(spool: Path, batch: Batch, error: ServerError) -> None:
    """Append refused points to a file beside the spool, one line of JSON each; ignore a full disk."""
    rows: list[dict[str, Any]] = [
        {"label": label, "timestamp": entry.timestamp, "value": entry.value, "error": str(error)}
        for label, entries in batch.entries.items()
        for entry in entries
    ]
    if batch.run is not None:
        rows.append({"run": batch.run.key, "error": str(error)})
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    try:
        with open(os.open(spool.with_name(f"{spool.name}.refused"), flags, 0o600), "a") as aside:
            aside.writelines(json.dumps(row) + "\n" for row in rows)
    except OSError:
        pass


#: Maximum number of tests named in the record of a run whose process died.
MAX_DIED_IN = 20

#: Fields of a run that come from the header of its spool.
HEADER_FIELDS = (
    *("id", "suite", "started", "branch", "commit", "dirty", "provider", "build_id", "build_url", "job"),
    *("attempt", "host", "python", "platform", "pytest", "workers", "dist", "argv", "cpu_count"),
    "machine_memory",
    *("quarantine", "nested", "base", "pull_request", "default_branch", "producer"),
)


def _progress(builder: RunBuilder, counts: dict[str, int]) -> dict[str, Any]:
    """Return the fields of a run in progress: its counts, and its failing tests so far."""
    fields: dict[str, Any] = {name: count for name, count in counts.items() if name != "seen"}
    failing = failing_profile_of(builder)
    encoded = profile.encode_failing(failing) if failing else ""
    return {**fields, "duration": round(builder.duration, 6), runs.FAILING: encoded}


def run_fields(builder: RunBuilder, checkout: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a run's record from its spool so far, completed with the fields of its `checkout`."""
    fields: dict[str, Any] = {}
    if builder.header is not None:
        recorded = {name: getattr(builder.header, name) for name in HEADER_FIELDS}
        fields = {name: value for name, value in recorded.items() if value is not None}
        fields |= complete(builder.header, checkout or {})
    fields["status"] = builder.status
    if builder.planned:
        fields["planned"] = builder.planned
    if builder.end is not None or builder.results:
        fields |= builder.counts() | {"duration": round(builder.duration, 6), "finished": builder.last_time}
    if builder.died_in:
        fields[runs.DIED_IN] = json.dumps(builder.died_in[:MAX_DIED_IN])
    if builder.end is not None:
        fields["exit_code"] = builder.end.exit_code
    return fields
