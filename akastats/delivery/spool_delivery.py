"""Delivering one spool: each record once, whoever delivers it and however often."""

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
from akastats.delivery.run_builder import AddedPoint, Retention, RunBuilder
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

ExecuteAll = Callable[[Iterable[Operation[str]]], list[str]]

# With this many records that are not applied, reading pauses: a server that is down for an hour costs no
# memory, the spool holds the rest.
MOST_PENDING = 5000

# How often, at most, the system is asked to write a spool to the disk: 3 ms, and what a power cut may cost.
SYNC_S = 1.0

# Seconds between two reports of progress of a run.
PROGRESS_S = 1.0

#: What a record that proved itself and still makes no sense may raise; whoever wrote it was not this release.
UNSOUND = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError)


@dataclass
class Pending:
    """A record whose points are not all applied yet; `done` counts those that are."""

    seq: int
    added: list[AddedPoint]
    run: RunChange | None = None
    done: int = 0


class Delivery:
    """Delivery of one spool: follows it and applies its records, from the server's cursor on.

    `execute` runs an operation on the server; its `ServerError`s are not caught. `elsewhere` are the
    directories in which the spool may go on; `syncs`: a run that goes on is kept from a power cut, and nobody has
    delivered it before. With `carry_all` a batch is made while the server works on the one before it. `is_named`:
    the user has named the spool or its directory, so it is read whoever owns it. `checkout` returns what git says
    of the code, as far as it is known or, called with true, in the end; by default what was kept beside the spool.
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        execute: Callable[[Operation[Any]], Any],
        elsewhere: Sequence[Path] | None = None,
        syncs: bool = True,
        clock: Callable[[], float] = time.monotonic,
        execute_all: ExecuteAll | None = None,
        now: Callable[[], float] = time.time,
        is_named: bool = False,
        checkout: Callable[[bool], Mapping[str, Any]] | None = None,
    ) -> None:
        self._name, self._producer = path.name, ""
        self._config = config
        self._execute = execute
        others = directories.list_alternatives(path.parent, os.environ) if elsewhere is None else elsewhere
        self._reader = Reader(path, others, is_named)
        self._execute_all = execute_all
        self._checkout = checkout or (lambda _: stored_fields(self.path))
        self._cursor: str | None = None
        # Records before this position may have been applied with a cursor that the server has lost.
        self._doubtful_until = _START
        self._is_stale = False
        self._syncs, self._clock, self._now = syncs, clock, now
        # Server time minus this machine's time, in seconds; 0 while they agree.
        self._shift_s = 0.0
        self._synced, self._is_dirty = clock(), False
        self._progress: dict[str, int] = {}
        self._progress_told = clock()
        # Points that the server refused: their number, the last message, and the position of the last one.
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
        """The producer of the records: named by the first record once it is read, before that by the file name."""
        if not self._producer and self.builder.header:
            self._producer = get_producer(self._name, self.builder.header)
        return self._producer or get_producer(self._name)

    @property
    def is_cut_short(self) -> bool:
        """Return whether the server has more records than this file, because a longer copy was delivered."""
        applied = (self._cursor or "0").partition(":")[0]
        return int(applied) > self._last_seq

    @property
    def path(self) -> Path:
        """Where the spool is, as far as it has been followed."""
        return self._reader.path

    @property
    def damaged(self) -> int:
        """How many lines of the spool did not prove themselves, or made no sense."""
        return self._reader.damaged + self._unsound

    @property
    def is_done(self) -> bool:
        """Whether the end of the run is recorded and everything is applied."""
        return self.builder.end is not None and not self._pending

    @property
    def position(self) -> str:
        """The server's last known cursor; empty before it is read."""
        return self._cursor or ""

    @property
    def waiting(self) -> int:
        """How many records have been read and are not applied yet."""
        return len(self._pending)

    def read(self) -> bool:
        """Take in some of what has been written since; return whether there was anything, or is, unread."""
        if len(self._pending) >= MOST_PENDING:
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
        """Copy the spool's damaged bytes to a file beside it; for a run that is over and applied."""
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
        # The header is written twice; without it, the run of the other records is unknown.
        if bool(self.builder.header) == (kind == "run"):
            return
        content = self._decode(record)
        if content is None:
            return
        added = self.builder.add(content)
        for label, (timestamp, value, _), _ in added:
            check_label(label)
            if not isfinite(timestamp + value):
                raise ValueError("a point is a time and a number, both finite")
        change = self._change(kind) if kind in ("run", "end") else None
        if added or change:
            self._pending.append(Pending(record.seq, added, change))

    def _change(self, kind: str) -> RunChange:
        fields = run_fields(self.builder, self._checkout(kind == "end"))
        if kind == "run":
            return runs.build_start(fields, self._config)
        return runs.build_end(fields, self._config, profile.encode(profile_of(self.builder)))

    def stands(self) -> str:
        """Return where the server's cursor stands, asked for the first time; `0` for a spool it does not know."""
        if self._cursor is None:
            if self._is_stale:
                self._begin()
            self._is_stale = False
            self._compare_clocks()
            if not self._syncs:
                self._doubt(_END)
            self._seek(self._execute(runs.read_cursor(self._config.namespace, self.producer)))
        return str(self._cursor)

    def _compare_clocks(self) -> None:
        """Read the spool again with times moved if the recording machine's clock differs from the server's."""
        if not self.builder.header:
            self.read()
        header = self.builder.header
        if self._shift_s or header is None or header.pid is None or header.host != _this_host():
            return
        now, server_now = self._now(), float(self._execute(read_time()))
        if is_misdated(header.started, now, server_now):
            self._shift_s = server_now - now
            self._begin()
            while len(self._pending) < MOST_PENDING and self.read():
                pass

    def _decode(self, record: Record) -> Content | None:
        content = decode_content(record)
        return shift_times(content, self._shift_s) if content is not None and self._shift_s else content

    def apply(self) -> int:
        """Apply the pending records; return the number of points. Raises `ServerError` and can be called again."""
        self.stands()
        applied = 0
        while self._pending:
            applied += self._apply_next()
        self.applied += applied
        return applied

    def tell_progress(self, execute: Callable[[Operation[Any]], Any]) -> None:
        """Write the counts so far into the record of a run in progress, at most once per second, by `execute`.

        What anybody has said of its end stays. Raises `ServerError` and can be called again; a server that
        refuses this much costs the run nothing else.
        """
        now = self._clock()
        builder = self.builder
        has_begun = builder.results or builder.planned or builder.errors
        if not has_begun or builder.end is not None or self._pending or now - self._progress_told < PROGRESS_S:
            return
        counts = {**builder.counts(), "planned": builder.planned, "seen": len(builder.errors)}
        if counts != self._progress:
            self._say_progress(_progress(builder, counts), execute)
        self._progress_told, self._progress = now, counts

    def _say_progress(self, fields: dict[str, Any], execute: Callable[[Operation[Any]], Any]) -> None:
        # The cursor stays; where it is not what we know, the server has other data, and nothing is written.
        key, cursor = keys.cursor(self._config.namespace, self.producer), self.stands()
        change = runs.build_progress(self.builder.run_id, fields, self._config)
        try:
            execute(apply_batch(Batch(run=change, step=Step(key, cursor, cursor)), self._config))
        except RequestRefusedError:
            pass

    def _apply_next(self) -> int:
        batch, end = self._pack(BATCH_LABELS, self._points)
        size = sum(map(len, batch.entries.values()))
        try:
            stands = self._execute(apply_batch(batch, self._config))
        except RequestRefusedError as error:
            if size > 1:
                # Half of it, and half of that, until the one that is refused stands alone.
                self._points = size // 2
                return 0
            stands = self._pass_over(batch, end, error)
        self._points = min(BATCH_POINTS, 2 * self._points)
        if stands != end:
            # Another drainer was here, or the server came back from older data.
            self._seek(stands)
            return 0
        self._advance(end)
        return size

    def _pass_over(self, batch: Batch, end: str, error: ServerError) -> str:
        """Set aside the one point, or change of a run, that a batch consists of, and go on without it.

        Raises `ServerError` where the server refuses even that: then nothing is wrong with the point.
        """
        if self._refused_at != end:
            _write_refused(self.path, batch, error)
        self._refused_at = end
        stands: str = self._execute(apply_batch(Batch(step=batch.step), self._config))
        self.refused, self.refusal = self.refused + 1, str(error)
        return stands

    def deliver(self) -> None:
        """Read and apply all that is written."""
        if self._execute_all is not None:
            self._deliver_overlapping(self._execute_all)
        self.apply()
        while self.read():
            self.apply()

    def _deliver_overlapping(self, execute_all: ExecuteAll) -> None:
        """Deliver as if all went well; where it does not, the server's cursor says from where to go on singly."""
        self.stands()
        ends: list[str] = []
        try:
            stood = execute_all(self._batches(ends))
        except ServerError as error:
            self._execute_all, self._cursor, self._is_stale = None, None, True
            if not isinstance(error, RequestRefusedError):
                raise
            return
        if stood != ends:
            self._execute_all = None
            self._seek(stood[-1])

    def _batches(self, ends: list[str]) -> Iterator[Operation[str]]:
        """Yield what applies each next batch, each begun where the one before it ends; note those ends."""
        while self._pending or self.read():
            while self._pending:
                batch, end = self._pack(BATCH_LABELS, BATCH_POINTS)
                ends.append(end)
                self._advance(end)
                self.applied += sum(map(len, batch.entries.values()))
                yield apply_batch(batch, self._config)

    def finish(self) -> None:
        """Deliver all of a spool that is no longer written, including a last line without its newline."""
        begun = -1
        while begun != self._begun:
            begun = self._begun
            self.deliver()
            self._take_all(self._reader.finish())
            # Where the server came back from older data meanwhile, the file has been begun again.
            self.deliver()

    def note_as_applied(self) -> None:
        """Set the server's cursor to the end of a spool that it has completely, but has no cursor for."""
        while True:
            self._pending.clear()
            if not self.read():
                break
        key = keys.cursor(self._config.namespace, self.producer)
        self._execute(apply_batch(Batch(step=Step(key, "0", str(self._last_seq))), self._config))

    def crash(self, died_at: float = 0.0) -> list[AddedPoint]:
        """End the story of a run whose process died, and return the points that this adds, as `Story.crash` does.

        Where the server has records that this file has lost, nobody knows which test was running.
        """
        if self.is_cut_short:
            self.builder.running.clear()
        return self.builder.crash(died_at)

    def complete_as_crashed(self, died_at: float = 0.0) -> None:
        """Write the record and profile of a run whose process died; its cursor stays.

        `died_at` is when that was seen, in epoch seconds, 0 where it is not known.
        """
        self.finish()
        while not self.is_done:
            self._apply_crash(self.crash(died_at and died_at + self._shift_s))
            cursor = self.stands()
            fields = run_fields(self.builder, self._checkout(True)) | {"status": "crashed"}
            change = runs.build_end(fields, self._config, profile.encode(profile_of(self.builder)))
            step = Step(keys.cursor(self._config.namespace, self.producer), cursor, cursor)
            stands = self._execute(apply_batch(Batch(run=change, step=step), self._config))
            if stands == cursor:
                return
            self._seek(stands)
            self.finish()

    def _apply_crash(self, added: list[AddedPoint]) -> None:
        """Apply the points of the test that the process died in, exactly once, by a cursor of their own."""
        if not added:
            return
        step = Step(keys.cursor(self._config.namespace, f"{self.producer}-crash"), "0", "1")
        batch = Batch(step=step, doubt_s=_MOVED_WITHIN_S if self._doubtful_until > _START else None)
        for label, entry, contexts in added:
            batch.entries.setdefault(label, []).append(entry)
            batch.contexts.update({context.id: context for context in contexts})
        try:
            self._execute(apply_batch(batch, self._config))
        except RequestRefusedError as error:
            self.refused, self.refusal = self.refused + len(added), str(error)

    def _pack(self, labels: int, points: int) -> tuple[Batch, str]:
        """Return the next batch, and where the cursor stands when it is applied."""
        batch = Batch()
        size = count = 0
        end = str(self._cursor)
        for pending in self._pending:
            for position in range(pending.done, len(pending.added)):
                added = pending.added[position]
                full = count >= points or size >= BATCH_BYTES
                if full or (len(batch.entries) >= labels and added.label not in batch.entries):
                    return self._stepped(batch, end)
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
                    # One thing alone: it may be the one that is refused.
                    return self._stepped(batch, end)
                return self._stepped(dataclasses.replace(batch, run=pending.run), str(pending.seq))
            end = str(pending.seq)
        return self._stepped(batch, end)

    def _stepped(self, batch: Batch, end: str) -> tuple[Batch, str]:
        for entries in batch.entries.values():
            entries.sort(key=lambda entry: entry.timestamp)
        step = Step(keys.cursor(self._config.namespace, self.producer), str(self._cursor), end)
        if _position(step.start) < self._doubtful_until:
            # The difference that moves times to the server's clock varies with each reading.
            batch = dataclasses.replace(batch, doubt_s=_MOVED_WITHIN_S if self._shift_s else 0.0)
        return dataclasses.replace(batch, step=step), end

    def _seek(self, stands: str) -> None:
        """Stand where the server's cursor stands; what lies before is applied, what lies behind is not."""
        if self._cursor is not None:
            if _position(stands) < _position(self._cursor):
                self._doubt(_position(self._cursor))
            # Records that were discarded may be needed again: start from the beginning of the file.
            self._begin()
        self._advance(stands)

    def _doubt(self, until: tuple[int, float]) -> None:
        """Treat records before a position as doubtful, to be checked, if the server evicts keys.

        One that does not came back from older data, labels and cursor of one moment.
        """
        if until > self._doubtful_until and self._execute(check_eviction()):
            self._doubtful_until = until

    def _advance(self, stands: str) -> None:
        seq, _, points = stands.partition(":")
        self._cursor = stands
        complete = int(seq) - 1 if points else int(seq)
        while self._pending and self._pending[0].seq <= complete:
            self._pending.popleft()
        if points and self._pending and self._pending[0].seq == int(seq):
            self._pending[0].done = int(points)


