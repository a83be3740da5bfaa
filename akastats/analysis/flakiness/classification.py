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
MOST_VERDICTS = 400
#: The failing runs that a judgement names.
MOST_EVIDENCE = 20
#: A test on fewer commits is new, unless it is already known to be flaky or broken.
LEAST_COMMITS = 5
#: So many commits in a row that never passed are a breakage.
LEAST_BREAKAGE = 3
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


class Verdict(NamedTuple):
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


def judge(votes: Sequence[Vote], outages: Collection[str] = ()) -> Flakiness:
    """Return what a test is, by its votes in time order.

    The runs in `outages` are no evidence of flakiness; that a test fails ever since shows all the same.
    """
    counted = [vote for vote in votes if vote.run not in outages]
    if not any(vote.failed for vote in counted):
        return _without_failures(counted, votes)
    return _with_failures(verdicts_of(counted)[-MOST_VERDICTS:], votes)


def verdicts_of(votes: Sequence[Vote]) -> list[Verdict]:
    """Return one verdict a commit, in the order in which the commits were first seen."""
    by_commit: dict[str, list[Vote]] = {}
    for vote in votes:
        by_commit.setdefault(vote.commit or vote.run, []).append(vote)
    return [_verdict(of_commit) for of_commit in by_commit.values()]


def _verdict(votes: Sequence[Vote]) -> Verdict:
    first, *others = votes
    if not (others or first.failed):
        # The usual case, a hundred times a test.
        return Verdict(_PASSED, first.run, first.run, (), 1, 0)
    failing = [vote for vote in votes if vote.failed]
    tried = [vote.failed for vote in votes if not vote.retried]
    trial = Trial(bool(failing), bool(failing and others), len(failing) == len(votes))
    failing_runs = tuple(dict.fromkeys(vote.run for vote in failing))
    return Verdict(trial, first.run, votes[-1].run, failing_runs, len(tried), sum(tried))


_PASSED = Trial(failed=False)


def _without_failures(counted: Sequence[Vote], votes: Sequence[Vote]) -> Flakiness:
    failing = _failing_since(votes)
    if len(failing) >= LEAST_BREAKAGE:
        return _broken(failing, votes)
    commits = len({vote.commit or vote.run for vote in counted})
    segments = (Segment(counted[0].run, counted[-1].run, commits, 0, 0),) if counted else ()
    state: State = "healthy" if commits >= LEAST_COMMITS else "new"
    return replace(judged(state, len(counted)), segments=segments)


def _with_failures(verdicts: Sequence[Verdict], votes: Sequence[Vote]) -> Flakiness:
    stretches = divide([verdict.trial for verdict in verdicts])
    segments = _segments(verdicts, stretches)
    broken = [found for stretch in stretches if (found := _breakage(verdicts, stretch))]
    if broken and broken[-1].stop == len(verdicts):
        return replace(_broken(verdicts[broken[-1].start :], votes), segments=segments)
    sporadic = _since_recovery(verdicts, broken)
    probability = flaky_probability(sporadic)
    if probability >= FLAKY and _is_repeated(sporadic):
        return _sporadic("flaky", sporadic, probability, segments)
    failing = _failing_since(votes)
    if len(failing) >= LEAST_BREAKAGE or (failing and failing[-1].trial.repeated):
        return replace(_broken(failing, votes), probability=probability, segments=segments)
    return _sporadic(_unproven(len(verdicts), probability, bool(failing)), sporadic, probability, segments)


def _broken(failing: Sequence[Verdict], votes: Sequence[Vote]) -> Flakiness:
    runs = _failing_runs_since(votes) or _failing_runs(failing)
    return replace(_of_verdicts("broken", failing), evidence=_runs_of(failing), failing=runs)


def _sporadic(
    state: State, verdicts: Sequence[Verdict], probability: float, segments: tuple[Segment, ...]
) -> Flakiness:
    return replace(
        _of_verdicts(state, verdicts),
        probability=probability,
        evidence=_speaking(verdicts),
        segments=segments,
        failing=_failing_runs(verdicts),
    )


def _failing_runs(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(run for verdict in verdicts for run in verdict.failing_runs))


def _failing_runs_since(votes: Sequence[Vote]) -> tuple[str, ...]:
    """Return the runs after the last one that passed, oldest first."""
    passed = [at for at, vote in enumerate(votes) if not vote.failed]
    return tuple(dict.fromkeys(vote.run for vote in votes[passed[-1] + 1 if passed else 0 :]))


def _unproven(commits: int, probability: float, is_failing: bool) -> State:
    if commits < LEAST_COMMITS:
        return "new"
    return "undecided" if is_failing or probability >= DOUBTFUL else "healthy"


def _of_verdicts(state: State, verdicts: Sequence[Verdict]) -> Flakiness:
    made, failed = sum(each.attempts for each in verdicts), sum(each.failures for each in verdicts)
    return judged(state, made, failed)


