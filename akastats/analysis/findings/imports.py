"""Rules about imports: at start-up and collection in each process, and inside tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from heapq import nlargest
from statistics import median

from akastats.analysis.findings.recorded_run import MAX_CANDIDATES, MAX_PLACES, RecordedRun
from akastats.analysis.schedule.costs import SuiteCosts
from akastats.model.findings import FoundCost, Place


def find_imports(run: RecordedRun) -> Iterator[FoundCost]:
    """Find packages whose import takes long, in each process."""
    by_package: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for process in run.ledger.processes:
        for each in process.imports:
            if each.phase in _IMPORT_PHASES:
                # Modules with stored bytecode are not compiled; `find_compilation` proposes to store it.
                by_package[each.package][each.phase][process.worker] = each.seconds - each.compiled
    own = {"conftest", *_list_test_packages(run.content.files.path)}
    totals = {package: _sum_phases(phases) for package, phases in by_package.items()}
    for package, seconds in nlargest(MAX_CANDIDATES, totals.items(), key=lambda item: max(item[1].values())):
        most, total = max(seconds.values()), sum(seconds.values())
        costs = _without_start(run, by_package[package])
        yield FoundCost(
            kind="imports",
            title=f"Importing {package} takes {most:.3g} s"
            + (f" in each of {len(seconds)} processes" if len(seconds) > 1 else ""),
            where=(Place(package=package),),
            tests=len(run.costs.tests),
            evidence={"longest_s": round(most, 6), "total_s": round(total, 6), "processes": len(seconds)},
            advice=_MODULE_ADVICE if package in own else _IMPORT_ADVICE,
            saved=run.compute_saving(costs),
            cpu_saved=total,
            claims=frozenset({f"import {package}"}),
        )


_IMPORT_PHASES = ("conftest", "collect")


def _list_test_packages(paths: Iterable[str]) -> Iterator[str]:
    """Yield the names under which test files can be imported: that of the file, or of its topmost directory."""
    for path in paths:
        yield path.rpartition("/")[2].removesuffix(".py")
        yield path.partition("/")[0]


def find_compilation(run: RecordedRun) -> Iterator[FoundCost]:
    """Find modules that each process compiled because their bytecode was not stored."""
    by_phase: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for process in run.ledger.processes:
        for each in process.imports:
            if each.phase in _IMPORT_PHASES and each.compiled:
                by_phase[each.phase][process.worker] += each.compiled
    seconds = _sum_phases(by_phase)
    if not seconds:
        return
    most, total = max(seconds.values()), sum(seconds.values())
    yield FoundCost(
        kind="bytecode",
        title=f"Compiling modules takes {most:.3g} s"
        + (f" in each of {len(seconds)} processes" if len(seconds) > 1 else "")
        + ", because their bytecode was not stored",
        where=(Place(option="PYTHONDONTWRITEBYTECODE"),),
        tests=len(run.costs.tests),
        evidence={"longest_s": round(most, 6), "total_s": round(total, 6), "processes": len(seconds)},
        advice="Unset PYTHONDONTWRITEBYTECODE, and keep __pycache__ or PYTHONPYCACHEPREFIX between runs; CI "
        "has a cache for that.",
        saved=run.compute_saving(_without_start(run, by_phase)),
        cpu_saved=total,
        claims=frozenset({"bytecode"}),
    )


def _without_start(run: RecordedRun, seconds: Mapping[str, Mapping[str, float]]) -> SuiteCosts:
    """Return the costs without these seconds of start-up and collection, by phase and process."""
    # The workers shared the CPUs while these values were measured.
    conftest, collect = (_median_of(seconds.get(phase, {})) / run.crowding for phase in _IMPORT_PHASES)
    return replace(
        run.costs,
        startup=max(0.0, run.costs.startup - conftest),
        collect=max(0.0, run.costs.collect - collect),
    )


def _sum_phases(phases: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the seconds of all phases by process."""
    sums: dict[str, float] = defaultdict(float)
    for seconds in phases.values():
        for worker, each in seconds.items():
            sums[worker] += each
    return sums


def _median_of(seconds: Mapping[str, float]) -> float:
    return median(seconds.values()) if seconds else 0.0


_IMPORT_ADVICE = "Import it inside the functions that need it, or only the part that is needed."
_MODULE_ADVICE = "Move what it does at the level of the module into fixtures or functions."


def find_first_import(run: RecordedRun) -> Iterator[FoundCost]:
    """Find packages that tests import. The first test of each process that imports such a package is slow."""
    table = run.content.imports
    by_package: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for package, nodeid, us in zip(table.package, table.nodeid or (), table.own, strict=False):
        if nodeid:
            by_package[package][nodeid] += us / 1e6 / run.crowding
    slowest = nlargest(MAX_CANDIDATES, by_package.items(), key=lambda item: sum(item[1].values()))
    for package, seconds in slowest:
        yield _describe_first_import(run, package, seconds)


def _describe_first_import(run: RecordedRun, package: str, seconds: Mapping[str, float]) -> FoundCost:
    total = sum(seconds.values())
    nodeids = sorted(seconds, key=lambda nodeid: -seconds[nodeid])
    tests = nodeids[0] if len(nodeids) == 1 else f"{len(nodeids)} tests, most in {nodeids[0]}"
    return FoundCost(
        kind="first-import",
        title=f"Importing {package} takes {total:.3g} s in {tests}",
        where=(Place(package=package), *(Place(nodeid=nodeid) for nodeid in nodeids[:MAX_PLACES])),
        tests=len(nodeids),
        evidence={"total_s": round(total, 6)},
        advice="Import a lighter package, or only the part that is needed; these tests are slow because of it.",
        saved=run.compute_saving(_without_imports(run, seconds)),
        cpu_saved=total,
        claims=frozenset(f"test {nodeid}" for nodeid in nodeids),
    )


def _without_imports(run: RecordedRun, seconds: Mapping[str, float]) -> SuiteCosts:
    """Return the costs without imports in tests.

    Imports longer than the test itself happened in the shared fixtures that it set up.
    """
    left = {test.nodeid: max(0.0, seconds.get(test.nodeid, 0.0) - test.seconds) for test in run.costs.tests}
    table = run.content.builds
    builds = Counter(zip(table.baseid, table.name, strict=True))
    saved: dict[tuple[str, str], float] = defaultdict(float)
    for baseid, name, nodeid, us in zip(table.baseid, table.name, table.nodeid, table.setup, strict=True):
        part = min(left.get(nodeid, 0.0), us / 1e6)
        saved[baseid, name] += part / builds[baseid, name]
        left[nodeid] = left.get(nodeid, 0.0) - part
    fixtures = tuple(
        replace(each, setup=max(0.0, each.setup - saved[each.baseid, each.name])) for each in run.costs.fixtures
    )
    return replace(run.without(seconds), fixtures=fixtures)