def is_misdated(started: float, now: float, server_now: float) -> bool:
    """Return whether this machine's clock was as wrong during a run as it is at `now` (epoch seconds).

    It may have been recorded before the clock was moved: then its time is closer to the server's.
    """
    if abs(server_now - now) <= runs.CLOCK_SKEW_S or started > now:
        return False
    return now - started < abs(server_now - started)


def _this_host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else ""


_MOVED_WITHIN_S = 5.0
_START, _END = (0, 0.0), (sys.maxsize, 0.0)


def _position(cursor: str) -> tuple[int, float]:
    """Return a cursor that orders by time: a record's number, and the count of its applied points."""
    seq, _, points = cursor.partition(":")
    return int(seq), float(points or "inf")


def _write_refused(spool: Path, batch: Batch, error: ServerError) -> None:
    """Write the points that the server refused beside the spool, one line of JSON each; ignore a full disk."""
    told: list[dict[str, Any]] = [
        {"label": label, "timestamp": entry.timestamp, "value": entry.value, "error": str(error)}
        for label, entries in batch.entries.items()
        for entry in entries
    ]
    if batch.run is not None:
        told.append({"run": batch.run.key, "error": str(error)})
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    try:
        with open(os.open(spool.with_name(f"{spool.name}.refused"), flags, 0o600), "a") as aside:
            aside.writelines(json.dumps(item) + "\n" for item in told)
    except OSError:
        pass


