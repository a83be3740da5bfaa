"""How often the flaky detector is right, beside what others use, on suites whose flaky tests are known.

    python benchmarks/accuracy/flaky.py [--rates FILE.csv] [--seeds 1000 1001 ...] [--small] [--only tables ...]

Tuned on seeds below 1000, reported on seeds from there on. `flaky_suites.py` says what happens in such a suite.
Exits with 1 where a bound does not hold.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import comb
from pathlib import Path
from random import Random
from typing import NamedTuple

from flaky_suites import COMMITS, RunBuilder, Scenario, failures, failures_of, read_rates, suites, votes_of

from akastats.analysis.flakiness.classification import Flakiness, Vote, classify
from akastats.analysis.flakiness.clusters import clusters
from akastats.analysis.flakiness.outages import Outages, outages

WITH, WITHOUT = Scenario("with reruns", reruns=True), Scenario("without reruns", reruns=False)
HARDER = (
    Scenario("with reruns, four times the breakages", reruns=True, breakages=0.2),
    Scenario("without reruns, four times the breakages", reruns=False, breakages=0.2),
    Scenario("with reruns, tests failing together", reruns=True, clustered=True),
    Scenario("without reruns, tests failing together", reruns=False, clustered=True),
    Scenario("with reruns, suites of 400 tests", reruns=True, size=400),
    Scenario("without reruns, suites of 400 tests", reruns=False, size=400),
    Scenario("with reruns, suites of 400 tests failing together", reruns=True, clustered=True, size=400),
)
#: The least F1, and the most false positives in 1,000 tests.
LEAST_F1 = {WITH.name: 0.95, WITHOUT.name: 0.75}
MOST_FALSE = 1.0
#: What a small run judges of a suite, one test in so many.
SMALL = 5
CLASSES = ((0.01, 0.02), (0.02, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.99))

RUNS = [f"r{commit}" for commit in range(COMMITS)]

Rule = Callable[[Sequence[Vote]], bool]


class Score(NamedTuple):
    """How a rule did on one suite."""

    right: int
    false: int
    missed: int
    healthy: int

    @property
    def precision(self) -> float:
        """Of those called flaky, how many are."""
        return self.right / (self.right + self.false) if self.right else 0.0

    @property
    def recall(self) -> float:
        """Of the flaky, how many were called so."""
        return self.right / (self.right + self.missed) if self.right else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (2 * self.right + self.false + self.missed)

    @property
    def false_in_1000(self) -> float:
        """Of 1,000 tests that are not flaky, how many were called so."""
        return 1000 * self.false / self.healthy


def score(found: Iterable[tuple[RunBuilder, bool]]) -> Score:
    """Count what a rule said against the truth."""
    pairs = [(builder.truth, said) for builder, said in found if builder.truth is not None]
    count = pairs.count
    healthy = count((False, True)) + count((False, False))
    return Score(count((True, True)), count((False, True)), count((True, False)), healthy)


def same_commit(votes: Sequence[Vote]) -> bool:
    """Failed and passed on one commit."""
    failed = {vote.commit for vote in votes if vote.failed}
    return any(vote.commit in failed for vote in votes if not vote.failed)


def first_attempts(votes: Sequence[Vote]) -> list[bool]:
    """Return which of the first attempts failed."""
    return [vote.failed for vote in votes if not vote.retried]


def flip_rate(least: float) -> Rule:
    """Return the rule of Flakiness.io and TestGrid: how often the outcome changes."""

    def rule(votes: Sequence[Vote]) -> bool:
        failed = first_attempts(votes)
        flips = sum(one != other for one, other in pairwise(failed))
        return flips / (len(failed) - 1) >= least

    return rule


def allure(votes: Sequence[Vote]) -> bool:
    """Failing, having passed and failed in the five runs before; ever, as the mark comes and goes."""
    failed = first_attempts(votes)
    return any(_passed_then_failed(failed[max(0, at - 5) : at]) for at, fails in enumerate(failed) if fails)


def _passed_then_failed(failed: Sequence[bool]) -> bool:
    return any(not one and other for one, other in pairwise(failed))


def failure_rate(votes: Sequence[Vote]) -> bool:
    """Failed in at least 5 % of the runs."""
    failed = first_attempts(votes)
    return sum(failed) / len(failed) >= 0.05


#: Rivals as they are, then two with our outage guard before them: what of ours is the guard, what the rule.
RIVALS: dict[str, tuple[Rule, bool]] = {
    "same commit, no guard": (same_commit, False),
    "flip rate >= 1 %": (flip_rate(0.01), False),
    "flip rate >= 2 %": (flip_rate(0.02), False),
    "Allure, five runs": (allure, False),
    "failure rate >= 5 %": (failure_rate, False),
    "same commit, our guard": (same_commit, True),
    "flip rate >= 2 %, our guard": (flip_rate(0.02), True),
}


class Judged(NamedTuple):
    """What ours says of each test of a suite, and which runs it left out."""

    pairs: list[tuple[RunBuilder, Flakiness]]
    outages: Outages


def judged(stories: list[RunBuilder], scenario: Scenario) -> Judged:
    """Return what ours says of a suite."""
    out = outages(failures_of(stories))
    pairs = [
        (builder, classify(votes_of(builder, scenario.reruns), out.about(str(number))))
        for number, builder in enumerate(stories)
    ]
    return Judged(pairs, out)


def rivals(stories: list[RunBuilder], scenario: Scenario) -> dict[str, Score]:
    """Return how each rival did."""
    out = outages(failures_of(stories))
    found: dict[str, list[tuple[RunBuilder, bool]]] = {name: [] for name in RIVALS}
    for builder in stories:
        votes = votes_of(builder, scenario.reruns)
        guarded = [vote for vote in votes if vote.run not in out.counted]
        for name, (rule, guard) in RIVALS.items():
            found[name].append((builder, bool(builder.failed) and rule(guarded if guard else votes)))
    return {name: score(said) for name, said in found.items()}


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the median, with the lowest and the highest where there are several."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def row(name: str, scores: Sequence[Score]) -> None:
    """Print how a rule did over all seeds."""
    parts = [[each.precision for each in scores], [each.recall for each in scores], [each.f1 for each in scores]]
    false = [each.false_in_1000 for each in scores]
    print(f"| {name} | {' | '.join(map(spread, parts))} | {spread(false, 2)} |", flush=True)


HEAD = "| rule | precision | recall | F1 | false positives in 1,000 |\n|---|--:|--:|--:|--:|"


def measure(scenario: Scenario, chosen: argparse.Namespace, beside: bool) -> bool:
    """Print the table of one scenario; return whether its bounds hold."""
    ours: list[list[Judged]] = []
    others: dict[str, list[Score]] = {}
    for seed in chosen.seeds:
        of_seed = suites(chosen.rates, scenario, seed, SMALL if chosen.small else 1)
        ours.append([judged(stories, scenario) for stories in of_seed])
        for name, found in (rivals(of_seed[0], scenario) if beside else {}).items():
            others.setdefault(name, []).append(found)
    scores = [
        score((builder, said.state == "flaky") for suite in of_seed for builder, said in suite.pairs)
        for of_seed in ours
    ]
    flaky = scores[0].right + scores[0].missed
    print(
        f"\n### {scenario.name}\n\n{flaky} flaky tests among {flaky + scores[0].healthy:,}.\n\n{HEAD}", flush=True
    )
    row("**akastats**", scores)
    for name, found_by_seed in others.items():
        row(name, found_by_seed)
    details([suite for of_seed in ours for suite in of_seed], scenario)
    return holds(scenario, scores)


def holds(scenario: Scenario, scores: Sequence[Score]) -> bool:
    """Return whether every seed is within the bounds, and print which is not."""
    beyond = [
        each for each in scores if each.f1 < LEAST_F1.get(scenario.name, 0.0) or each.false_in_1000 > MOST_FALSE
    ]
    if beyond:
        print(f"\n**beyond the bounds**: {beyond}")
    return not beyond


def details(ours: Sequence[Judged], scenario: Scenario) -> None:
    """Print what else is to be known: who is missed, whether intervals hold, what the guard saw."""
    pairs = [pair for suite in ours for pair in suite.pairs]
    by_class = [(low, high, share_flaky(pairs, low, high)) for low, high in CLASSES]
    told = (f"{100 * low:.0f} to {100 * high:.0f} %: {share:.3f}" for low, high, share in by_class)
    print(f"\n- Recall by failure rate: {', '.join(told)}.")
    print(
        f"- Of those that fail in less than 1 %, not counted here, {share_flaky(pairs, 1e-9, 0.01):.3f} are found."
    )
    called = [(builder.rate, said) for builder, said in pairs if said.state == "flaky" and builder.truth]
    inside = sum(said.low <= rate <= said.high for rate, said in called) / len(called)
    print(f"- The 95 % interval of the rate holds the true one for {100 * inside:.1f} % of the found.")
    always = [said.state for builder, said in pairs if builder.rate == 1.0]
    print(f"- Of {len(always)} tests that always fail, {always.count('broken')} are called broken.")
    mended = [said.state for builder, said in pairs if builder.rate == 0.0 and COMMITS - 1 not in builder.failed]
    print(f"- Of {len(mended):,} tests that never fail by themselves and pass now: {counted(mended)}.")
    guard = sum(len(suite.outages.counted) for suite in ours)
    print(f"- Runs taken for outages: {guard} of {COMMITS * len(ours):,}, with {5 * len(ours)} outages.")
    if scenario.clustered:
        print(f"- {grouped(ours)}")


def share_flaky(pairs: Sequence[tuple[RunBuilder, Flakiness]], low: float, high: float) -> float:
    """Return which share of the tests of these failure rates is called flaky; 0 if there are none."""
    within = [said.state == "flaky" for builder, said in pairs if low <= builder.rate < high]
    return sum(within) / len(within) if within else 0.0


def counted(states: Sequence[str]) -> str:
    """Return how many there are of each state, as text."""
    return ", ".join(f"{states.count(state):,} {state}" for state in sorted(set(states)))


def grouped(ours: Sequence[Judged]) -> str:
    """Return how well the tests that fail together are told, by pairs of flaky tests."""
    right = said = true = 0
    for suite in ours:
        flaky = {str(at): builder for at, (builder, said_of) in enumerate(suite.pairs) if said_of.state == "flaky"}
        failed = {name: failing_runs(builder) - suite.outages.about(name) for name, builder in flaky.items()}
        groups = [[flaky[name].cluster for name in group] for group in clusters(failed, RUNS)]
        said += sum(comb(len(group), 2) for group in groups)
        right += sum(same_pairs(group) for group in groups)
        true += same_pairs([builder.cluster for builder in flaky.values()])
    return f"Pairs of flaky tests that fail together: precision {right / said:.3f}, recall {right / true:.3f}."


def failing_runs(builder: RunBuilder) -> set[str]:
    """Return the runs in which a test failed."""
    return {RUNS[commit] for commit in builder.failed}


def same_pairs(clusters_of: Sequence[int]) -> int:
    """Return how many pairs of tests are of one cluster."""
    return sum(comb(count, 2) for count in Counter(clusters_of).values())


def tables(chosen: argparse.Namespace) -> bool:
    """With and without reruns, beside the rivals."""
    results = [measure(scenario, chosen, beside=True) for scenario in (WITH, WITHOUT)]
    return all(results)


def harder(chosen: argparse.Namespace) -> bool:
    """The same suites with more that misleads; the bound on false positives holds here too."""
    results = [measure(scenario, chosen, beside=False) for scenario in HARDER]
    return all(results)


def delays(chosen: argparse.Namespace) -> bool:
    """How many commits pass until a test is called flaky, and until it no longer is once it is mended."""
    print(f"\n### How long it takes\n\nCommits, median of {chosen.tests} tests each, on suites without outages.\n")
    print(
        "| fails in | flaky, with reruns | without | healthy again, with reruns | without |\n|--:|--:|--:|--:|--:|"
    )
    for rate in (0.02, 0.05, 0.1, 0.2, 0.5):
        found = [delay(rate, reruns, chosen) for reruns in (True, False)]
        print(
            f"| {100 * rate:.0f} % | {found[0][0]} | {found[1][0]} | {found[0][1]} | {found[1][1]} |", flush=True
        )
    return True


def delay(rate: float, reruns: bool, chosen: argparse.Namespace) -> tuple[str, str]:
    """Return the commits until flaky and until healthy again; a test is mended after 100 commits."""
    random = Random(chosen.seeds[0])
    until_flaky, until_healthy = [], []
    for _ in range(chosen.tests):
        failed = set(failures(rate, 100, random))
        votes = attempts(failed, 500, rate, reruns, random)
        flaky = [length for length in range(5, 101, 5) if is_flaky(votes, length)]
        if not flaky:
            until_flaky.append(1000)
            continue
        until_flaky.append(flaky[0])
        mended = (length - 100 for length in range(100, 501, 10) if not is_flaky(votes, length))
        until_healthy.append(next(mended, 1000))
    return _or_more(statistics.median(until_flaky), 100), _or_more(statistics.median(until_healthy or [1000]), 400)


def attempts(failed: set[int], commits: int, rate: float, reruns: bool, random: Random) -> list[list[Vote]]:
    """Return a test's votes, commit by commit."""
    votes = [[Vote(f"r{at}", f"c{at}", at in failed)] for at in range(commits)]
    for at in sorted(failed) if reruns else ():
        votes[at].append(Vote(f"r{at}", f"c{at}", random.random() < rate, retried=True))
    return votes


