"""Attribute the wall time of each process of a run to spans that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from akastats.model.profile import Profile, SampleColumns, TestColumns

#: The spans of a process, in the order in which they first occur.
SPANS = ("startup", "conftest", "collect", "wait", "setup", "call", "teardown", "pytest", "finish", "exit")
_PHASES = ("setup", "call", "teardown")
# The moments of a process, in their order.
_MOMENTS = ("start", "configured", "collection", "collected", "finished", "end", "exited")

_WITHOUT_PROCESSES = "start-up, imports and waiting: recorded by pytest-akastats 0.3 and later"


@dataclass(frozen=True)
class ImportCost:
    """Imports of one package in one phase of a process.

    phase: `conftest`, `collect` or `tests`.
    package: top-level package or module.
    modules: number of imported modules.
    seconds: seconds, without those of other packages that these modules import.
    compiled: those of `seconds` in which modules were compiled, because their bytecode was not stored.
    """

    phase: str
    package: str
    modules: int
    seconds: float
    compiled: float = 0.0


@dataclass(frozen=True)
class Samples:
    """Samples of one process in the order of time; all lists have one length.

    time: seconds from the start of the run.
    memory: resident memory in bytes.
    cpu: CPU seconds since the start of the process.
    threads: number of threads.
    children: number of child processes; null if the system hides it.
    """

    time: list[float]
    memory: list[int]
    cpu: list[float]
    threads: list[int]
    children: list[int | None]


@dataclass(frozen=True)
class Resources:
    """Resources that one process used.

    Samples miss threads and child processes that live for less than 0.1 seconds.

    peak_memory: peak resident memory in bytes.
    cpu: CPU seconds until the last sample.
    threads: maximum number of threads.
    children: maximum number of child processes; null if the system hides it.
    samples: the samples; in a long run, a sample has the maxima since the previous sample.
    """

    peak_memory: int
    cpu: float
    threads: int
    children: int | None
    samples: Samples


@dataclass(frozen=True)
class ProcessLedger:
    """The wall time of one process, in seconds.

    worker: pytest-xdist worker; empty for the process in which pytest was started.
    start: start of the process, from the start of the run; negative before it.
    wall: wall time of the process.
    spans: seconds by span, in the order of `SPANS`; only those above zero.
    unexplained: wall time that no span contains.
    imports: imports of the process, the slowest first.
    gc: seconds of garbage collection between its configuration and its end; null if unknown.
    gc_passes: number of garbage collections in that time; null if unknown.
    resources: memory, CPU time, threads and children; null if nothing sampled the process.
    """

    worker: str
    start: float
    wall: float
    spans: Mapping[str, float]
    unexplained: float
    imports: tuple[ImportCost, ...] = ()
    gc: float | None = None
    gc_passes: int | None = None
    resources: Resources | None = None


@dataclass(frozen=True)
class Ledger:
    """The wall time of all processes of a run.

    processes: the process in which pytest was started, then the workers.
    lacks: what the run did not record, as phrases.
    """

    processes: tuple[ProcessLedger, ...]
    lacks: tuple[str, ...]

    @property
    def explained(self) -> float:
        """Return the share of wall time that the spans explain, from 0 to 1; 1 if there is no wall time."""
        wall = sum(process.wall for process in self.processes)
        return 1.0 - sum(process.unexplained for process in self.processes) / wall if wall else 1.0

    def sum_spans(self) -> dict[str, float]:
        """Return the seconds of each span over all processes, in the order of `SPANS`."""
        totals = {span: sum(process.spans.get(span, 0.0) for process in self.processes) for span in SPANS}
        return {span: seconds for span, seconds in totals.items() if seconds > 0}


def make_ledger(content: Profile) -> Ledger:
    """Return the ledger of a run from its profile."""
    if not content.processes.worker:
        return Ledger(tuple(_make_without_processes(content)), (_WITHOUT_PROCESSES,))
    tests = _sum_phases(content.tests)
    imports = _group_imports(content)
    columns = {name: getattr(content.processes, name) for name in (*_MOMENTS, "conftest", "wait")}
    resources = group_samples(content.samples)
    ledgers = []
    for row, worker in enumerate(content.processes.worker):
        times = {name: column[row] / 1e6 for name, column in columns.items() if column[row] is not None}
        phases = tests.get(worker, _Phases())
        process = _make_process(worker, times, phases, imports.get(worker, ()))
        collections = _find_collections(content, row)
        ledgers.append(replace(process, **collections, resources=resources.get(worker)))
    return Ledger(tuple(ledgers), _find_gaps(columns, bool(resources)))


def _find_collections(content: Profile, row: int) -> dict[str, Any]:
    seconds, passes = content.processes.gc, content.processes.gc_passes
    return {
        "gc": None if seconds is None or seconds[row] is None else (seconds[row] or 0) / 1e6,
        "gc_passes": None if passes is None else passes[row],
    }


def group_samples(table: SampleColumns) -> dict[str, Resources]:
    """Return the use of resources by worker, from the samples of a run."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    columns = (table.time, table.memory, table.peak, table.cpu, table.threads, table.children)
    for worker, *values in zip(table.worker, *columns, strict=True):
        rows.setdefault(worker, []).append(tuple(values))
    return {worker: _make_resources(samples) for worker, samples in rows.items()}


def _make_resources(rows: Iterable[tuple[Any, ...]]) -> Resources:
    time, memory, peak, cpu, threads, children = (list(column) for column in zip(*rows, strict=True))
    seconds = [each / 1e6 for each in cpu]
    listed = [each for each in children if each is not None]
    samples = Samples([each / 1e6 for each in time], memory, seconds, threads, children)
    # A new process has the memory of its parent until it has loaded its program.
    return Resources(peak[-1], seconds[-1], max(threads), max(listed, default=None), samples)


