"""Delivering one spool: each record once, whoever delivers it and however often."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from akastats import keys, profile
from akastats.config import Config
from akastats.errors import ServerError
from akastats.operations import runs
from akastats.operations.push import BATCH_BYTES, BATCH_LABELS, BATCH_POINTS, Batch, RunChange, Step, apply
from akastats.operations.requests import Operation
from akastats.outcomes import Added, Keeping, Story
from akastats.spool.format import Record
from akastats.spool.reader import Reader

T = TypeVar("T")


@dataclass
class Pending:
    """A record whose points are not all applied yet: `done` says how many are."""

    seq: int
    added: list[Added]
    run: RunChange | None = None
    done: int = 0


class Delivery:
    """Follows one spool and applies what it says, from where the server's cursor stands.

    `carry` carries out an operation on the server; its `ServerError`s come through.
    """

    def __init__(self, path: Path, config: Config, carry: Callable[[Operation[Any]], Any]) -> None:
        self.path = path
        self.producer = producer_of(path)
        self._config = config
        self._carry = carry
        self._cursor: str | None = None
        self.refused = 0
        self._begin()

    def _begin(self) -> None:
        keeping = Keeping(self._config.run_days * runs.DAY_S, self._config.error_days * runs.DAY_S)
        self._reader = Reader(self.path)
        self.story = Story(keeping)
        self._pending: deque[Pending] = deque()

    @property
    def damaged(self) -> int:
        """How many lines of the spool did not prove themselves."""
        return self._reader.damaged

    @property
    def is_done(self) -> bool:
        """Whether the run's end has been told and everything is applied."""
        return self.story.end is not None and not self._pending

    @property
    def waiting(self) -> int:
        """How many records have been read and are not applied yet."""
        return len(self._pending)

    def read(self) -> bool:
        """Take in some of what has been written since; return whether there was anything."""
        records = self._reader.read()
        for record in records:
            self._take(record)
        if self._cursor is not None:
            self._advance(self._cursor)
        return bool(records)

    def _take(self, record: Record) -> None:
        added = self.story.tell(record)
        kind = record.content[0]
        change = self._change(kind) if kind in ("run", "end") else None
        if added or change:
            self._pending.append(Pending(record.seq, added, change))

    def _change(self, kind: str) -> RunChange:
        fields = run_fields(self.story)
        if kind == "run":
            return runs.started(fields, self._config)
        return runs.finished(fields, self._config, profile.encode(self.story))

    def apply(self) -> int:
        """Apply what is pending; return how many points went. Raises `ServerError` and can be called again."""
        if self._cursor is None:
            self._seek(self._carry(runs.cursor(self._config.namespace, self.producer)))
        applied = 0
        while self._pending:
            batch, end = self._pack(BATCH_LABELS, BATCH_POINTS)
            applied += self._apply(batch, end)
        return applied

    def _apply(self, batch: Batch, end: str) -> int:
        try:
            stands = self._carry(apply(batch, self._config))
        except ServerError as error:
            if error.kind != "refused":
                raise
            return self._apply_singly(error)
        if stands != end:
            # Another drainer was here, or the server came back from older data.
            self._seek(stands)
            return 0
        self._advance(end)
        return sum(map(len, batch.entries.values()))

    def _apply_singly(self, error: ServerError) -> int:
        """Find the one point that the server refuses, and go on without it."""
        batch, end = self._pack(labels=1, points=1)
        try:
            stands = self._carry(apply(batch, self._config))
        except ServerError as again:
            if again.kind != "refused":
                raise
            self.refused += 1
            stands = self._carry(apply(Batch(step=batch.step), self._config))
        if stands != end:
            self._seek(stands)
        else:
            self._advance(end)
        return 1

    def complete_as_crashed(self) -> None:
        """Write the record and profile of a run whose process ended without a word; its cursor stays."""
        fields = run_fields(self.story) | {"status": "crashed"}
        change = runs.finished(fields, self._config, profile.encode(self.story))
        cursor = self._cursor or "0"
        step = Step(keys.cursor(self._config.namespace, self.producer), cursor, cursor)
        self._carry(apply(Batch(run=change, step=step), self._config))

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
                batch.contexts.update((context.id, context) for context in added.contexts)
                size += len(added.label) + sum(len(context.bytes) for context in added.contexts) + 64
                count += 1
                end = f"{pending.seq}:{position + 1}"
            if pending.run is not None:
                return self._stepped(dataclasses.replace(batch, run=pending.run), str(pending.seq))
            end = str(pending.seq)
        return self._stepped(batch, end)

    def _stepped(self, batch: Batch, end: str) -> tuple[Batch, str]:
        for entries in batch.entries.values():
            entries.sort(key=lambda entry: entry.timestamp)
        key = keys.cursor(self._config.namespace, self.producer)
        return dataclasses.replace(batch, step=Step(key, str(self._cursor), end)), end

    def _seek(self, stands: str) -> None:
        """Stand where the server's cursor stands; what lies before is applied, what lies behind is not."""
        if self._cursor is not None:
            # What has been let go of may be needed again: begin with the file.
            self._begin()
        self._advance(stands)

    def _advance(self, stands: str) -> None:
        seq, _, points = stands.partition(":")
        self._cursor = stands
        complete = int(seq) - 1 if points else int(seq)
        while self._pending and self._pending[0].seq <= complete:
            self._pending.popleft()
        if points and self._pending and self._pending[0].seq == int(seq):
            self._pending[0].done = int(points)


def producer_of(path: Path) -> str:
    """Return the producer that a spool's name ends with."""
    return path.stem.rpartition("-")[2]


#: Fields of a run that its spool's header tells as they are.
TOLD = (
    *("id", "suite", "started", "branch", "commit", "dirty", "provider", "build_id", "build_url", "job"),
    *("attempt", "host", "python", "platform", "pytest", "workers", "argv", "cpu_count"),
)


def run_fields(story: Story) -> dict[str, Any]:
    """Return a run's record as far as its story goes."""
    fields = {name: story.header[name] for name in TOLD if name in story.header}
    fields["status"] = story.status
    if story.end is not None or story.results:
        fields |= story.counts() | {"duration": round(story.duration, 6), "finished": story.last_time}
    if story.end is not None:
        fields["exit_code"] = story.end["exit_code"]
    return fields