def is_flaky(votes: Sequence[Sequence[Vote]], length: int) -> bool:
    """Return whether a test is called flaky by its first commits."""
    return classify([vote for of_commit in votes[:length] for vote in of_commit]).state == "flaky"


def _or_more(commits: float, most: int) -> str:
    return f"{commits:.0f}" if commits <= most else f"more than {most}"


def cost(chosen: argparse.Namespace) -> bool:
    """What judging a suite of 10,000 tests costs."""
    stories = suites(chosen.rates, WITH, chosen.seeds[0])[0][:10_000]
    votes = [votes_of(builder, reruns=True) for builder in stories]
    failing = failures_of(stories)
    began = time.process_time()
    out = outages(failing)
    for number, of_test in enumerate(votes):
        classify(of_test, out.about(str(number)))
    print(f"\n10,000 tests on {COMMITS} commits are judged in {time.process_time() - began:.1f} s on one core.")
    return True


PARTS = {part.__name__: part for part in (tables, harder, delays, cost)}


def main() -> None:
    """Measure what is asked for: all of it, or in the small form the first tables on one seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rates", type=Path, help="failure rates; without, some drawn like FlakeFlagger's")
    parser.add_argument("--seeds", type=int, nargs="+", help="five from 1000 on, in the small form one")
    parser.add_argument("--small", action="store_true", help="one test in five")
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--tests", type=int, default=60, help="of each rate, for the delays")
    chosen = parser.parse_args()
    chosen.rates = read_rates(chosen.rates)
    chosen.seeds = chosen.seeds or ([1000] if chosen.small else [1000, 1001, 1002, 1003, 1004])
    names = chosen.only or (["tables"] if chosen.small else list(PARTS))
    results = [PARTS[name](chosen) for name in names]
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
