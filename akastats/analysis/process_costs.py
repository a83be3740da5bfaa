"""Average the costs of the processes of a run. 10,000 tests take a few milliseconds.

`make_ledger` divides the time of each process exactly, but takes too long for the 200 runs of an analysis.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from akastats.model.profile import Profile

#: Minimum mean seconds of a recorded import. Most of the several hundred packages of a run take less.
MIN_IMPORT_S = 0.005


def average_imports(profile: Profile) -> dict[str, float]:
    """Return the mean seconds that a process imports each package at start-up and collection.

    Fast imports are omitted.
    """
    table = profile.imports
    sums: dict[str, float] = defaultdict(float)
    for phase, package, us in zip(table.phase, table.package, table.own, strict=True):
        if phase != "tests":
            sums[package] += us / 1e6
    count = max(1, len(_list_running(profile)))
    return {package: seconds / count for package, seconds in sums.items() if seconds / count >= MIN_IMPORT_S}


def average_spans(profile: Profile) -> dict[str, float]:
    """Return the mean seconds of spans in the processes that ran tests; empty if no process was recorded.

    Imports of `average_imports` are not part of `conftest` and `collect`, calls and fixtures are not part of
    `pytest`. `finish` is that of the main process.
    """
    running = _list_running(profile)
    if not running:
        return {}
    conftest, wait = _average(profile, "conftest", running), _average(profile, "wait", running)
    imports = average_imports(profile)
    spans = {
        "startup": _average_interval(profile, "start", "configured", running) - conftest,
        "conftest": conftest - _sum_imports(profile, "conftest", imports) / len(running),
        "collect": _average_interval(profile, "collection", "collected", running)
        - _sum_imports(profile, "collect", imports) / len(running),
        "wait": wait,
        "pytest": _average_interval(profile, "configured", "collection", running)
        + _average_interval(profile, "collected", "finished", running)
        - wait
        - _sum_tests(profile) / len(running),
        "finish": _average_interval(profile, "finished", "end", [profile.processes.worker.index("")])
        if "" in profile.processes.worker
        else 0.0,
    }
    return {span: seconds for span, seconds in spans.items() if seconds > 0}


def _list_running(profile: Profile) -> list[int]:
    """Return the rows of the processes that ran tests."""
    workers = profile.processes.worker
    return [row for row, worker in enumerate(workers) if worker or len(workers) == 1]


def _average(profile: Profile, column: str, rows: list[int]) -> float:
    values: list[int | None] = getattr(profile.processes, column)
    return sum(values[row] or 0 for row in rows) / len(rows) / 1e6


def _average_interval(profile: Profile, begin: str, end: str, rows: list[int]) -> float:
    begins, ends = getattr(profile.processes, begin), getattr(profile.processes, end)
    lengths: list[int] = [ends[row] - begins[row] for row in rows if None not in (begins[row], ends[row])]
    return sum(lengths) / len(rows) / 1e6


def _sum_imports(profile: Profile, phase: str, packages: Container[str]) -> float:
    table = profile.imports
    rows = zip(table.phase, table.package, table.own, strict=True)
    return sum(us for each, package, us in rows if each == phase and package in packages) / 1e6


def _sum_tests(profile: Profile) -> float:
    """Return the seconds of all calls and fixtures."""
    fixtures = profile.fixtures
    return (sum(profile.tests.values_us()) + sum(fixtures.setup) + sum(fixtures.teardown)) / 1e6
