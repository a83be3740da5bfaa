"""Classify the tests of a suite after its newest run, with the costs of unhealthy ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from akastats.analysis.flakiness.classification import MIN_COMMITS, Flakiness
from akastats.analysis.flakiness.clusters import clusters
from akastats.analysis.flakiness.contrast import Contrast
from akastats.analysis.flakiness.evidence import RECENT_RUNS, classify_streams, current_environments, streams_of
from akastats.analysis.flakiness.outages import Outages, RunFailures, outages
from akastats.analysis.run_records import (
    FAILING,
    UNINFORMATIVE,
    RunRecord,
    complete_runs,
    evidence_of,
    positions_of,
    select_tests,
)
from akastats.model.environment import Environment
from akastats.model.verdicts import State, UnhealthyTest, Verdicts

#: Maximum number of listed tests that ran directly before the failures of a test.
MAX_BEFORE = 3
#: Maximum number of stored unhealthy tests; if 10,000 tests are broken, they have one cause.
MAX_TESTS = 1000
#: Maximum number of flaky tests that are clustered, which takes quadratic time.
MAX_CLUSTERED = 500

_UNHEALTHY = ("flaky", "broken", "undecided")


@dataclass(frozen=True)
class SuiteStates:
    """States of all tests of a suite.

    counts: number of tests per state
    tests: tests that are neither healthy nor new, the most expensive first
    clusters: groups of flaky tests that fail together
    """

    counts: Mapping[State, int]
    tests: tuple[UnhealthyTest, ...]
    clusters: tuple[tuple[str, ...], ...]


def find_outages(records: Sequence[RunRecord]) -> Outages:
    """Return the runs that are not evidence, in time order.

    Runs are compared within one environment: failures on a Python that is not supported yet are not an outage.
    """
    by_run: dict[str, frozenset[str]] = {}
    for alike in _by_environment(records):
        runs = [RunFailures(record.facts.id, len(record.ran), record.failing) for record in alike]
        by_run.update(outages(runs).counted)
    return Outages(by_run)


def _by_environment(records: Iterable[RunRecord]) -> Iterable[list[RunRecord]]:
    groups: dict[Environment, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.facts.ran_in, []).append(record)
    return groups.values()


def classify_tests(
    records: Sequence[RunRecord], unusual: Outages, previous: Verdicts | None, run_id: str
) -> SuiteStates:
    """Return the states of all tests after the last of `records`.

    `previous` has the verdicts of the previous run, to detect new states; `run_id` is the analysed run. Tests that
    no longer exist are omitted.
    """
    records = _without_deleted(records)
    failed = {nodeid for record in records for nodeid in record.failing}
    # About 20,000 of two million attempts in 200 runs belong to tests that ever failed.
    suspects = [select_tests(record, failed) for record in records]
    current = current_environments(records)
    streams = streams_of(evidence_of(suspects), failed)
    states = {nodeid: classify_streams(each, nodeid, unusual, current) for nodeid, each in streams.items()}
    counts = Counter(each.state for each in states.values()) + _never_failed(records, failed)
    unhealthy = {nodeid: each for nodeid, each in states.items() if each.state in _UNHEALTHY}
    flaky = {nodeid for nodeid, each in unhealthy.items() if each.state == "flaky"}
    costs = _costs(suspects, unhealthy, flaky, unusual)
    tests = _describe(
        records, unhealthy, costs, _circumstances(records, flaky), _find_new_states(unhealthy, previous, run_id)
    )
    return SuiteStates(dict(counts), tuple(tests[:MAX_TESTS]), tuple(_clusters(suspects, flaky)))


def _describe(
    records: Sequence[RunRecord],
    unhealthy: Mapping[str, Flakiness],
    costs: _Costs,
    around: Mapping[str, _Circumstances],
    news: Collection[str],
) -> list[UnhealthyTest]:
    """Return the unhealthy tests with their costs and circumstances, the most expensive first."""
    commits = {record.facts.id: record.facts.commit or "" for record in records}
    tests = (
        _test(nodeid, state, costs, commits, around.get(nodeid), nodeid in news)
        for nodeid, state in unhealthy.items()
    )
    return sorted(tests, key=lambda test: (-test.seconds_lost, -test.runs_failed, test.nodeid))


def _without_deleted(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return records without deleted tests, which are missing from the newest complete runs and the last run."""
    newest = [*complete_runs(records)[-RECENT_RUNS:], *records[-1:]]
    present = {nodeid for record in newest for nodeid in record.nodeids}
    return [record if present.issuperset(record.nodeids) else select_tests(record, present) for record in records]


