"""Label the failures of a run with the history of its base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from akastats.analysis.failures.labels import Label, label_failure
from akastats.analysis.flakiness.classification import MIN_COMMITS
from akastats.analysis.flakiness.evidence import Streams, classify_streams, current_environments, streams_of
from akastats.analysis.flakiness.outages import Outages
from akastats.analysis.run_records import FAILING, RunRecord, evidence_of
from akastats.model.environment import Environment
from akastats.model.verdicts import FailureVerdict, UnhealthyTest

#: Maximum number of labelled failures of a run.
MAX_FAILURES = 2000


@dataclass(frozen=True)
class _History:
    """History of the base before a run, for the failing tests.

    streams: all results
    evidence: results that are evidence of flakiness
    unusual: outages
    current: environments that are still tested on the base
    """

    streams: Mapping[str, Streams]
    evidence: Mapping[str, Streams]
    unusual: Outages
    current: frozenset[Environment]


def label_failures(
    run: RunRecord,
    base: Sequence[RunRecord],
    unusual: Outages,
    quarantined: Collection[str],
    own: Sequence[RunRecord] = (),
) -> tuple[FailureVerdict, ...]:
    """Return the tests that failed in `run`, in the order they ended, labelled by the runs of its base before it.

    Without a run of the base, only quarantined tests have a label. `own` are earlier runs of the branch, which may
    include jobs of the same build.
    """
    failed = run.failed()[:MAX_FAILURES]
    streams, evidence = streams_of(base, failed), streams_of(evidence_of(base), failed)
    history = _History(streams, evidence, unusual, current_environments(base))
    attempts = _attempts(run, base)
    jobs = Counter(nodeid for job in _parallel_jobs_of(run, [*base, *own]) for nodeid in job.failed())
    return tuple(
        FailureVerdict(nodeid, "quarantined")
        if nodeid in quarantined
        else _failure(run, nodeid, history, attempts.get(nodeid, 1), jobs[nodeid])
        if base
        else FailureVerdict(nodeid, None)
        for nodeid in failed
    )


def _parallel_jobs_of(run: RunRecord, records: Iterable[RunRecord]) -> list[RunRecord]:
    return [record for record in records if run.facts.is_parallel_job_of(record.facts)]


def _attempts(run: RunRecord, base: Sequence[RunRecord]) -> Mapping[str, int]:
    """Count the attempts in a row, up to the last, that failed on this run's commit and in its environment."""
    commit, environment = run.facts.commit, run.facts.ran_in
    alike = [
        record
        for record in base
        if commit
        and (record.facts.commit, record.facts.ran_in) == (commit, environment)
        and not run.facts.is_parallel_job_of(record.facts)
    ]
    attempts: dict[str, int] = {}
    for record in (*alike, run):
        for nodeid, letter in zip(record.nodeids, record.letters, strict=True):
            attempts[nodeid] = attempts.get(nodeid, 0) + 1 if letter in FAILING else 0
    return attempts


def _failure(run: RunRecord, nodeid: str, history: _History, attempts: int, failing_jobs: int) -> FailureVerdict:
    """Label one failure; `failing_jobs` counts failed jobs of its build, indistinguishable from its own.

    A test that failed in one of several equal jobs of the base's newest build may fail in one of them again.
    """
    streams, evidence = (_comparable(of.get(nodeid, {}), run) for of in (history.streams, history.evidence))
    history_state = classify_streams(evidence, nodeid, history.unusual, history.current) if evidence else None
    before = max((stream.failing_jobs(run.facts) for stream in streams.values()), default=0)
    label: Label = label_failure(history_state, attempts=attempts, fails_on_base=failing_jobs < before)
    return FailureVerdict(nodeid, label.kind, None if label.rate is None else round(label.rate, 4))


def _comparable(streams: Streams, run: RunRecord) -> Streams:
    """Return the results in the run's own environment; without a history there, those in all others."""
    own = streams.get(run.facts.ran_in)
    commits = {result.facts.commit or result.facts.id for result in own.results} if own else ()
    return {run.facts.ran_in: own} if own and len(commits) >= MIN_COMMITS else streams


def align_with_states(
    failures: Sequence[FailureVerdict], states: Mapping[str, UnhealthyTest]
) -> tuple[FailureVerdict, ...]:
    """Return failures with the rates of the test states after their run; new failures stay new."""
    return tuple(_align(failure, states.get(failure.nodeid)) for failure in failures)


def _align(failure: FailureVerdict, test: UnhealthyTest | None) -> FailureVerdict:
    if test is None or failure.label not in ("known flaky", "also failing on base"):
        return failure
    if test.state == "flaky":
        return FailureVerdict(failure.nodeid, "known flaky", test.rate)
    if test.state == "broken":
        return FailureVerdict(failure.nodeid, "also failing on base")
    return failure