@dataclass
class _Phases:
    """Seconds of each phase in a process, its first start of an attempt, and its last end of one."""

    setup: float = 0.0
    call: float = 0.0
    teardown: float = 0.0
    first: float = 0.0
    last: float = 0.0

    @property
    def total(self) -> float:
        return self.setup + self.call + self.teardown


def _sum_phases(tests: TestColumns) -> dict[str, _Phases]:
    sums: dict[str, _Phases] = {}
    rows = zip(tests.worker, tests.start, tests.setup, tests.call, tests.teardown, strict=True)
    for worker, start_us, *phases_us in rows:
        start = start_us / 1e6
        setup, call, teardown = (us / 1e6 for us in phases_us)
        phases = sums.setdefault(worker, _Phases(first=start, last=start))
        phases.setup += setup
        phases.call += call
        phases.teardown += teardown
        phases.first = min(phases.first, start)
        phases.last = max(phases.last, start + setup + call + teardown)
    return sums


def _make_process(
    worker: str, times: Mapping[str, float], phases: _Phases, imports: Iterable[ImportCost]
) -> ProcessLedger:
    moments = {name: times[name] for name in _MOMENTS if name in times}
    start, end = _find_bounds(moments, phases)
    spans = dict.fromkeys(SPANS, 0.0)
    for (name, begin), (_, until) in pairwise([*moments.items(), ("", end)]):
        _add_interval(spans, name, max(0.0, until - begin))
    spans["conftest"] = min(spans["startup"], times.get("conftest", 0.0))
    spans["startup"] -= spans["conftest"]
    if "collection" not in times and "wait" not in times and not phases.total:
        # The controller of pytest-xdist waits for its workers.
        spans["wait"], spans["pytest"] = spans["pytest"], 0.0
    else:
        _split_tests(spans, phases, times.get("wait", 0.0))
    used = {span: seconds for span, seconds in spans.items() if seconds > 0}
    wall = max(0.0, end - start)
    slowest = sorted(imports, key=lambda each: (-each.seconds, each.package))
    return ProcessLedger(worker, start, wall, used, max(0.0, wall - sum(used.values())), tuple(slowest))


def _find_bounds(moments: Mapping[str, float], phases: _Phases) -> tuple[float, float]:
    """Return start and end of a process; a process that crashed ends with its last test."""
    present = list(moments.values()) or [phases.first]
    end = present[-1] if "end" in moments or "exited" in moments else max(present[-1], phases.last)
    return present[0], end


# The span that begins at each moment. The time between configuration and collection, and between collection and
# the end of the tests, belongs to pytest and its plugins. Tests and waiting are subtracted from it.
_SPAN_FROM = {
    "start": "startup",
    "configured": "pytest",
    "collection": "collect",
    "collected": "pytest",
    "finished": "finish",
    "end": "exit",
}


def _add_interval(spans: dict[str, float], moment: str, seconds: float) -> None:
    span = _SPAN_FROM.get(moment)
    if span:
        spans[span] += seconds


def _split_tests(spans: dict[str, float], phases: _Phases, wait: float) -> None:
    """Divide the span `pytest` into phases of tests, waiting, and the rest.

    If a plugin runs several tests at once, their phases overlap. Then the phases are scaled to the time that
    passed.
    """
    available = spans["pytest"]
    spans["wait"] = min(wait, available)
    scale = min(1.0, (available - spans["wait"]) / phases.total) if phases.total else 0.0
    for phase in _PHASES:
        spans[phase] = getattr(phases, phase) * scale
    spans["pytest"] = max(0.0, available - spans["wait"] - phases.total * scale)


def _group_imports(content: Profile) -> dict[str, list[ImportCost]]:
    grouped: dict[str, list[ImportCost]] = {}
    sums: dict[tuple[str, str, str], list[int]] = {}
    table = content.imports
    compiled = table.compiled or [0] * len(table.own)
    rows = zip(table.worker, table.phase, table.package, table.modules, table.own, compiled, strict=True)
    for *key, modules, own, of_compilation in rows:
        # Several tests may import modules of one package.
        total = sums.setdefault((key[0], key[1], key[2]), [0, 0, 0])
        for at, value in enumerate((modules, own, of_compilation)):
            total[at] += value
    for (worker, phase, package), (modules, *us) in sums.items():
        seconds = (each / 1e6 for each in us)
        grouped.setdefault(worker, []).append(ImportCost(phase, package, modules, *seconds))
    return grouped


def _find_gaps(columns: Mapping[str, list[int | None]], is_sampled: bool) -> tuple[str, ...]:
    gaps = []
    if None in columns["start"]:
        gaps.append("start of the processes: recorded on Linux")
    if columns["exited"][:1] == [None]:
        gaps.append("time from the end of the recording to the end of the process")
    if not is_sampled:
        gaps.append("memory, threads and children of the processes: sampled on Linux while the run is in progress")
    return tuple(gaps)


def _make_without_processes(content: Profile) -> Iterable[ProcessLedger]:
    """Yield the ledgers of a run that an earlier release recorded.

    Such a run has tests and collected files only.
    """
    collect = sum(content.files.seconds) / 1e6
    for worker, phases in sorted(_sum_phases(content.tests).items()):
        spans = {"collect": collect, "setup": phases.setup, "call": phases.call, "teardown": phases.teardown}
        wall = max(phases.last - min(0.0, phases.first), sum(spans.values()))
        used = {span: seconds for span, seconds in spans.items() if seconds > 0}
        yield ProcessLedger(worker, 0.0, wall, used, max(0.0, wall - sum(used.values())))
