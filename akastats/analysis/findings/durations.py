"""Rules about tests: waiting, child processes, reruns, parameters, few slow tests and one long test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import nlargest
from math import ceil
from statistics import median

from akastats.analysis.findings.recorded_run import (
    MAX_CANDIDATES,
    MAX_PLACES,
    RecordedRun,
    name_fixture,
    name_function,
)
from akastats.analysis.schedule.costs import subtract_crowding
from akastats.model.findings import FoundCost, Place

# Minimum share of its wall time in which a waiting phase uses no CPU.
MIN_WAITED = 0.6
# Minimum duration of a slow test, as a multiple of that of the median test.
SLOW = 5.0
# Maximum number of slow tests in a finding, as a share of all tests and absolute, so that a user can look at each.
FEW, MAX_SLOW = 0.1, 20
# Minimum number of parameters of a family.
FAMILY = 8


@dataclass
class _Waits:
    """Seconds without CPU time in the process, and CPU seconds of its children, by place."""

    waited: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    children: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, place: str, waited: float, children: float) -> None:
        self.waited[place] += waited
        self.children[place] += min(children, waited)


def find_waiting(run: RecordedRun) -> Iterator[FoundCost]:
    """Find tests and fixtures that wait: sleep, input and output, locks, or child processes."""
    yield from _describe_calls(run, _sum_waits(run, "call"))
    yield from _describe_fixtures(run, _sum_waits(run, "setup"))


def _sum_waits(run: RecordedRun, phase: str) -> _Waits:
    """Return the waits in a phase by node id."""
    tests, waits, crowding = run.content.tests, _Waits(), run.machine_crowding
    walls, recorded = getattr(tests, phase), getattr(tests, f"cpu_{phase}")
    children = getattr(tests, f"children_{phase}")
    for row, nodeid in enumerate(tests.nodeid):
        cpu = recorded[row] if recorded else None
        of_children = (children[row] or 0) if children else 0
        waited = 0.0 if cpu is None else subtract_crowding(walls[row] - cpu, cpu, crowding)
        # If other programs use the CPU, a test that computes waits too.
        if waited >= MIN_WAITED * walls[row] > 0:
            waits.add(nodeid, waited / 1e6, of_children / 1e6)
    return waits


def _describe_calls(run: RecordedRun, waits: _Waits) -> Iterator[FoundCost]:
    for is_child in (False, True):
        waited = {
            nodeid: seconds
            for nodeid, seconds in waits.waited.items()
            if seconds > 0 and (waits.children[nodeid] > seconds / 2) == is_child
        }
        if waited:
            yield _describe_waiting(run, waited, is_child)


def _describe_waiting(run: RecordedRun, waited: Mapping[str, float], is_child: bool) -> FoundCost:
    by_function: dict[str, float] = defaultdict(float)
    for nodeid, seconds in waited.items():
        by_function[name_function(nodeid)] += seconds
    total = sum(waited.values())
    slowest = sorted(by_function, key=lambda name: -by_function[name])[:MAX_PLACES]
    subject = "Child processes keep" if is_child else "Waiting keeps"
    tests = "1 test" if len(waited) == 1 else f"{len(waited)} tests"
    return FoundCost(
        kind="child-processes" if is_child else "waiting",
        title=f"{subject} {tests} for {total:.3g} s, most in {slowest[0]}",
        where=tuple(Place(nodeid=name) for name in slowest),
        tests=len(waited),
        evidence={"waited_s": round(total, 6), "tests": len(waited)},
        advice=_CHILD_ADVICE if is_child else _WAIT_ADVICE,
        saved=run.compute_saving(run.without(waited)),
        claims=frozenset(f"test {nodeid}" for nodeid in waited),
    )


_WAIT_ADVICE = (
    "Wait for an event instead of sleeping, shorten timeouts and poll intervals, or replace the service."
)
_CHILD_ADVICE = (
    "Call the code in this process instead of starting a program, or start the program once for many tests."
)


def _describe_fixtures(run: RecordedRun, setups: _Waits) -> Iterator[FoundCost]:
    builds: dict[str, list[tuple[str, float]]] = defaultdict(list)
    table = run.content.builds
    for name, baseid, nodeid, setup in zip(table.name, table.baseid, table.nodeid, table.setup, strict=True):
        builds[nodeid].append((f"{baseid}::{name}", setup / 1e6))
    used: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for fixture in run.content.fixtures.rows():
        if fixture.scope == "function" and fixture.count:
            for test in run.tests_of[name_fixture(fixture)]:
                used[test.nodeid].append((name_fixture(fixture), fixture.setup / fixture.count))
    waits, saved_by = _Waits(), defaultdict[str, dict[str, float]](dict)
    for nodeid, waited in setups.waited.items():
        for key, share in _share(used[nodeid] + builds[nodeid], waited):
            waits.add(key, waited * share, setups.children[nodeid] * share)
            if (key, 0.0) not in builds[nodeid]:
                saved_by[key][nodeid] = saved_by[key].get(nodeid, 0.0) + waited * share
    for key, total in nlargest(MAX_CANDIDATES, waits.waited.items(), key=lambda item: item[1]):
        yield _describe_fixture(run, key, total, waits.children[key] > total / 2, saved_by[key])


def _share(costs: list[tuple[str, float]], waited: float) -> Iterator[tuple[str, float]]:
    """Yield the share of a wait that each fixture of a setup has, in proportion to its time."""
    total = sum(seconds for _, seconds in costs)
    for key, seconds in costs:
        if total:
            yield key, seconds / max(total, waited)


def _describe_fixture(
    run: RecordedRun, key: str, waited: float, is_child: bool, by_test: Mapping[str, float]
) -> FoundCost:
    name = key.rpartition("::")[2]
    shared = {f"{each.baseid}::{each.name}": each for each in run.costs.fixtures}
    if key in shared:
        builds = max(1, _count_builds(run, key))
        fixtures = tuple(
            replace(each, setup=max(0.0, each.setup - waited / builds)) if each is shared[key] else each
            for each in run.costs.fixtures
        )
        costs = replace(run.costs, fixtures=fixtures)
    else:
        costs = run.without(by_test)
    return FoundCost(
        kind="child-processes" if is_child else "waiting",
        title=f"Fixture {name} {'awaits child processes' if is_child else 'waits'} for {waited:.3g} s in total",
        where=(Place(fixture=key),),
        tests=len(run.tests_of.get(key, ())),
        evidence={"waited_s": round(waited, 6)},
        advice=_CHILD_ADVICE if is_child else _WAIT_ADVICE,
        saved=run.compute_saving(costs),
        claims=frozenset({f"fixture {key}"}),
    )


def _count_builds(run: RecordedRun, key: str) -> int:
    table = run.content.builds
    return sum(f"{baseid}::{name}" == key for baseid, name in zip(table.baseid, table.name, strict=True))


def find_reruns(run: RecordedRun) -> Iterator[FoundCost]:
    """Find attempts that a plugin repeated."""
    tests, repeated = run.content.tests, run.repeated
    if not repeated:
        return
    slowest = sorted(repeated, key=lambda nodeid: -repeated[nodeid])[:MAX_PLACES]
    total = sum(repeated.values())
    yield FoundCost(
        kind="reruns",
        title=f"Reruns of {len(repeated)} flaky tests take {total:.3g} s, most of {slowest[0]}",
        where=tuple(Place(nodeid=nodeid) for nodeid in slowest),
        tests=len(repeated),
        evidence={"reruns_s": round(total, 6), "reruns": tests.outcome.count("rerun")},
        advice="Mend these tests first; `akastats flaky` shows when each began to fail.",
        saved=run.compute_saving(run.without(repeated)),
        cpu_saved=total,
        claims=frozenset(f"rerun {nodeid}" for nodeid in repeated),
    )


def find_parametrised_family(run: RecordedRun) -> Iterator[FoundCost]:
    """Find test functions with many parameters, and the time that half of the parameters take."""
    families: dict[str, list[str]] = defaultdict(list)
    # Fixtures and waiting have rules of their own.
    seconds = _sum_computed_calls(run)
    for nodeid in seconds:
        if "[" in nodeid:
            families[name_function(nodeid)].append(nodeid)
    largest = nlargest(MAX_CANDIDATES, families.items(), key=lambda item: sum(seconds[each] for each in item[1]))
    for function, nodeids in largest:
        total = sum(seconds[nodeid] for nodeid in nodeids)
        if len(nodeids) < FAMILY:
            continue
        half = set(sorted(nodeids, key=lambda nodeid: seconds[nodeid])[: len(nodeids) // 2])
        without = run.without({nodeid: seconds[nodeid] for nodeid in half})
        slowest = total - sum(seconds[nodeid] for nodeid in half)
        yield FoundCost(
            kind="parametrised",
            title=f"{function} takes {total:.3g} s with {len(nodeids)} parameters, half of them {slowest:.3g} s",
            where=(Place(nodeid=function),),
            tests=len(nodeids),
            evidence={"parameters": len(nodeids), "total_s": round(total, 6)},
            advice="Keep the parameters that differ in behaviour; test the other values below this function.",
            saved=run.compute_saving(without),
            cpu_saved=total / 2,
            claims=frozenset(f"test {nodeid}" for nodeid in nodeids),
        )


def find_slow_tests(run: RecordedRun) -> Iterator[FoundCost]:
    """Find a few tests that take most of the computing time. Other rules name waiting and fixtures."""
    computed = _sum_computed_calls(run)
    if len(computed) < 1 / FEW:
        return
    typical = median(computed.values())
    slow = [nodeid for nodeid, seconds in computed.items() if seconds > SLOW * typical]
    slow = nlargest(min(MAX_SLOW, int(FEW * len(computed))), slow, key=lambda nodeid: computed[nodeid])
    if not slow:
        return
    excess = {nodeid: computed[nodeid] - typical for nodeid in slow}
    total = sum(computed[nodeid] for nodeid in slow)
    share = total / sum(computed.values())
    yield FoundCost(
        kind="slow-tests",
        title=f"{len(slow)} of {len(computed)} tests take {share:.0%} of the computing time, most {slow[0]}",
        where=tuple(Place(nodeid=nodeid) for nodeid in slow[:MAX_PLACES]),
        tests=len(slow),
        evidence={"total_s": round(total, 6), "median_s": round(typical, 6)},
        advice="Look at these tests first: as fast as the median test, they would save this time.",
        saved=run.compute_saving(run.without(excess)),
        cpu_saved=sum(excess.values()),
        claims=frozenset(f"test {nodeid}" for nodeid in slow),
    )


def _sum_computed_calls(run: RecordedRun) -> Mapping[str, float]:
    """Return the seconds of calls in which a test or its child processes used a CPU, without repeated attempts."""
    tests, computed = run.content.tests, defaultdict[str, float](float)
    cpus, children = (column or [None] * len(tests.call) for column in (tests.cpu_call, tests.children_call))
    for row, nodeid in enumerate(tests.nodeid):
        if tests.outcome[row] != "rerun":
            cpu, wall = cpus[row], tests.call[row]
            used = wall / run.machine_crowding if cpu is None else min(wall, cpu + (children[row] or 0))
            computed[nodeid] += used / 1e6
    return computed


def find_long_test(run: RecordedRun) -> Iterator[FoundCost]:
    """Find a test that takes longer than the mean time of a worker."""
    if run.costs.workers < 2 or len(run.costs.tests) < 2:
        return
    longest = max(run.costs.tests, key=lambda test: test.seconds)
    share = sum(test.seconds for test in run.costs.tests) / run.costs.workers
    if longest.seconds <= share:
        return
    parts = ceil(longest.seconds / (share / run.costs.workers))
    piece = replace(longest, seconds=longest.seconds / parts)
    tests = [part for test in run.costs.tests for part in ([piece] * parts if test is longest else [test])]
    yield FoundCost(
        kind="long-test",
        title=f"{longest.nodeid} takes {longest.seconds:.3g} s, longer than the share of a worker, {share:.3g} s",
        where=(Place(nodeid=longest.nodeid),),
        tests=1,
        evidence={"test_s": round(longest.seconds, 6), "share_s": round(share, 6)},
        advice=f"Split it into {parts} tests, or start it first.",
        saved=run.compute_saving(replace(run.costs, tests=tuple(tests))),
        claims=frozenset({f"test {longest.nodeid}"}),
    )
