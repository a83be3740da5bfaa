"""Where each test of a suite stands after its newest run: healthy, flaky, broken, and what that costs. Pure."""

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

#: Tests that ran right before a failure: so many are named.
MAX_BEFORE = 3
#: Of these a page tells one by one; a suite in which all is broken has one reason, not 10,000.
MAX_TESTS = 1000
#: Looked at for failing together: that takes time by their square.
MAX_CLUSTERED = 500

_UNHEALTHY = ("flaky", "broken", "undecided")


@dataclass(frozen=True)
class SuiteStates:
    """The states of all tests: how many are in each, and those that are neither healthy nor new in full."""

    counts: Mapping[State, int]
    tests: tuple[UnhealthyTest, ...]
    clusters: tuple[tuple[str, ...], ...]


def find_outages(records: Sequence[RunRecord]) -> Outages:
    """Return the runs that are not evidence, in time order.

    Runs are compared within one environment: failures on a Python that is not supported yet are not an outage.
    """
    found: dict[str, frozenset[str]] = {}
    for alike in _by_environment(records):
        runs = [RunFailures(record.facts.id, len(record.ran), record.failing) for record in alike]
        found.update(outages(runs).counted)
    return Outages(found)


def _by_environment(records: Iterable[RunRecord]) -> Iterable[list[RunRecord]]:
    found: dict[Environment, list[RunRecord]] = {}
    for record in records:
        found.setdefault(record.facts.ran_in, []).append(record)
    return found.values()


def classify_tests(
    records: Sequence[RunRecord], unusual: Outages, previous: Verdicts | None, run_id: str
) -> SuiteStates:
    """Return where each test stands after the last of `records`.

    `previous` is the verdict before, for news, and `run_id` the run that is judged. Tests that are gone stand
    nowhere.
    """
    records = _without_gone(records)
    failed = {nodeid for record in records for nodeid in record.failing}
    # Of two million attempts in 200 runs some 20,000 are of tests that ever failed.
    suspects = [select_tests(record, failed) for record in records]
    current = current_environments(records)
    judged = {
        nodeid: classify_streams(streams, nodeid, unusual, current)
        for nodeid, streams in streams_of(evidence_of(suspects), failed).items()
    }
    counts = Counter(found.state for found in judged.values()) + _never_failed(records, failed)
    told = {nodeid: found for nodeid, found in judged.items() if found.state in _UNHEALTHY}
    flaky = {nodeid for nodeid, found in told.items() if found.state == "flaky"}
    costs, around = _costs(suspects, told, flaky, unusual), _circumstances(records, flaky)
    news = _news(told, previous, run_id)
    commits = {record.facts.id: record.facts.commit or "" for record in records}
    tests = sorted(
        (
            _test(nodeid, found, costs, commits, around.get(nodeid), nodeid in news)
            for nodeid, found in told.items()
        ),
        key=lambda test: (-test.seconds_lost, -test.runs_failed, test.nodeid),
    )
    return SuiteStates(dict(counts), tuple(tests[:MAX_TESTS]), tuple(_clusters(suspects, flaky)))


def _without_gone(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return records without the tests that neither the newest whole runs have nor the last: they were deleted."""
    newest = [*complete_runs(records)[-RECENT_RUNS:], *records[-1:]]
    present = {nodeid for record in newest for nodeid in record.nodeids}
    return [record if present.issuperset(record.nodeids) else select_tests(record, present) for record in records]


def _news(told: Mapping[str, Flakiness], previous: Verdicts | None, newest: str) -> set[str]:
    """Return the tests whose state the verdict before did not have; without one, those that this run speaks of."""
    if previous is None:
        return {nodeid for nodeid, found in told.items() if newest in found.evidence}
    before = {test.nodeid: test.state for test in previous.tests}
    return {nodeid for nodeid, found in told.items() if before.get(nodeid) != found.state}


def _never_failed(records: Sequence[RunRecord], failed: Collection[str]) -> Counter[State]:
    """Count the tests that never failed: new on few commits, else healthy."""
    commits: Counter[str] = Counter()
    for of_commit in _by_commit(records):
        ran = [record.ran for record in of_commit]
        commits.update(ran[0] if len(ran) == 1 else set().union(*ran))
    healthy = sum(count >= MIN_COMMITS for nodeid, count in commits.items() if nodeid not in failed)
    new = sum(nodeid not in failed for nodeid in commits) - healthy
    told: dict[State, int] = {"healthy": healthy, "new": new}
    return +Counter(told)


def _by_commit(records: Iterable[RunRecord]) -> Iterable[list[RunRecord]]:
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        found.setdefault(record.facts.commit or record.facts.id, []).append(record)
    return found.values()


@dataclass(frozen=True)
class _Costs:
    """Costs of tests in their present state: the runs that each failed in the end, and the seconds lost."""

    runs: Mapping[str, int]
    seconds: Mapping[str, float]


def _costs(
    records: Sequence[RunRecord], told: Mapping[str, Flakiness], flaky: Collection[str], unusual: Outages
) -> _Costs:
    """Add up costs: the time of failed attempts, and for flaky tests also of runs that failed by them alone.

    Such a run has to be repeated: its whole duration is lost, in equal shares to those that failed in it. A broken
    test fails the repetition too.
    """
    counted = {nodeid: frozenset(found.failing) for nodeid, found in told.items()}
    runs: Counter[str] = Counter()
    seconds: dict[str, float] = dict.fromkeys(told, 0.0)
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
    found: Flakiness,
    costs: _Costs,
    commits: Mapping[str, str],
    around: _Circumstances | None,
    is_new: bool,
) -> UnhealthyTest:
    since = found.failing[0] if found.failing else ""
    return UnhealthyTest(
        nodeid=nodeid,
        state=found.state,
        rate=round(found.rate, 4),
        low=round(found.low, 4),
        high=round(found.high, 4),
        probability=round(found.probability, 4),
        evidence=found.evidence,
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
    """Where a flaky test ran, where it failed, and what its worker had run right before."""

    ran: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    before: Contrast = field(default_factory=Contrast)

    def workers(self) -> tuple[tuple[str, int, int], ...]:
        """Return each worker with how many attempts failed there, of how many."""
        return tuple((worker, self.failed[worker], self.ran[worker]) for worker in sorted(self.ran))


def _circumstances(records: Sequence[RunRecord], flaky: Collection[str]) -> dict[str, _Circumstances]:
    found = {nodeid: _Circumstances() for nodeid in flaky}
    for record in records:
        for at in positions_of(record, found):
            told, letter = found[record.nodeids[at]], record.letters[at]
            if letter in UNINFORMATIVE:
                continue
            told.before.add(record.before(at), letter in FAILING)
            if record.workers:
                told.ran[record.workers[at]] += 1
                told.failed[record.workers[at]] += letter in FAILING
    return found


def _clusters(records: Sequence[RunRecord], flaky: Collection[str]) -> list[tuple[str, ...]]:
    failures: dict[str, list[str]] = {nodeid: [] for nodeid in sorted(flaky)[:MAX_CLUSTERED]}
    for record in records:
        for nodeid in record.failing & failures.keys():
            failures[nodeid].append(record.facts.id)
    return clusters(failures, [record.facts.id for record in records])
