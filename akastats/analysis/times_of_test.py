"""Divide the time of one test in a run into phases, CPU time, waiting and fixtures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from akastats.analysis.schedule.costs import is_below
from akastats.model.profile import Profile

PHASES = ("setup", "call", "teardown")


@dataclass(frozen=True)
class PhaseTimes:
    """A phase of a test, in seconds of all attempts.

    wall: wall time
    cpu: CPU time of the process; null if unknown, as in a phase below 1 ms
    children: CPU time of child processes whose end the test awaited; null if unknown
    waited: wall time without use of a CPU; null if unknown
    """

    wall: float
    cpu: float | None
    children: float | None
    waited: float | None


@dataclass(frozen=True)
class FixtureTimes:
    """A fixture that a test can use, in seconds.

    name: name of the fixture
    baseid: directory, file or class that defines it; empty for plugins
    scope: its scope
    setups: number of setups in the run
    setup: mean of a setup
    teardown: mean of a teardown
    paid: time of the setups in this test; 0 if another test requested the fixture first
    """

    name: str
    baseid: str
    scope: str
    setups: int
    setup: float
    teardown: float
    paid: float


@dataclass(frozen=True)
class TimesOfTest:
    """Where the time of a test went.

    attempts: number of attempts in the run
    worker: pytest-xdist worker of the last one; empty without workers
    phases: setup, call and teardown
    fixtures: its fixtures, the one with the longest setups in this test first; empty in runs of earlier releases
    """

    attempts: int
    worker: str
    phases: Mapping[str, PhaseTimes]
    fixtures: Sequence[FixtureTimes]


def divide_time(content: Profile, nodeid: str) -> TimesOfTest | None:
    """Return where the time of a test went; `None` if the run has no attempt of it."""
    tests = content.tests
    rows = [row for row, name in enumerate(tests.nodeid) if name == nodeid]
    if not rows:
        return None
    phases = {phase: _sum_phase(content, phase, rows) for phase in PHASES}
    fixtures = sorted(_list_fixtures(content, nodeid, rows), key=lambda each: (-each.paid, -each.setup))
    return TimesOfTest(len(rows), tests.worker[rows[-1]], phases, fixtures)


def _sum_phase(content: Profile, phase: str, rows: Sequence[int]) -> PhaseTimes:
    wall = sum(getattr(content.tests, phase)[row] for row in rows) / 1e6
    cpu, children = (_sum_recorded(content, f"{prefix}_{phase}", rows) for prefix in ("cpu", "children"))
    if cpu is None:
        return PhaseTimes(wall, None, None, None)
    children = children or 0.0
    return PhaseTimes(wall, cpu, children, max(0.0, round(wall - cpu - children, 6)))


def _sum_recorded(content: Profile, column: str, rows: Sequence[int]) -> float | None:
    values: list[int | None] = getattr(content.tests, column) or []
    recorded = [value for row in rows if values and (value := values[row]) is not None]
    return sum(recorded) / 1e6 if recorded else None


def _list_fixtures(content: Profile, nodeid: str, rows: Sequence[int]) -> Iterator[FixtureTimes]:
    names, paid = content.get_fixture_set(rows[-1]) or (), _sum_builds(content, nodeid)
    for each in content.fixtures.rows():
        if each.name not in names or not each.count or not is_below(nodeid, each.baseid):
            continue
        setup, teardown = each.setup / each.count, each.teardown / each.count
        in_test = setup * len(rows) if each.scope == "function" else paid.get((each.name, each.baseid), 0.0)
        seconds = (round(value, 6) for value in (setup, teardown, in_test))
        yield FixtureTimes(each.name, each.baseid, each.scope, each.count, *seconds)


def _sum_builds(content: Profile, nodeid: str) -> Mapping[tuple[str, str], float]:
    """Return the seconds of the shared fixtures that a test was the first to request, by name and base id."""
    table, sums = content.builds, defaultdict[tuple[str, str], float](float)
    for name, baseid, requester, setup in zip(table.name, table.baseid, table.nodeid, table.setup, strict=True):
        if requester == nodeid:
            sums[name, baseid] += setup / 1e6
    return sums
