"""Classify a test as flaky, broken or neither from its past results.

A test that fails and passes on the same commit is flaky. Without such proof, two explanations of the failures are
compared: breakages, which begin rarely and last, and flakiness, which affects every commit with the same rate.
All attempts on one commit count as one result, so that a nightly job on one commit does not dominate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import NamedTuple

from akastats.analysis.flakiness.beta import log_beta, quantile
from akastats.analysis.flakiness.segments import FAILED_PRIOR, STILL_FAILING_PRIOR, Trial, divide, log_likelihood
from akastats.model.verdicts import State

#: Maximum number of analysed commits: the search takes quadratic time, and older commits add little.
MAX_COMMITS = 400
#: Maximum number of failing runs listed as evidence.
MAX_EVIDENCE = 20
#: A test with results on fewer commits is new, unless it is flaky or broken.
MIN_COMMITS = 5
#: Consecutive commits without a pass that make a breakage.
MIN_BREAKAGE = 3
#: Minimum probability of a flaky test, and of a test that is no longer called healthy.
FLAKY, DOUBTFUL = 0.5, 0.2
#: A test has recovered if its streak of passes is less probable than this at its former failure rate.
RECOVERED = 1e-3

# 3.6 % of FlakeFlagger's 22,245 tests failed in some of 10,000 runs.
_FLAKY_PRIOR = 0.03
# A test breaks once in 4,000 commits; the next commit ends one of four breakages. Both are weak priors:
# docs/accuracy.md shows the effect of four times as many breakages.
_BREAKS_PRIOR = (1.0, 4000.0)
_ENDS_PRIOR = (1.0, 3.0)
_INTERVAL = (0.025, 0.975)


class Vote(NamedTuple):
    """One attempt of a test. Errors in setup or teardown are failures; skipped attempts have no vote.

    run: id of the run
    commit: commit id; `None` if it is unknown or tracked files had changes; each such run counts as a commit
    failed: whether the attempt failed
    retried: whether a failed attempt of the same run precedes it
    """

    run: str
    commit: str | None
    failed: bool
    retried: bool = False


class CommitResult(NamedTuple):
    """The results of all attempts of a test on one commit.

    trial: outcome of the commit
    first_run: first run of the commit
    last_run: last run of the commit
    failing_runs: runs with a failed attempt
    attempts: number of first attempts
    failures: number of failed first attempts
    """

    trial: Trial
    first_run: str
    last_run: str
    failing_runs: tuple[str, ...]
    attempts: int
    failures: int

    @property
    def contradicts(self) -> bool:
        """Return whether the test failed and passed on this commit, so that the code is not the cause."""
        return self.trial.failed and not self.trial.still_failing


@dataclass(frozen=True)
class Segment:
    """Consecutive commits with one failure rate.

    first: first run of the segment
    last: last run of the segment
    commits: number of commits
    failed: number of commits with a failure
    contradictions: number of commits with both a failure and a pass
    """

    first: str
    last: str
    commits: int
    failed: int
    contradictions: int


@dataclass(frozen=True)
class Flakiness:
    """State of a test with its evidence.

    state: healthy, flaky, broken, new or undecided
    rate: share of first attempts that fail at present, 0 to 1
    low: lower end of the 95 % interval of the rate
    high: upper end of the 95 % interval of the rate
    probability: probability that the test is flaky, 0 to 1
    evidence: failing runs that support the state, newest first
    segments: segments of its history, oldest first
    failing: all runs in which it failed in this state, oldest first
    attempts: number of first attempts that the rate is computed from
    failures: number of failures among these
    """

    state: State
    rate: float
    low: float
    high: float
    probability: float = 0.0
    evidence: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    failing: tuple[str, ...] = ()
    attempts: int = 0
    failures: int = 0


def classify(votes: Sequence[Vote], outages: Collection[str] = ()) -> Flakiness:
    """Return the state of a test from its votes in time order.

    The runs in `outages` are not evidence of flakiness, but they count if the test has failed ever since.
    """
    counted = [vote for vote in votes if vote.run not in outages]
    if not any(vote.failed for vote in counted):
        return _without_failures(counted, votes)
    return _with_failures(results_by_commit(counted)[-MAX_COMMITS:], votes)


def results_by_commit(votes: Sequence[Vote]) -> list[CommitResult]:
    """Return one result per commit, in the order of the first run of each commit."""
    by_commit: dict[str, list[Vote]] = {}
    for vote in votes:
        by_commit.setdefault(vote.commit or vote.run, []).append(vote)
    return [_result_of(of_commit) for of_commit in by_commit.values()]


def _result_of(votes: Sequence[Vote]) -> CommitResult:
    first, *others = votes
    if not (others or first.failed):
        # The common case, hundreds of times per test.
        return CommitResult(_PASSED, first.run, first.run, (), 1, 0)
    failing = [vote for vote in votes if vote.failed]
    tried = [vote.failed for vote in votes if not vote.retried]
    trial = Trial(bool(failing), bool(failing and others), len(failing) == len(votes))
    failing_runs = tuple(dict.fromkeys(vote.run for vote in failing))
    return CommitResult(trial, first.run, votes[-1].run, failing_runs, len(tried), sum(tried))


_PASSED = Trial(failed=False)


def _without_failures(counted: Sequence[Vote], votes: Sequence[Vote]) -> Flakiness:
    failing = _failing_since(votes)
    if len(failing) >= MIN_BREAKAGE:
        return _make_broken(failing, votes)
    commits = len({vote.commit or vote.run for vote in counted})
    segments = (Segment(counted[0].run, counted[-1].run, commits, 0, 0),) if counted else ()
    state: State = "healthy" if commits >= MIN_COMMITS else "new"
    return replace(with_rate(state, len(counted)), segments=segments)


def _with_failures(results: Sequence[CommitResult], votes: Sequence[Vote]) -> Flakiness:
    stretches = divide([result.trial for result in results])
    segments = _segments(results, stretches)
    broken = [breakage for stretch in stretches if (breakage := _breakage(results, stretch))]
    if broken and broken[-1].stop == len(results):
        return replace(_make_broken(results[broken[-1].start :], votes), segments=segments)
    sporadic = _since_recovery(results, broken)
    probability = flaky_probability(sporadic)
    if probability >= FLAKY and _is_repeated(sporadic):
        return _sporadic("flaky", sporadic, probability, segments)
    failing = _failing_since(votes)
    if len(failing) >= MIN_BREAKAGE or (failing and failing[-1].trial.repeated):
        return replace(_make_broken(failing, votes), probability=probability, segments=segments)
    return _sporadic(
        _state_without_proof(len(results), probability, bool(failing)), sporadic, probability, segments
    )


def _make_broken(failing: Sequence[CommitResult], votes: Sequence[Vote]) -> Flakiness:
    runs = _failing_runs_since(votes) or _failing_runs(failing)
    return replace(_with_state("broken", failing), evidence=_newest_failing_runs(failing), failing=runs)


def _sporadic(
    state: State, results: Sequence[CommitResult], probability: float, segments: tuple[Segment, ...]
) -> Flakiness:
    return replace(
        _with_state(state, results),
        probability=probability,
        evidence=_evidence_runs(results),
        segments=segments,
        failing=_failing_runs(results),
    )


def _failing_runs(results: Sequence[CommitResult]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for result in results for run in result.failing_runs))


def _failing_runs_since(votes: Sequence[Vote]) -> tuple[str, ...]:
    """Return the failing runs since the last pass, oldest first."""
    passed = [at for at, vote in enumerate(votes) if not vote.failed]
    return tuple(dict.fromkeys(vote.run for vote in votes[passed[-1] + 1 if passed else 0 :]))


def _state_without_proof(commits: int, probability: float, is_failing: bool) -> State:
    if commits < MIN_COMMITS:
        return "new"
    return "undecided" if is_failing or probability >= DOUBTFUL else "healthy"


def _with_state(state: State, results: Sequence[CommitResult]) -> Flakiness:
    made, failed = sum(each.attempts for each in results), sum(each.failures for each in results)
    return with_rate(state, made, failed)


def with_rate(state: State, attempts: int = 0, failures: int = 0) -> Flakiness:
    """Return a state with the failure rate of `attempts` first attempts, of which `failures` failed."""
    a, b = FAILED_PRIOR[0] + failures, FAILED_PRIOR[1] + attempts - failures
    low, high = (quantile(share, a, b) for share in _INTERVAL)
    return Flakiness(state, a / (a + b), low, high, attempts=attempts, failures=failures)


def _segments(results: Sequence[CommitResult], stretches: Sequence[range]) -> tuple[Segment, ...]:
    return tuple(_segment(results[stretch.start : stretch.stop]) for stretch in stretches)


def _segment(results: Sequence[CommitResult]) -> Segment:
    failed = sum(result.trial.failed for result in results)
    contradictions = sum(result.contradicts for result in results)
    return Segment(results[0].first_run, results[-1].last_run, len(results), failed, contradictions)


def _breakage(results: Sequence[CommitResult], stretch: range) -> range:
    """Return the breakage of a segment; empty if something passed in it, or if it is too short.

    A flaky failure directly before or after a breakage belongs to the same segment; it is cut off.
    """
    start, stop = stretch.start, stretch.stop
    while start < stop and results[start].contradicts:
        start += 1
    while start < stop and results[stop - 1].contradicts:
        stop -= 1
    is_breakage = stop - start >= MIN_BREAKAGE and all(
        results[at].trial.still_failing for at in range(start, stop)
    )
    return range(start, stop) if is_breakage else range(0)


def _failing_since(votes: Sequence[Vote]) -> list[CommitResult]:
    """Return the newest consecutive results without a pass, outages included."""
    if not votes or not votes[-1].failed:
        return []
    results = results_by_commit(votes)
    passed = [at for at, result in enumerate(results) if not result.trial.still_failing]
    return results[passed[-1] + 1 if passed else 0 :]


def _newest_failing_runs(failing: Sequence[CommitResult]) -> tuple[str, ...]:
    return tuple(run for result in reversed(failing) for run in reversed(result.failing_runs))[:MAX_EVIDENCE]


def _evidence_runs(results: Sequence[CommitResult]) -> tuple[str, ...]:
    """Return the runs that prove flakiness; without proof, those with failures."""
    proof = [result for result in results if result.contradicts]
    return _newest_failing_runs(proof or results)


def _is_repeated(results: Sequence[CommitResult]) -> bool:
    """Return whether there is proof of flakiness or more than one failing streak."""
    return any(result.contradicts for result in results) or _FailureHistory.of(results).begins > 1


def _since_recovery(results: Sequence[CommitResult], broken: Sequence[range]) -> list[CommitResult]:
    """Return the results since the newest recovery, without breakages.

    A recovery is a clean streak that the failure rate before makes improbable.
    """
    left_out = {at for stretch in broken for at in stretch}
    start = failed = of = streak = 0
    for at, result in enumerate(results):
        if at in left_out:
            continue
        streak = 0 if result.trial.failed else streak + 1
        failed += result.trial.failed
        of += 1
        if streak and failed and _chance_of_streak(streak, failed, of - streak) < RECOVERED:
            start, failed, of = at - streak + 1, 0, streak
    return [result for at, result in enumerate(results) if at >= start and at not in left_out]


def _chance_of_streak(streak: int, failed: int, of: int) -> float:
    """Return the Beta-binomial probability of `streak` passes after `failed` failures in `of` commits."""
    a, b = FAILED_PRIOR[0] + failed, FAILED_PRIOR[1] + of - failed
    return exp(log_beta(a, b + streak) - log_beta(a, b))


def flaky_probability(results: Sequence[CommitResult]) -> float:
    """Return the probability that flakiness, not breakage, causes the failures; 1 with proof."""
    if any(result.contradicts for result in results):
        return 1.0
    history = _FailureHistory.of(results)
    if not history.failed:
        return 0.0
    odds = log(_FLAKY_PRIOR / (1 - _FLAKY_PRIOR)) + history.log_if_flaky() - history.log_if_breaking()
    return 1 / (1 + exp(-min(max(odds, -700.0), 700.0)))


@dataclass(frozen=True)
class _FailureHistory:
    """Counts of a sequence of results.

    commits: number of commits
    failed: number of commits with a failure
    repeated: number of failed commits with more than one attempt
    begins: number of transitions from passing to failing
    ends: number of transitions from failing to passing
    is_failing: whether the last commit failed
    """

    commits: int
    failed: int
    repeated: int
    begins: int
    ends: int
    is_failing: bool

    @classmethod
    def of(cls, results: Sequence[CommitResult]) -> _FailureHistory:
        failed = [result.trial.failed for result in results]
        before = [False, *failed]
        begins = sum(now and not then for now, then in zip(failed, before, strict=False))
        ends = sum(then and not now for now, then in zip(failed, before, strict=False))
        repeated = sum(result.trial.repeated for result in results)
        return cls(len(failed), sum(failed), repeated, begins, ends, before[-1])

    def log_if_flaky(self) -> float:
        """Return the log-likelihood of flakiness: one failure rate, and one rate of failing again."""
        return log_likelihood(self.failed, self.commits, FAILED_PRIOR) + log_likelihood(
            self.repeated, self.repeated, STILL_FAILING_PRIOR
        )

    def log_if_breaking(self) -> float:
        """Return the log-likelihood if breakages begin rarely and end by a repair: a Markov chain."""
        after_failing = self.failed - self.is_failing
        return log_likelihood(self.begins, self.commits - after_failing, _BREAKS_PRIOR) + log_likelihood(
            self.ends, after_failing, _ENDS_PRIOR
        )
