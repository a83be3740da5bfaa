"""Convert verdicts to the form of the API's JSON, which `akastats --json` prints too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from akastats.model.findings import RunCosts
from akastats.model.verdicts import (
    DurationCause,
    FailureLabel,
    FailureVerdict,
    Outlier,
    OverBudget,
    State,
    Verdicts,
)
from akastats.queries.flaky import ListedTest
from akastats.queries.regressions import Kind, ListedChange
from akastats.queries.run_report import RunReport
from akastats.queries.verdicts import DatedVerdicts
from akastats.triage.acknowledgement_rules import AcknowledgedChange, AcknowledgementKind
from akastats.triage.quarantine_rules import QuarantinedTest


@dataclass(frozen=True)
class VerdictsInShort:
    """Summary of the verdicts that an answer is based on. A field is `None` if its value is unknown.

    run: id of the analysed run
    started: start of the run, epoch seconds
    suite: suite of the run; null if there is none
    branch: branch name
    base: the branch that failures are compared with
    runs: number of runs in the analysed history, this one included
    counts: number of tests in each state
    undecided: number of durations without enough data for a verdict
    pace: duration of all tests divided by their typical duration; 1 is typical
    seconds: duration of the run in seconds
    usual_seconds: median duration of earlier runs, in seconds
    is_outage: whether far more tests failed than in typical runs, which is not evidence of flakiness
    causes: reasons why `seconds` differs from `usual_seconds`, the largest first
    """

    run: str
    started: float | None
    suite: str | None
    branch: str | None
    base: str | None
    runs: int
    counts: Mapping[State, int]
    undecided: int
    pace: float | None
    seconds: float | None
    usual_seconds: float | None
    is_outage: bool
    causes: tuple[DurationCause, ...]


@dataclass(frozen=True)
class RunVerdicts(VerdictsInShort):
    """Summary of the verdicts of a run, with a label for each failing test.

    labels: number of failing tests with each label
    failures: failing tests in the order in which they ended, at most 2,000
    over_budget: tests, fixtures, files, imports and spans that took longer than their budget allows
    environments: environments of the runs of this build, if several runs have no suite
    equal_runs: number of runs of this build that no recorded value distinguishes; 0 if this is the only one
    newly_skipped: tests that this run skipped although the newest runs of the base ran them
    """

    labels: Mapping[FailureLabel, int]
    failures: tuple[FailureVerdict, ...]
    over_budget: tuple[OverBudget, ...]
    environments: tuple[str, ...]
    equal_runs: int
    newly_skipped: tuple[str, ...]


@dataclass(frozen=True)
class WorkerFailures:
    """Failures of a flaky test on one pytest-xdist worker.

    worker: id of the worker; empty without workers
    failed: number of failed attempts
    attempts: number of attempts
    """

    worker: str
    failed: int
    attempts: int


@dataclass(frozen=True)
class RanBefore:
    """A test that ran directly before a flaky test when the flaky test failed.

    nodeid: node id of the test
    count: number of times
    """

    nodeid: str
    count: int


@dataclass(frozen=True)
class InQuarantine:
    """The quarantine of a test.

    until: end, epoch seconds
    since: start, epoch seconds
    reason: reason as it was entered
    by: who put the test into quarantine; empty if not given
    """

    until: float
    since: float
    reason: str
    by: str


@dataclass(frozen=True)
class UnhealthyTestAnswer:
    """A test that is not healthy, and the evidence for it.

    nodeid: node id of the test
    suite: suite of the test; null if there is none
    state: state of the test
    rate: share of the first attempts that fail at present, 0 to 1
    low: lower bound of the rate, with a probability of 97.5 %
    high: upper bound of the rate, with a probability of 97.5 %
    probability: probability that the test is flaky, 0 to 1
    since: the first run that failed in the current state; null if unknown
    since_commit: commit of the run `since`; null if unknown
    is_new: whether the previous verdicts had another state
    runs_failed: number of runs that the test failed from `since` on
    seconds_lost: seconds of failed attempts, and of runs that only flaky tests failed
    evidence: failing runs that support the state, newest first, at most 20
    workers: attempts per worker, in runs with several workers
    after: tests that ran directly before it more often when it failed than when it passed, the most frequent first
    cluster: number of its cluster; tests of one cluster fail together; null if there is none
    quarantine: quarantine of the test; null if it is not in quarantine
    """

    nodeid: str
    suite: str | None
    state: State
    rate: float
    low: float
    high: float
    probability: float
    since: str | None
    since_commit: str | None
    is_new: bool
    runs_failed: int
    seconds_lost: float
    evidence: tuple[str, ...]
    workers: list[WorkerFailures]
    after: list[RanBefore]
    cluster: int | None
    quarantine: InQuarantine | None


@dataclass(frozen=True)
class Acknowledgement:
    """The acknowledgement of a duration change.

    mark: acknowledged, expected or noise; a change that is expected or noise is no longer reported as new
    reason: reason as it was entered
    since: when it was entered, epoch seconds
    """

    mark: AcknowledgementKind
    reason: str
    since: float


@dataclass(frozen=True)
class ChangeAnswer:
    """A lasting change of a duration between two levels, in seconds at the typical machine speed.

    The cause came after the run `since` and not after the run `until`.

    id: id of the change, for its acknowledgement
    label: label of the duration; empty for the suite as a whole
    kind: kind of the label
    name: node id of a test, directory and name of a fixture, path of a file, otherwise the label
    nodeid: node id of the test; null for other kinds
    suite: suite of the run; null if there is none
    environment: suite, workers, machine and Python of the compared runs
    before: seconds before the change
    after: seconds after the change
    ratio: `after` divided by `before`
    low: lower bound of the ratio, with a probability of 97.5 %
    high: upper bound of the ratio, with a probability of 97.5 %
    since: the last run that is certainly before the change
    run: the most likely first run after the change
    until: the first run that is certainly after the change
    since_commit: commit of the run `since`; null if unknown
    commit: commit of the run `run`; null if unknown
    until_commit: commit of the run `until`; null if unknown
    runs_after: number of runs at the new level so far
    is_slower: whether `after` is more than `before`
    is_suspected: true until five runs are at the new level
    is_new: whether the previous verdicts did not have this change
    p: p-value of the t-test: probability of a difference at least this large if the duration did not change
    confidence: probability that the levels differ by at least 10 %, 0 to 1
    group: index into `together`; null if nothing changed at the same run
    mark: acknowledgement of the change; null if there is none
    """

    id: str
    label: str
    kind: Kind
    name: str
    nodeid: str | None
    suite: str | None
    environment: str
    before: float
    after: float
    ratio: float
    low: float
    high: float
    since: str
    run: str
    until: str
    since_commit: str | None
    commit: str | None
    until_commit: str | None
    runs_after: int
    is_slower: bool
    is_suspected: bool
    is_new: bool
    p: float
    confidence: float
    group: int | None
    mark: Acknowledgement | None


@dataclass(frozen=True)
class MachineSpeed:
    """Machine speed factor of a run: 1 is typical, 2 means that all tests took twice as long.

    run: id of the run
    pace: duration of all tests divided by their typical duration
    """

    run: str
    pace: float


@dataclass(frozen=True)
class VerdictsAnswer(RunVerdicts):
    """All verdicts of one run, from the history up to that run.

    tests: tests that are neither healthy nor new, the most costly first
    clusters: flaky tests that fail together
    changes: duration changes of tests, fixtures, files and your own numbers, newest first
    suite_changes: duration changes of the suite as a whole, newest first
    together: groups of labels that changed at the same run
    paces: machine speed factors of the runs in this environment, oldest first
    outliers: tests whose duration exceeds their own history, at most 1,000
    fixed: tests that failed in the previous run and passed in this one, without flaky tests
    costs: findings of the run, and fixed findings; null if they were not computed
    """

    tests: list[UnhealthyTestAnswer]
    clusters: tuple[tuple[str, ...], ...]
    changes: list[ChangeAnswer]
    suite_changes: list[ChangeAnswer]
    together: tuple[tuple[str, ...], ...]
    paces: list[MachineSpeed]
    outliers: tuple[Outlier, ...]
    fixed: tuple[str, ...]
    costs: RunCosts | None


def answer_verdicts(report: RunReport) -> VerdictsAnswer:
    """Return all verdicts of a run."""
    verdicts = report.source.verdicts
    return VerdictsAnswer(
        **vars(answer_run_verdicts(verdicts, report.source.started)),
        tests=list(map(answer_test, report.tests)),
        clusters=verdicts.clusters,
        changes=list(map(answer_change, report.changes)),
        suite_changes=list(map(answer_change, report.suite_changes)),
        together=verdicts.together,
        paces=answer_speeds(verdicts),
        outliers=verdicts.outliers,
        fixed=verdicts.fixed,
        costs=verdicts.costs,
    )


def answer_run_verdicts(verdicts: Verdicts, started: float | None) -> RunVerdicts:
    """Return a summary of the verdicts of a run."""
    return RunVerdicts(
        **vars(_in_short(verdicts, started)),
        labels=dict(Counter(failure.label for failure in verdicts.failures if failure.label)),
        failures=verdicts.failures,
        over_budget=verdicts.over_budget,
        environments=verdicts.environments,
        equal_runs=verdicts.equal_runs,
        newly_skipped=verdicts.newly_skipped,
    )


def answer_in_short(source: DatedVerdicts | None) -> VerdictsInShort | None:
    """Return a summary of the verdicts that an answer is based on; `None` without verdicts."""
    return _in_short(source.verdicts, source.started) if source else None


def _in_short(verdicts: Verdicts, started: float | None) -> VerdictsInShort:
    return VerdictsInShort(
        run=verdicts.run,
        started=started,
        suite=verdicts.suite or None,
        branch=verdicts.branch or None,
        base=verdicts.base or None,
        runs=verdicts.runs,
        counts=verdicts.counts or {},
        undecided=verdicts.undecided,
        pace=verdicts.pace,
        seconds=verdicts.seconds,
        usual_seconds=verdicts.usual_seconds,
        is_outage=verdicts.is_outage,
        causes=verdicts.causes,
    )


def answer_speeds(verdicts: Verdicts) -> list[MachineSpeed]:
    """Return the machine speed factors of the newest runs in the environment, oldest first."""
    return [MachineSpeed(run, pace) for run, pace in verdicts.paces]


_TEST_FIELDS = ("nodeid", "state", "rate", "low", "high", "probability", "is_new", "runs_failed", "seconds_lost")


def answer_test(listed: ListedTest) -> UnhealthyTestAnswer:
    """Return a test that is not healthy."""
    test = listed.test
    return UnhealthyTestAnswer(
        **{name: getattr(test, name) for name in _TEST_FIELDS},
        suite=listed.suite or None,
        since=test.since or None,
        since_commit=test.since_commit or None,
        evidence=test.evidence,
        workers=[WorkerFailures(*each) for each in test.workers],
        after=[RanBefore(*each) for each in test.after],
        cluster=listed.cluster,
        quarantine=answer_quarantine(listed.quarantine),
    )


def answer_quarantine(entry: QuarantinedTest | None) -> InQuarantine | None:
    """Return the quarantine of a test; `None` if it is not in quarantine."""
    return InQuarantine(entry.until, entry.since, entry.reason, entry.by) if entry else None


_CHANGE_FIELDS = (
    *("label", "environment", "before", "after", "ratio", "low", "high", "since", "run", "until"),
    *("runs_after", "is_slower", "is_suspected", "p", "confidence"),
)
_LISTED_FIELDS = ("id", "since_commit", "commit", "until_commit", "group")


def answer_change(listed: ListedChange) -> ChangeAnswer:
    """Return a duration change with its commits and its acknowledgement."""
    kind, name = listed.subject
    return ChangeAnswer(
        **{field: getattr(listed.change, field) for field in _CHANGE_FIELDS},
        **{field: getattr(listed, field) for field in _LISTED_FIELDS},
        kind=kind,
        name=name,
        nodeid=name if kind == "test" else None,
        suite=listed.suite or None,
        is_new=listed.verdict.is_new,
        mark=answer_acknowledgement(listed.acknowledgement) if listed.acknowledgement else None,
    )


def answer_acknowledgement(mark: AcknowledgedChange) -> Acknowledgement:
    """Return the acknowledgement of a change."""
    return Acknowledgement(mark.mark, mark.reason, mark.since)
