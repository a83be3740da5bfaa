"""Is a test flaky, broken or neither, from what became of it so far. Pure.

Failing and passing on the same commit is proof. Where nothing is tried again, two explanations of the failures are
weighed: breakages, which begin seldom and last, and flakiness, which fails each commit alike and stops at once.
Every commit has one verdict, however often it ran: a repeated nightly job does not shout others down.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from typing import NamedTuple

from akastats.analysis.flakiness.beta import log_beta, quantile
from akastats.analysis.flakiness.segments import FAILED_PRIOR, STILL_FAILING_PRIOR, Trial, divide, log_likelihood
from akastats.model.verdicts import State

#: The newest verdicts that are looked at: older ones say little, and the search takes time by their square.
MAX_COMMITS = 400
#: The failing runs that a judgement names.
MAX_EVIDENCE = 20
#: A test on fewer commits is new, unless it is already known to be flaky or broken.
MIN_COMMITS = 5
#: So many commits in a row that never passed are a breakage.
MIN_BREAKAGE = 3
#: From these probabilities of being flaky on a test is called so, or is not called healthy.
FLAKY, DOUBTFUL = 0.5, 0.2
#: A test has recovered when the failures before make so long a clean streak less likely than this.
RECOVERED = 1e-3

# Of FlakeFlagger's 22,245 tests 3.6 % failed in some of 10,000 runs.
_FLAKY_PRIOR = 0.03
# Once in 4,000 commits a test breaks, in one of four a breakage ends with the next commit; both held loosely:
# docs/accuracy.md shows what four times as many breakages do.
_BREAKS_PRIOR = (1.0, 4000.0)
_ENDS_PRIOR = (1.0, 3.0)
_INTERVAL = (0.025, 0.975)


class Vote(NamedTuple):
    """One attempt of a test.

    `commit` is `None` where the code is not known or not all committed: then the run stands for it. `retried` is
    an attempt that follows a failed one in the same run. An error in setup or teardown has failed; a skipped test
    casts no vote.
    """

    run: str
    commit: str | None
    failed: bool
    retried: bool = False


class CommitResult(NamedTuple):
    """What all attempts on one commit came to; `attempts` and `failures` without those that were tried again."""

    trial: Trial
    first_run: str
    last_run: str
    failing_runs: tuple[str, ...]
    attempts: int
    failures: int

    @property
    def contradicts(self) -> bool:
        """Both failed and passed: the code is not to blame."""
        return self.trial.failed and not self.trial.still_failing


@dataclass(frozen=True)
class Segment:
    """A stretch of commits in which a test failed at one rate, from the run `first` to the run `last`."""

    first: str
    last: str
    commits: int
    failed: int
    contradictions: int


@dataclass(frozen=True)
class Flakiness:
    """State of a test, with its evidence.

    `rate` is how much of its first attempts fail at present, `low` to `high` where that lies with a probability of
    95 %; `probability` that of being flaky; `evidence` the failing runs that speak for the state, newest first.
    `failing` are all runs in which it failed since it is in this state, oldest first. `attempts` and `failures`
    count the first attempts that the rate is of.
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
    """Return what a test is, by its votes in time order.

    The runs in `outages` are no evidence of flakiness; that a test fails ever since shows all the same.
    """
    counted = [vote for vote in votes if vote.run not in outages]
    if not any(vote.failed for vote in counted):
        return _without_failures(counted, votes)
    return _with_failures(results_by_commit(counted)[-MAX_COMMITS:], votes)


def results_by_commit(votes: Sequence[Vote]) -> list[CommitResult]:
    """Return one verdict a commit, in the order in which the commits were first seen."""
    by_commit: dict[str, list[Vote]] = {}
    for vote in votes:
        by_commit.setdefault(vote.commit or vote.run, []).append(vote)
    return [_result_of(of_commit) for of_commit in by_commit.values()]


def _result_of(votes: Sequence[Vote]) -> CommitResult:
    first, *others = votes
    if not (others or first.failed):
        # The usual case, a hundred times a test.
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
        return _broken(failing, votes)
    commits = len({vote.commit or vote.run for vote in counted})
    segments = (Segment(counted[0].run, counted[-1].run, commits, 0, 0),) if counted else ()
    state: State = "healthy" if commits >= MIN_COMMITS else "new"
    return replace(with_rate(state, len(counted)), segments=segments)


