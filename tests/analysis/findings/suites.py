"""Recorded suites for the rules: a short way to state tests, fixtures and processes in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from akastats.analysis.findings.recorded_run import RecordedRun, make_recorded_run
from tests.profiles import profile_with

SECOND = 1_000_000


@dataclass(frozen=True)
class Row:
    """A test: its name, seconds of its phases, its worker and fixtures."""

    nodeid: str
    call: float = 0.125
    setup: float = 0.0
    teardown: float = 0.0
    worker: str = ""
    fixtures: tuple[str, ...] = ()
    implicit: tuple[str, ...] = ()
    cpu: float | None = None
    cpu_setup: float | None = None
    children: float | None = None
    outcome: str = "passed"
    gc: float | None = None
    gc_teardown: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Suite:
    """A recorded suite; times in seconds. `start` is that of start-up, and that of the collection."""

    rows: Sequence[Row]
    fixtures: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    builds: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    files: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    imports: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    start: float = 0.0
    finish: float = 0.0
    around: float = 0.0
    workers: int = 0
    dist: str = "load"
    cpus: int = 2
    memory: int | None = None
    gc_collect: float | None = None

    def record(self) -> RecordedRun:
        """Return the run of the suite, whose tests follow each other in each worker."""
        sets = sorted({(row.fixtures, row.implicit) for row in self.rows})
        starts, ends = _schedule(self.rows, self.around)
        tests = {
            "nodeid": [row.nodeid for row in self.rows],
            "outcome": [row.outcome for row in self.rows],
            "worker": [row.worker for row in self.rows],
            "start": list(map(_us, starts)),
            "fixture_set": [sets.index((row.fixtures, row.implicit)) for row in self.rows],
            **{name: [_us(getattr(row, name)) for row in self.rows] for name in ("setup", "call", "teardown")},
            "cpu_call": [_us_or_none(row.cpu) for row in self.rows],
            "cpu_setup": [_us_or_none(row.cpu_setup) for row in self.rows],
            "children_call": [_us_or_none(row.children) for row in self.rows],
            "gc_call": [_us_or_none(row.gc) for row in self.rows],
            "gc_teardown": [_us_or_none(row.gc_teardown) for row in self.rows],
            "peak_memory": [row.memory for row in self.rows],
        }
        content = profile_with(
            tests=tests,
            fixtures=_table(self.fixtures),
            builds=_table(self.builds),
            files=_table(self.files),
            imports=_table(self.imports),
            processes=self._processes(ends),
            fixture_sets=[fixtures for fixtures, _ in sets],
            implicit_sets=[implicit for _, implicit in sets],
        )
        return make_recorded_run(content, self.workers, self.dist, self.cpus, memory=self.memory)

    def _processes(self, ends: Mapping[str, float]) -> dict[str, list[Any]]:
        names = sorted({"", *ends})
        last = max(ends.values(), default=0.0)
        finished = [_us(ends.get(name, last)) for name in names]
        is_controller = [bool(self.workers) and not name for name in names]
        return {
            "worker": names,
            "start": [_us(-2 * self.start)] * len(names),
            "configured": [_us(-self.start)] * len(names),
            "collection": [None if each else _us(-self.start) for each in is_controller],
            "collected": [None if each else 0 for each in is_controller],
            "finished": finished,
            "gc_collect": [_us_or_none(self.gc_collect)] * len(names),
            "end": [each + _us(0.0 if name else self.finish) for name, each in zip(names, finished, strict=True)],
        }


def _schedule(rows: Sequence[Row], around: float) -> tuple[list[float], dict[str, float]]:
    starts: list[float] = []
    ends: dict[str, float] = {}
    for row in rows:
        starts.append(ends.get(row.worker, 0.0))
        ends[row.worker] = starts[-1] + row.setup + row.call + row.teardown + around
    return starts, ends


def _table(columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    """Return columns with their seconds, which are floats, as microseconds."""
    return {
        name: [_us(each) if isinstance(each, float) else each for each in column]
        for name, column in columns.items()
    }


def _us(seconds: float) -> int:
    return round(seconds * SECOND)


def _us_or_none(seconds: float | None) -> int | None:
    return None if seconds is None else _us(seconds)