def judged(state: State, attempts: int = 0, failures: int = 0) -> Flakiness:
    """Return a state with the failure rate of `attempts` first attempts, of which `failures` failed."""
    a, b = FAILED_PRIOR[0] + failures, FAILED_PRIOR[1] + attempts - failures
    low, high = (quantile(share, a, b) for share in _INTERVAL)
    return Flakiness(state, a / (a + b), low, high, attempts=attempts, failures=failures)


def _segments(verdicts: Sequence[Verdict], stretches: Sequence[range]) -> tuple[Segment, ...]:
    return tuple(_segment(verdicts[stretch.start : stretch.stop]) for stretch in stretches)


def _segment(verdicts: Sequence[Verdict]) -> Segment:
    failed = sum(verdict.trial.failed for verdict in verdicts)
    contradictions = sum(verdict.contradicts for verdict in verdicts)
    return Segment(verdicts[0].first_run, verdicts[-1].last_run, len(verdicts), failed, contradictions)


def _breakage(verdicts: Sequence[Verdict], stretch: range) -> range:
    """Return the part of a stretch in which nothing passed; empty if that is not all of it, or short.

    A flake at either end fails too, and so falls to the stretch of the breakage: it is cut off.
    """
    start, stop = stretch.start, stretch.stop
    while start < stop and verdicts[start].contradicts:
        start += 1
    while start < stop and verdicts[stop - 1].contradicts:
        stop -= 1
    is_one = stop - start >= LEAST_BREAKAGE and all(verdicts[at].trial.still_failing for at in range(start, stop))
    return range(start, stop) if is_one else range(0)


def _failing_since(votes: Sequence[Vote]) -> list[Verdict]:
    """Return the newest verdicts up to now that never passed, outages included."""
    if not votes or not votes[-1].failed:
        return []
    verdicts = verdicts_of(votes)
    passed = [at for at, verdict in enumerate(verdicts) if not verdict.trial.still_failing]
    return verdicts[passed[-1] + 1 if passed else 0 :]


def _runs_of(failing: Sequence[Verdict]) -> tuple[str, ...]:
    return tuple(run for verdict in reversed(failing) for run in reversed(verdict.failing_runs))[:MOST_EVIDENCE]


def _speaking(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """Return the runs that prove flakiness, or where none does, those that let suspect it."""
    proof = [verdict for verdict in verdicts if verdict.contradicts]
    return _runs_of(proof or verdicts)


def _is_repeated(verdicts: Sequence[Verdict]) -> bool:
    """Without proof, failing once and going on well is no flakiness, however short the history."""
    return any(verdict.contradicts for verdict in verdicts) or _Course.of(verdicts).begins > 1


def _since_recovery(verdicts: Sequence[Verdict], broken: Sequence[range]) -> list[Verdict]:
    """Return the verdicts since the newest streak that is too clean for what failed before, without breakages."""
    left_out = {at for stretch in broken for at in stretch}
    start = failed = of = streak = 0
    for at, verdict in enumerate(verdicts):
        if at in left_out:
            continue
        streak = 0 if verdict.trial.failed else streak + 1
        failed += verdict.trial.failed
        of += 1
        if streak and failed and _chance_of_streak(streak, failed, of - streak) < RECOVERED:
            start, failed, of = at - streak + 1, 0, streak
    return [verdict for at, verdict in enumerate(verdicts) if at >= start and at not in left_out]


def _chance_of_streak(streak: int, failed: int, of: int) -> float:
    """Return how likely no failure in `streak` more commits is, after so many in `of`: Beta-binomial."""
    a, b = FAILED_PRIOR[0] + failed, FAILED_PRIOR[1] + of - failed
    return exp(log_beta(a, b + streak) - log_beta(a, b))


def flaky_probability(verdicts: Sequence[Verdict]) -> float:
    """Return how likely flakiness is the reason of the failures, and not breakages: 1 where a commit proves it."""
    if any(verdict.contradicts for verdict in verdicts):
        return 1.0
    course = _Course.of(verdicts)
    if not course.failed:
        return 0.0
    odds = log(_FLAKY_PRIOR / (1 - _FLAKY_PRIOR)) + course.log_if_flaky() - course.log_if_breaking()
    return 1 / (1 + exp(-min(max(odds, -700.0), 700.0)))


@dataclass(frozen=True)
class _Course:
    """How verdicts follow each other: how often failing begins and ends, of how many times it could have."""

    commits: int
    failed: int
    repeated: int
    begins: int
    ends: int
    is_failing: bool

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> _Course:
        failed = [verdict.trial.failed for verdict in verdicts]
        before = [False, *failed]
        begins = sum(now and not then for now, then in zip(failed, before, strict=False))
        ends = sum(then and not now for now, then in zip(failed, before, strict=False))
        repeated = sum(verdict.trial.repeated for verdict in verdicts)
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