#: Most tests that a run's record names of those that its process died in.
MOST_DIED_IN = 20

#: Fields of a run that are taken from the header of its spool.
TOLD = (
    *("id", "suite", "started", "branch", "commit", "dirty", "provider", "build_id", "build_url", "job"),
    *("attempt", "host", "python", "platform", "pytest", "workers", "argv", "cpu_count", "quarantine"),
    *("nested", "base", "pull_request", "default_branch", "producer"),
)


def _progress(builder: RunBuilder, counts: dict[str, int]) -> dict[str, Any]:
    """Return the fields of a run in progress: its counts, and its failing tests so far."""
    fields: dict[str, Any] = {name: count for name, count in counts.items() if name != "seen"}
    failing = failing_profile_of(builder)
    encoded = profile.encode_failing(failing) if failing else ""
    return {**fields, "duration": round(builder.duration, 6), runs.FAILING: encoded}


def run_fields(builder: RunBuilder, checkout: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a run's record from its story so far, completed with the fields of its `checkout`."""
    fields: dict[str, Any] = {}
    if builder.header is not None:
        recorded = {name: getattr(builder.header, name) for name in TOLD}
        fields = {name: value for name, value in recorded.items() if value is not None}
        fields |= complete(builder.header, checkout or {})
    fields["status"] = builder.status
    if builder.planned:
        fields["planned"] = builder.planned
    if builder.end is not None or builder.results:
        fields |= builder.counts() | {"duration": round(builder.duration, 6), "finished": builder.last_time}
    if builder.died_in:
        fields[runs.DIED_IN] = json.dumps(builder.died_in[:MOST_DIED_IN])
    if builder.end is not None:
        fields["exit_code"] = builder.end.exit_code
    return fields
