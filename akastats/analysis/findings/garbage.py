"""Find the time of garbage collection: passes over many objects, and explicit calls of `gc.collect`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import nlargest
from statistics import median

from akastats.analysis.findings.recorded_run import RecordedRun, name_fixture
from akastats.model.findings import FoundCost, Place

# Number of tests that the finding names.
PLACES = 5
# Minimum share of a fixture that calls `gc.collect`: in the collection time of all tests, and of collections in
# its own time.
MIN_SHARE = 0.5


@dataclass
class _Passes:
    """Seconds of garbage collection by node id, of all phases and of each phase."""

    total: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    setup: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    teardown: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def find_garbage_collection(run: RecordedRun) -> Iterator[FoundCost]:
    """Find time in garbage collections, of tests and of the collection of the suite."""
    passes = _sum_passes(run)
    collect = _median_collect(run) / run.crowding
    in_tests = sum(passes.total.values())
    if not (in_tests or collect):
        return
    number = sum(each or 0 for each in run.content.tests.gc_passes or ())
    without = run.without({nodeid: seconds / run.machine_crowding for nodeid, seconds in passes.total.items()})
    fixture = _find_fixture(run, passes)
    slowest = nlargest(PLACES, passes.total, key=lambda nodeid: passes.total[nodeid])
    subject = f", most for fixture {fixture.rpartition('::')[2]}" if fixture else ""
    yield FoundCost(
        kind="garbage-collection",
        title=f"Garbage collections take {in_tests:.3g} s of the tests and {collect:.3g} s of each collection"
        f" of the suite{subject}",
        where=(Place(fixture=fixture),) if fixture else tuple(Place(nodeid=nodeid) for nodeid in slowest),
        tests=len(passes.total),
        evidence={"tests_s": round(in_tests, 6), "collect_s": round(collect, 6), "passes": number},
        advice=_FIXTURE_ADVICE if fixture else _ADVICE,
        saved=run.compute_saving(replace(without, collect=max(0.0, without.collect - collect))),
        cpu_saved=in_tests + collect * max(1, run.costs.workers),
        claims=frozenset({f"teardown {fixture}"} if fixture else {"garbage"}),
    )


_ADVICE = (
    "Call gc.freeze() in pytest_collection_finish, so that later passes omit the objects of imports, "
    "and raise gc.set_threshold()."
)
_FIXTURE_ADVICE = "Call gc.collect() only in tests that need it, and gc.freeze() in pytest_collection_finish."


def _sum_passes(run: RecordedRun) -> _Passes:
    tests, passes = run.content.tests, _Passes()
    for phase, by_test in (("setup", passes.setup), ("call", None), ("teardown", passes.teardown)):
        column: list[int | None] = getattr(tests, f"gc_{phase}") or []
        for nodeid, us in zip(tests.nodeid, column, strict=False):
            if us:
                passes.total[nodeid] += us / 1e6
                if by_test is not None:
                    by_test[nodeid] += us / 1e6
    return passes


def _median_collect(run: RecordedRun) -> float:
    seconds = [each / 1e6 for each in run.content.processes.gc_collect or () if each is not None]
    return median(seconds) if seconds else 0.0


def _find_fixture(run: RecordedRun, passes: _Passes) -> str | None:
    """Return the fixture whose setups or teardowns contain most of the collections; `None` if there is none."""
    in_tests = sum(passes.total.values())
    for fixture in run.costly_fixtures:
        key = name_fixture(fixture)
        for phase, by_test in (("setup", passes.setup), ("teardown", passes.teardown)):
            seconds: float = getattr(fixture, phase)
            collected = min(seconds, _sum_users(run, key, by_test))
            if collected >= MIN_SHARE * max(in_tests, seconds) > 0:
                return key
    return None


def _sum_users(run: RecordedRun, key: str, seconds: Mapping[str, float]) -> float:
    return sum(seconds.get(test.nodeid, 0.0) for test in run.tests_of[key])
