"""Results of a test as evidence, separated by environment and limited to results that belong to one test.

Two results prove flakiness only if nothing but chance differs between them. A job on another Python is another
environment. Jobs of one build with equal recorded values, and tests that share a node id, are ambiguous. For
these, only a rerun inside one run is proof. Results on uncommitted code are never proof.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from akastats.analysis.flakiness.classification import (
    MAX_EVIDENCE,
    Flakiness,
    Vote,
    classify,
    results_by_commit,
    with_rate,
)
from akastats.analysis.flakiness.outages import Outages
from akastats.analysis.run_records import FAILING, RERUN, UNINFORMATIVE, RunFacts, RunRecord, positions_of
from akastats.model.environment import Environment
from akastats.model.verdicts import State

#: An environment that none of the newest N runs had is no longer tested, such as an old Python.
RECENT_RUNS = 20
#: States by priority: with several environments, the first of these counts for the test.
_ORDER: Sequence[State] = ("flaky", "broken", "undecided", "healthy", "new")


class Result(NamedTuple):
    """The attempts of one test in one run, without skipped attempts.

    facts: facts about the run
    letters: outcome letter per attempt, in time order
    """

    facts: RunFacts
    letters: str

    @property
    def finals(self) -> int:
        """Return the number of attempts that no rerun replaced: more than 1 if tests share a node id."""
        return len(self.letters) - self.letters.count(RERUN)

    @property
    def is_failing(self) -> bool:
        """Return whether the test failed in the end; of tests that share a node id, whether any did."""
        return self.letters[-1] in FAILING or any(letter in FAILING for letter in self._final_letters)

    @property
    def contradicts(self) -> bool:
        """Return whether a rerun inside the run ended differently from the attempt before it."""
        is_rerun = self.finals == 1 and RERUN in self.letters
        return is_rerun and self.letters[-1] not in FAILING and not self.facts.is_dirty

    @property
    def _final_letters(self) -> str:
        return self.letters.replace(RERUN, "")


@dataclass(frozen=True)
class Stream:
    """Results of one test in one environment.

    results: results in time order
    is_ambiguous: whether only a rerun inside one run is proof, see the module
    """

    results: Sequence[Result]
    is_ambiguous: bool

    @property
    def votes(self) -> list[Vote]:
        """Return the votes of all results."""
        return [vote for result in self.results for vote in _votes(result, result.facts.commit)]

    def classify(self, outages: Collection[str] = ()) -> Flakiness:
        """Return the state of the test in this environment."""
        return _classify_ambiguous(self.results, outages) if self.is_ambiguous else classify(self.votes, outages)

    def failing_jobs(self, facts: RunFacts) -> int:
        """Count the newest indistinguishable runs before `facts` that failed, without the jobs of its own build.

        Unless the stream is ambiguous, 1 if the newest commit failed, else 0.
        """
        others = [result for result in self.results if not facts.is_parallel_job_of(result.facts)]
        if not others:
            return 0
        if not self.is_ambiguous:
            return int(results_by_commit(Stream(others, False).votes)[-1].trial.still_failing)
        newest = others[-1].facts
        jobs = [result for result in others if result is others[-1] or newest.is_parallel_job_of(result.facts)]
        return sum(result.is_failing for result in jobs)


#: The results of one test, by environment.
Streams = Mapping[Environment, Stream]


def streams_of(records: Sequence[RunRecord], tests: Collection[str]) -> dict[str, Streams]:
    """Return the results of some tests by environment; tests that did not run have none."""
    by_test: dict[str, list[Result]] = {nodeid: [] for nodeid in tests}
    for record in records:
        letters: dict[str, str] = {}
        for at in positions_of(record, by_test):
            if record.letters[at] not in UNINFORMATIVE:
                nodeid = record.nodeids[at]
                letters[nodeid] = letters.get(nodeid, "") + record.letters[at]
        for nodeid, attempts in letters.items():
            by_test[nodeid].append(Result(record.facts, attempts))
    return {nodeid: _streams(nodeid, results) for nodeid, results in by_test.items() if results}


def _streams(nodeid: str, results: Sequence[Result]) -> Streams:
    by_environment: dict[Environment, list[Result]] = {}
    for result in results:
        by_environment.setdefault(result.facts.ran_in, []).append(result)
    # pytest leaves the path out of the ids of files outside of its root directory (its issue 9703).
    is_ambiguous = nodeid.startswith("::") or any(result.finals > 1 for result in results)
    return {
        environment: Stream(some, is_ambiguous or any(map(_is_mixed, _group_by_jobs(some))))
        for environment, some in by_environment.items()
    }


def _group_by_jobs(results: Sequence[Result]) -> Iterator[list[Result]]:
    """Yield results in groups of indistinguishable runs; most groups have one run."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.facts.parallel_jobs or result.facts.id, []).append(result)
    yield from groups.values()