def _find_new_states(unhealthy: Mapping[str, Flakiness], previous: Verdicts | None, newest: str) -> set[str]:
    """Return the tests whose state is new since `previous`; without it, those with evidence in the newest run."""
    if previous is None:
        return {nodeid for nodeid, each in unhealthy.items() if newest in each.evidence}
    before = {test.nodeid: test.state for test in previous.tests}
    return {nodeid for nodeid, each in unhealthy.items() if before.get(nodeid) != each.state}


def _never_failed(records: Sequence[RunRecord], failed: Collection[str]) -> Counter[State]:
    """Count the tests that never failed: new on few commits, else healthy."""
    commits: Counter[str] = Counter()
    for of_commit in _by_commit(records):
        ran = [record.ran for record in of_commit]
        commits.update(ran[0] if len(ran) == 1 else set().union(*ran))
    healthy = sum(count >= MIN_COMMITS for nodeid, count in commits.items() if nodeid not in failed)
    new = sum(nodeid not in failed for nodeid in commits) - healthy
    counts: dict[State, int] = {"healthy": healthy, "new": new}
    return +Counter(counts)


def _by_commit(records: Iterable[RunRecord]) -> Iterable[list[RunRecord]]:
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.facts.commit or record.facts.id, []).append(record)
    return groups.values()


@dataclass(frozen=True)
class _Costs:
    """Costs of tests in their present state.

    runs: number of runs that each test failed
    seconds: seconds lost per test
    """

    runs: Mapping[str, int]
    seconds: Mapping[str, float]


def _costs(
    records: Sequence[RunRecord], unhealthy: Mapping[str, Flakiness], flaky: Collection[str], unusual: Outages
) -> _Costs:
    """Sum up costs: the time of failed attempts and, for flaky tests, of runs in which only flaky tests failed.

    Such a run must be repeated: its duration is lost, shared equally by the tests that failed in it. A broken test
    fails the repetition too.
    """
    counted = {nodeid: frozenset(each.failing) for nodeid, each in unhealthy.items()}
    runs: Counter[str] = Counter()
    seconds: dict[str, float] = dict.fromkeys(unhealthy, 0.0)
    for record in records:
        run = record.facts.id
        for at in record.failures:
            nodeid = record.nodeids[at]
            if run in counted.get(nodeid, ()):
                seconds[nodeid] += record.seconds[at]
        failed = record.failed()
        runs.update(nodeid for nodeid in failed if run in counted.get(nodeid, ()))
        if failed and all(nodeid in flaky for nodeid in failed) and run not in unusual.counted:
            for nodeid in failed:
                seconds[nodeid] += (record.facts.duration or 0.0) / len(failed)
    return _Costs(runs, seconds)


def _test(
    nodeid: str,
    state: Flakiness,
    costs: _Costs,
    commits: Mapping[str, str],
    around: _Circumstances | None,
    is_new: bool,
) -> UnhealthyTest:
    since = state.failing[0] if state.failing else ""
    return UnhealthyTest(
        nodeid=nodeid,
        state=state.state,
        rate=round(state.rate, 4),
        low=round(state.low, 4),
        high=round(state.high, 4),
        probability=round(state.probability, 4),
        evidence=state.evidence,
        since=since,
        since_commit=commits.get(since, ""),
        is_new=is_new,
        runs_failed=costs.runs.get(nodeid, 0),
        seconds_lost=round(costs.seconds.get(nodeid, 0.0), 3),
        workers=around.workers() if around else (),
        after=around.before.significant(MAX_BEFORE) if around else (),
    )


@dataclass
class _Circumstances:
    """Circumstances of the attempts of a flaky test.

    ran: number of attempts per worker
    failed: number of failed attempts per worker
    before: tests that the worker ran directly before
    """

    ran: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    before: Contrast = field(default_factory=Contrast)

    def workers(self) -> tuple[tuple[str, int, int], ...]:
        """Return each worker with its failed attempts and all its attempts."""
        return tuple((worker, self.failed[worker], self.ran[worker]) for worker in sorted(self.ran))


def _circumstances(records: Sequence[RunRecord], flaky: Collection[str]) -> dict[str, _Circumstances]:
    circumstances = {nodeid: _Circumstances() for nodeid in flaky}
    for record in records:
        for at in positions_of(record, circumstances):
            test, letter = circumstances[record.nodeids[at]], record.letters[at]
            if letter in UNINFORMATIVE:
                continue
            test.before.add(record.before(at), letter in FAILING)
            if record.workers:
                test.ran[record.workers[at]] += 1
                test.failed[record.workers[at]] += letter in FAILING
    return circumstances


def _clusters(records: Sequence[RunRecord], flaky: Collection[str]) -> list[tuple[str, ...]]:
    failures: dict[str, list[str]] = {nodeid: [] for nodeid in sorted(flaky)[:MAX_CLUSTERED]}
    for record in records:
        for nodeid in record.failing & failures.keys():
            failures[nodeid].append(record.facts.id)
    return clusters(failures, [record.facts.id for record in records])
