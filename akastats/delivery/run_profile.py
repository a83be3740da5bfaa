"""Build the profile of a run from the records of its spool so far."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from akastats.delivery.run_builder import MAX_FIXTURE_SETS, RunBuilder
from akastats.model.profile import (
    METRICS,
    BuildColumns,
    ErrorColumns,
    FileColumns,
    FixtureColumns,
    ImportColumns,
    ProcessColumns,
    Profile,
    SampleColumns,
    TestColumns,
    columns_of,
)
from akastats.model.results import Budget, Error, FixtureResult, TestResult, limits_of
from akastats.spool.records import FixtureSet

FAILING = ("failed", "error")
#: Maximum number of failing tests, and of characters of their node ids, in the record of a run in progress. Each
#: list of runs reads these records.
MAX_FAILING, MAX_FAILING_BYTES = 100, 64 * 1024


def profile_of(builder: RunBuilder) -> Profile:
    """Return the profile of a run."""
    return Profile(
        _tests(builder, builder.results),
        _errors(builder.errors),
        _fixtures(builder.fixtures.values()),
        FileColumns(
            path=[path for path, _ in builder.files()],
            seconds=[_us(seconds) for _, seconds in builder.files()],
        ),
        sorted(builder.running),
        _processes(builder),
        _imports(builder),
        _builds(builder),
        *_fixture_sets(builder),
        samples=_samples(builder),
        budgets=(builder.header and builder.header.budgets) or {},
    )


def failing_profile_of(builder: RunBuilder) -> Profile | None:
    """Return the profile of the first 100 failing tests and files; `None` if nothing fails.

    Their node ids have at most 65,536 characters together.
    """
    nodeids = _failing_nodeids(builder)
    if not nodeids:
        return None
    return Profile(
        _tests(builder, [result for result in builder.results if result.nodeid in nodeids], has_budgets=False),
        _errors([error for error in builder.errors if error.nodeid in nodeids]),
        _fixtures(()),
        FileColumns([], []),
        [],
    )


def _failing_nodeids(builder: RunBuilder) -> set[str]:
    outcomes = {result.nodeid: result.outcome for result in builder.results}
    nodeids: set[str] = set()
    size = 0
    for error in builder.errors:
        nodeid = error.nodeid
        if nodeid in nodeids or not (error.phase == "collect" or outcomes.get(nodeid) in FAILING):
            continue
        size += len(nodeid)
        if len(nodeids) == MAX_FAILING or size > MAX_FAILING_BYTES:
            break
        nodeids.add(nodeid)
    return nodeids


def _tests(builder: RunBuilder, results: Sequence[TestResult], has_budgets: bool = True) -> TestColumns:
    started = builder.started
    return TestColumns(
        nodeid=[result.nodeid for result in results],
        outcome=[result.outcome for result in results],
        start=[_us(result.start - started) for result in results],
        setup=[_us(result.setup) for result in results],
        call=[_us(result.call) for result in results],
        teardown=[_us(result.teardown) for result in results],
        worker=[result.worker for result in results],
        stats=[list(result.stats) for result in results],
        budget=[_limits(builder.budgets.get(result.nodeid)) for result in results]
        if builder.budgets and has_budgets
        else None,
        **_metrics(results),
    )


def _metrics(results: Sequence[TestResult]) -> dict[str, Any]:
    """Return the columns of the metrics by name; omit a metric that no result has."""
    columns = {name: [result.metrics.get(name) for result in results] for name in METRICS}
    return {name: column for name, column in columns.items() if any(value is not None for value in column)}


def _limits(budget: Budget | None) -> dict[str, float] | None:
    """Return the limits of a marker that are set; `None` if none is set."""
    return (limits_of(budget) if budget else None) or None


def _errors(errors: Sequence[Error]) -> ErrorColumns:
    return ErrorColumns(
        nodeid=[error.nodeid for error in errors],
        phase=[error.phase for error in errors],
        error=[error.error for error in errors],
        exception=[error.exception for error in errors],
        fingerprint=[error.fingerprint for error in errors],
    )


def _fixtures(fixtures: Iterable[FixtureResult]) -> FixtureColumns:
    ordered = list(fixtures)
    return FixtureColumns(
        name=[fixture.name for fixture in ordered],
        baseid=[fixture.baseid for fixture in ordered],
        scope=[fixture.scope for fixture in ordered],
        count=[fixture.count for fixture in ordered],
        setup=[_us(fixture.setup) for fixture in ordered],
        teardown=[_us(fixture.teardown) for fixture in ordered],
    )


def _processes(builder: RunBuilder) -> ProcessColumns:
    workers = sorted(builder.processes)
    columns: dict[str, Any] = {}
    for name, column in columns_of(ProcessColumns).items():
        durations = [builder.processes[worker].durations.get(name) for worker in workers]
        if name in ("conftest", "wait"):
            columns[name] = durations
        elif column.is_optional:
            columns[name] = durations if any(each is not None for each in durations) else None
        else:
            times = [builder.processes[worker].moments.get(name) for worker in workers]
            columns[name] = [None if time is None else time - _us(builder.started) for time in times]
    columns |= {"worker": workers, "exited": [_find_exit(builder, worker) for worker in workers]}
    return ProcessColumns(**columns)


def _find_exit(builder: RunBuilder, worker: str) -> int | None:
    """Return the observed end of a process in microseconds since the start of the run.

    Returns `None` if the end is unknown, or earlier than a time that the process recorded.
    """
    time = builder.observed.exits.get(worker)
    moments = builder.processes[worker].moments
    if time is None or _us(time) < max(moments.values(), default=0):
        return None
    return _us(time - builder.started)


def _samples(builder: RunBuilder) -> SampleColumns:
    rows = [
        (worker, _us(each.time - builder.started), *each[1:])
        for worker, samples in sorted(builder.observed.samples.items())
        for each in samples
    ]
    return SampleColumns(
        worker=[worker for worker, *_ in rows],
        time=[time for _, time, *_ in rows],
        memory=[memory for _, _, memory, *_ in rows],
        peak=[peak for *_, peak, _, _, _ in rows],
        cpu=[_us(cpu) for *_, cpu, _, _ in rows],
        threads=[threads for *_, threads, _ in rows],
        children=[children for *_, children in rows],
    )


def _imports(builder: RunBuilder) -> ImportColumns:
    keys, times = list(builder.imports), list(builder.imports.values())
    return ImportColumns(
        worker=[worker for worker, *_ in keys],
        phase=[phase for _, phase, _, _ in keys],
        package=[time.package for time in times],
        modules=[time.modules for time in times],
        own=[_us(time.seconds) for time in times],
        nodeid=[time.nodeid for time in times] if any(time.nodeid for time in times) else None,
        compiled=[_us(time.compiled) for time in times] if any(time.compiled for time in times) else None,
    )


def _builds(builder: RunBuilder) -> BuildColumns:
    return BuildColumns(
        name=[build.name for _, build in builder.builds],
        baseid=[build.baseid for _, build in builder.builds],
        worker=[worker for worker, _ in builder.builds],
        nodeid=[build.nodeid for _, build in builder.builds],
        setup=[_us(build.seconds) for _, build in builder.builds],
    )


def _fixture_sets(builder: RunBuilder) -> tuple[list[list[str]], list[list[str]]]:
    """Return the combinations in the order of their indices, and the implicit fixtures of each.

    A combination that is missing in a damaged spool is empty.
    """
    size = max(builder.fixture_sets, default=-1) + 1
    if not 0 <= size <= MAX_FIXTURE_SETS:
        return [], []
    sets = [builder.fixture_sets.get(index, FixtureSet(index, ())) for index in range(size)]
    return [list(each.names) for each in sets], [list(each.implicit) for each in sets]


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