def _is_mixed(jobs: Sequence[Result]) -> bool:
    return len(jobs) > 1 and len({result.is_failing for result in jobs}) > 1


def _votes(result: Result, commit: str | None) -> Iterator[Vote]:
    run = result.facts.id
    if result.finals > 1:
        yield Vote(run, commit, result.is_failing)
        return
    has_failed = False
    for letter in result.letters:
        if has_failed and result.facts.is_dirty:
            # Uncommitted code proves nothing, not even a rerun inside its own run.
            return
        yield Vote(run, commit, letter in FAILING, has_failed)
        has_failed = has_failed or letter in FAILING


def _classify_ambiguous(results: Sequence[Result], outages: Collection[str]) -> Flakiness:
    """Return the state by reruns inside runs, and by groups of jobs whose results agree.

    A group counts once, so that three failing jobs of one commit are not a breakage of three commits.
    """
    votes = [vote for jobs in _group_by_jobs(results) for vote in _unambiguous_votes(jobs)]
    state = classify(votes, outages) if votes else with_rate("undecided")
    is_mixed_now = _is_mixed([*_group_by_jobs(results)][-1])
    is_proven = any(result.contradicts for result in results if result.facts.id not in outages)
    if state.state == "broken" or (state.state == "flaky" and is_proven):
        return state
    if state.state != "flaky" and votes and not is_mixed_now:
        return state
    failing = tuple(dict.fromkeys(result.facts.id for result in results if result.is_failing))
    evidence = failing[: -MAX_EVIDENCE - 1 : -1]
    return replace(state, state="undecided", probability=0.0, evidence=evidence, failing=failing)


def _unambiguous_votes(jobs: Sequence[Result]) -> Iterator[Vote]:
    if _is_mixed(jobs):
        jobs = [result for result in jobs if result.contradicts]
    elif not any(result.contradicts for result in jobs):
        jobs = jobs[:1]
    for result in jobs:
        yield from _votes(result, None)


def current_environments(records: Sequence[RunRecord]) -> frozenset[Environment]:
    """Return the environments of the newest runs."""
    environments = [record.facts.ran_in for record in records]
    return frozenset(environments[-max(RECENT_RUNS, 2 * len(set(environments))) :])


def classify_streams(
    streams: Streams, nodeid: str, unusual: Outages, current: Collection[Environment]
) -> Flakiness:
    """Return the state of a test over the environments that are still tested."""
    chosen = [stream for environment, stream in streams.items() if environment in current] or [*streams.values()]
    return combine([stream.classify(unusual.about(nodeid)) for stream in chosen])


def combine(states: Sequence[Flakiness]) -> Flakiness:
    """Combine the states of a test in its environments: return the state that needs attention first.

    Rate and evidence come from the environments with this state.
    """
    state = next(state for state in _ORDER if any(each.state == state for each in states))
    alike = [each for each in states if each.state == state]
    if len(alike) == 1:
        return alike[0]
    # Run ids sort by time.
    evidence = sorted({run for each in alike for run in each.evidence}, reverse=True)[:MAX_EVIDENCE]
    return replace(
        with_rate(state, sum(each.attempts for each in alike), sum(each.failures for each in alike)),
        probability=max(each.probability for each in alike),
        evidence=tuple(evidence),
        segments=alike[0].segments,
        failing=tuple(sorted({run for each in alike for run in each.failing})),
    )