def _with_failures(results: Sequence[CommitResult], votes: Sequence[Vote]) -> Flakiness:
    stretches = divide([result.trial for result in results])
    segments = _segments(results, stretches)
    broken = [found for stretch in stretches if (found := _breakage(results, stretch))]
    if broken and broken[-1].stop == len(results):
        return replace(_broken(results[broken[-1].start :], votes), segments=segments)
    sporadic = _since_recovery(results, broken)
    probability = flaky_probability(sporadic)
    if probability >= FLAKY and _is_repeated(sporadic):
        return _sporadic("flaky", sporadic, probability, segments)
    failing = _failing_since(votes)
    if len(failing) >= MIN_BREAKAGE or (failing and failing[-1].trial.repeated):
        return replace(_broken(failing, votes), probability=probability, segments=segments)
    return _sporadic(_unproven(len(results), probability, bool(failing)), sporadic, probability, segments)


def _broken(failing: Sequence[CommitResult], votes: Sequence[Vote]) -> Flakiness:
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
    """Return the runs after the last one that passed, oldest first."""
    passed = [at for at, vote in enumerate(votes) if not vote.failed]
    return tuple(dict.fromkeys(vote.run for vote in votes[passed[-1] + 1 if passed else 0 :]))


def _unproven(commits: int, probability: float, is_failing: bool) -> State:
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
    """Return the part of a stretch in which nothing passed; empty if that is not all of it, or short.

    A flake at either end fails too, and so falls to the stretch of the breakage: it is cut off.
    """
    start, stop = stretch.start, stretch.stop
    while start < stop and results[start].contradicts:
        start += 1
    while start < stop and results[stop - 1].contradicts:
        stop -= 1
    is_one = stop - start >= MIN_BREAKAGE and all(results[at].trial.still_failing for at in range(start, stop))
    return range(start, stop) if is_one else range(0)


def _failing_since(votes: Sequence[Vote]) -> list[CommitResult]:
    """Return the newest verdicts up to now that never passed, outages included."""
    if not votes or not votes[-1].failed:
        return []
    results = results_by_commit(votes)
    passed = [at for at, result in enumerate(results) if not result.trial.still_failing]
    return results[passed[-1] + 1 if passed else 0 :]


def _newest_failing_runs(failing: Sequence[CommitResult]) -> tuple[str, ...]:
    return tuple(run for result in reversed(failing) for run in reversed(result.failing_runs))[:MAX_EVIDENCE]


def _evidence_runs(results: Sequence[CommitResult]) -> tuple[str, ...]:
    """Return the runs that prove flakiness, or where none does, those that let suspect it."""
    proof = [result for result in results if result.contradicts]
    return _newest_failing_runs(proof or results)


def _is_repeated(results: Sequence[CommitResult]) -> bool:
    """Without proof, failing once and going on well is no flakiness, however short the history."""
    return any(result.contradicts for result in results) or _FailureHistory.of(results).begins > 1


def _since_recovery(results: Sequence[CommitResult], broken: Sequence[range]) -> list[CommitResult]:
    """Return the verdicts since the newest streak that is too clean for what failed before, without breakages."""
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
    """Return how likely no failure in `streak` more commits is, after so many in `of`: Beta-binomial."""
    a, b = FAILED_PRIOR[0] + failed, FAILED_PRIOR[1] + of - failed
    return exp(log_beta(a, b + streak) - log_beta(a, b))


def flaky_probability(results: Sequence[CommitResult]) -> float:
    """Return how likely flakiness is the reason of the failures, and not breakages: 1 where a commit proves it."""
    if any(result.contradicts for result in results):
        return 1.0
    course = _FailureHistory.of(results)
    if not course.failed:
        return 0.0
    odds = log(_FLAKY_PRIOR / (1 - _FLAKY_PRIOR)) + course.log_if_flaky() - course.log_if_breaking()
    return 1 / (1 + exp(-min(max(odds, -700.0), 700.0)))


@dataclass(frozen=True)
class _FailureHistory:
    """How verdicts follow each other: how often failing begins and ends, of how many times it could have."""

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
        """Return ln of how likely this is if each commit fails alike, and all that was repeated failed again."""
        return log_likelihood(self.failed, self.commits, FAILED_PRIOR) + log_likelihood(
            self.repeated, self.repeated, STILL_FAILING_PRIOR
        )

    def log_if_breaking(self) -> float:
        """Return ln of how likely this is if breakages begin seldom and end by being mended: a Markov chain."""
        after_failing = self.failed - self.is_failing
        return log_likelihood(self.begins, self.commits - after_failing, _BREAKS_PRIOR) + log_likelihood(
            self.ends, after_failing, _ENDS_PRIOR
        )
