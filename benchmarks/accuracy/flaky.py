"""Measure how often akastats and other rules detect flaky tests correctly, on suites whose flaky tests are known.

    python benchmarks/accuracy/flaky.py [--rates FILE.csv] [--seeds 1000 1001 ...] [--small] [--only tables ...]

Thresholds were tuned on seeds below 1000; results come from seeds of 1000 and above. `flaky_suites.py` simulates
the suites. Exits with 1 if a bound does not hold.
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

from flaky_suites import COMMITS, Scenario, SimulatedTest, failures, failures_of, read_rates, suites, votes_of

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
#: Least F1, and largest number of false positives in 1,000 tests.
LEAST_F1 = {WITH.name: 0.95, WITHOUT.name: 0.75}
MOST_FALSE = 1.0
#: A small run analyses one test in this number.
SMALL = 5
CLASSES = ((0.01, 0.02), (0.02, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.99))

RUNS = [f"r{commit}" for commit in range(COMMITS)]

Rule = Callable[[Sequence[Vote]], bool]


class Score(NamedTuple):
    """Result of a rule for one suite.

    right: flaky tests that are called flaky
    false: other tests that are called flaky
    missed: flaky tests that are not called flaky
    healthy: tests that are not flaky
    """

    right: int
    false: int
    missed: int
    healthy: int

    @property
    def precision(self) -> float:
        """Share of the tests called flaky that are flaky."""
        return self.right / (self.right + self.false) if self.right else 0.0

    @property
    def recall(self) -> float:
        """Share of the flaky tests that are called flaky."""
        return self.right / (self.right + self.missed) if self.right else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (2 * self.right + self.false + self.missed)

    @property
    def false_in_1000(self) -> float:
        """Tests called flaky per 1,000 tests that are not flaky."""
        return 1000 * self.false / self.healthy


def score(results: Iterable[tuple[SimulatedTest, bool]]) -> Score:
    """Compare the verdicts of a rule with the truth."""
    pairs = [(test.truth, is_flaky) for test, is_flaky in results if test.truth is not None]
    count = pairs.count
    healthy = count((False, True)) + count((False, False))
    return Score(count((True, True)), count((False, True)), count((True, False)), healthy)


def same_commit(votes: Sequence[Vote]) -> bool:
    """Return whether a test failed and passed on one commit."""
    failed = {vote.commit for vote in votes if vote.failed}
    return any(vote.commit in failed for vote in votes if not vote.failed)


def first_attempts(votes: Sequence[Vote]) -> list[bool]:
    """Return for each first attempt whether it failed."""
    return [vote.failed for vote in votes if not vote.retried]


def flip_rate(least: float) -> Rule:
    """Return the rule of Flakiness.io and TestGrid: the share of outcomes that differ from the previous one."""

    def rule(votes: Sequence[Vote]) -> bool:
        failed = first_attempts(votes)
        flips = sum(one != other for one, other in pairwise(failed))
        return flips / (len(failed) - 1) >= least

    return rule


def allure(votes: Sequence[Vote]) -> bool:
    """Return whether Allure ever marks the test: it fails, and passed and then failed in the five runs before."""
    failed = first_attempts(votes)
    return any(_passed_then_failed(failed[max(0, at - 5) : at]) for at, fails in enumerate(failed) if fails)


def _passed_then_failed(failed: Sequence[bool]) -> bool:
    return any(not one and other for one, other in pairwise(failed))


def failure_rate(votes: Sequence[Vote]) -> bool:
    """Return whether a test failed in at least 5 % of its runs."""
    failed = first_attempts(votes)
    return sum(failed) / len(failed) >= 0.05


#: Other rules. Two are measured with and without outages, to separate the effect of the exclusion from the rule.
RULES: dict[str, tuple[Rule, bool]] = {
    "same commit": (same_commit, False),
    "flip rate >= 1 %": (flip_rate(0.01), False),
    "flip rate >= 2 %": (flip_rate(0.02), False),
    "Allure, five runs": (allure, False),
    "failure rate >= 5 %": (failure_rate, False),
    "same commit, outages excluded": (same_commit, True),
    "flip rate >= 2 %, outages excluded": (flip_rate(0.02), True),
}


class SuiteVerdicts(NamedTuple):
    """Verdicts of akastats for each test of a suite, and the outages that it excludes."""

    pairs: list[tuple[SimulatedTest, Flakiness]]
    outages: Outages


def analyse(tests: list[SimulatedTest], scenario: Scenario) -> SuiteVerdicts:
    """Return the verdicts of akastats for a suite."""
    out = outages(failures_of(tests))
    pairs = [
        (test, classify(votes_of(test, scenario.reruns), out.about(str(number))))
        for number, test in enumerate(tests)
    ]
    return SuiteVerdicts(pairs, out)


def score_rules(tests: list[SimulatedTest], scenario: Scenario) -> dict[str, Score]:
    """Return the score of each other rule."""
    out = outages(failures_of(tests))
    results: dict[str, list[tuple[SimulatedTest, bool]]] = {name: [] for name in RULES}
    for test in tests:
        votes = votes_of(test, scenario.reruns)
        guarded = [vote for vote in votes if vote.run not in out.counted]
        for name, (rule, guard) in RULES.items():
            results[name].append((test, bool(test.failed) and rule(guarded if guard else votes)))
    return {name: score(of_rule) for name, of_rule in results.items()}


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the median as text, followed by the lowest and the highest if there are several values."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def row(name: str, scores: Sequence[Score]) -> None:
    """Print the scores of a rule over all seeds."""
    parts = [[each.precision for each in scores], [each.recall for each in scores], [each.f1 for each in scores]]
    false = [each.false_in_1000 for each in scores]
    print(f"| {name} | {' | '.join(map(spread, parts))} | {spread(false, 2)} |", flush=True)


HEAD = "| rule | precision | recall | F1 | false positives in 1,000 |\n|---|--:|--:|--:|--:|"


def measure(scenario: Scenario, chosen: argparse.Namespace, beside: bool) -> bool:
    """Print the table of one scenario; return whether its bounds hold."""
    ours: list[list[SuiteVerdicts]] = []
    others: dict[str, list[Score]] = {}
    for seed in chosen.seeds:
        of_seed = suites(chosen.rates, scenario, seed, SMALL if chosen.small else 1)
        ours.append([analyse(tests, scenario) for tests in of_seed])
        for name, result in (score_rules(of_seed[0], scenario) if beside else {}).items():
            others.setdefault(name, []).append(result)
    scores = [
        score((test, flakiness.state == "flaky") for suite in of_seed for test, flakiness in suite.pairs)
        for of_seed in ours
    ]
    flaky = scores[0].right + scores[0].missed
    print(
        f"\n### {scenario.name}\n\n{flaky} flaky tests among {flaky + scores[0].healthy:,}.\n\n{HEAD}", flush=True
    )
    row("**akastats**", scores)
    for name, scores_of_rule in others.items():
        row(name, scores_of_rule)
    details([suite for of_seed in ours for suite in of_seed], scenario)
    return holds(scenario, scores)


def holds(scenario: Scenario, scores: Sequence[Score]) -> bool:
    """Return whether all seeds are within the bounds; print those that are not."""
    beyond = [
        each for each in scores if each.f1 < LEAST_F1.get(scenario.name, 0.0) or each.false_in_1000 > MOST_FALSE
    ]
    if beyond:
        print(f"\n**beyond the bounds**: {beyond}")
    return not beyond


def details(ours: Sequence[SuiteVerdicts], scenario: Scenario) -> None:
    """Print further results: recall by failure rate, the intervals, broken tests and outages."""
    pairs = [pair for suite in ours for pair in suite.pairs]
    by_class = [(low, high, share_flaky(pairs, low, high)) for low, high in CLASSES]
    shares = (f"{100 * low:.0f} to {100 * high:.0f} %: {share:.3f}" for low, high, share in by_class)
    print(f"\n- Recall by failure rate: {', '.join(shares)}.")
    print(
        f"- Of the unscored tests that fail in less than 1 %, {share_flaky(pairs, 1e-9, 0.01):.3f} are detected."
    )
    called = [(test.rate, flakiness) for test, flakiness in pairs if flakiness.state == "flaky" and test.truth]
    inside = sum(flakiness.low <= rate <= flakiness.high for rate, flakiness in called) / len(called)
    print(f"- {100 * inside:.1f} % of the 95 % intervals contain the true failure rate.")
    always = [flakiness.state for test, flakiness in pairs if test.rate == 1.0]
    print(f"- Of {len(always)} tests that always fail, {always.count('broken')} are called broken.")
    mended = [flakiness.state for test, flakiness in pairs if test.rate == 0.0 and COMMITS - 1 not in test.failed]
    print(f"- States of {len(mended):,} tests that never fail by themselves and pass now: {counted(mended)}.")
    guard = sum(len(suite.outages.counted) for suite in ours)
    print(f"- Runs detected as outages: {guard} of {COMMITS * len(ours):,}, of which {5 * len(ours)} are outages.")
    if scenario.clustered:
        print(f"- {grouped(ours)}")


def share_flaky(pairs: Sequence[tuple[SimulatedTest, Flakiness]], low: float, high: float) -> float:
    """Return the share of the tests with these failure rates that are called flaky; 0 if there are none."""
    within = [flakiness.state == "flaky" for test, flakiness in pairs if low <= test.rate < high]
    return sum(within) / len(within) if within else 0.0


def counted(states: Sequence[str]) -> str:
    """Return the number of tests per state, as text."""
    return ", ".join(f"{states.count(state):,} {state}" for state in sorted(set(states)))


def grouped(ours: Sequence[SuiteVerdicts]) -> str:
    """Return precision and recall of the pairs of flaky tests that fail together, as text."""
    right = detected = true = 0
    for suite in ours:
        flaky = {str(at): test for at, (test, flakiness) in enumerate(suite.pairs) if flakiness.state == "flaky"}
        failed = {name: failing_runs(test) - suite.outages.about(name) for name, test in flaky.items()}
        groups = [[flaky[name].cluster for name in group] for group in clusters(failed, RUNS)]
        detected += sum(comb(len(group), 2) for group in groups)
        right += sum(same_pairs(group) for group in groups)
        true += same_pairs([test.cluster for test in flaky.values()])
    return f"Pairs of flaky tests that fail together: precision {right / detected:.3f}, recall {right / true:.3f}."


def failing_runs(test: SimulatedTest) -> set[str]:
    """Return the runs in which a test failed."""
    return {RUNS[commit] for commit in test.failed}


def same_pairs(clusters_of: Sequence[int]) -> int:
    """Return the number of pairs of tests in the same cluster."""
    return sum(comb(count, 2) for count in Counter(clusters_of).values())


def tables(chosen: argparse.Namespace) -> bool:
    """Print the tables with and without reruns, with all rules."""
    results = [measure(scenario, chosen, beside=True) for scenario in (WITH, WITHOUT)]
    return all(results)


def harder(chosen: argparse.Namespace) -> bool:
    """Print the tables of harder suites. The bound of false positives applies to them too."""
    results = [measure(scenario, chosen, beside=False) for scenario in HARDER]
    return all(results)


def delays(chosen: argparse.Namespace) -> bool:
    """Print the number of commits until a test is called flaky, and from its fix until it is called healthy."""
    print(f"\n### Delay\n\nCommits, median of {chosen.tests} tests each, on suites without outages.\n")
    print(
        "| failure rate | flaky, with reruns | flaky, without | healthy, with reruns | healthy, without |\n"
        "|--:|--:|--:|--:|--:|"
    )
    for rate in (0.02, 0.05, 0.1, 0.2, 0.5):
        columns = [delay(rate, reruns, chosen) for reruns in (True, False)]
        print(
            f"| {100 * rate:.0f} % | {columns[0][0]} | {columns[1][0]} | {columns[0][1]} | {columns[1][1]} |",
            flush=True,
        )
    return True


def delay(rate: float, reruns: bool, chosen: argparse.Namespace) -> tuple[str, str]:
    """Return the number of commits until flaky, and until healthy again after the fix at commit 100."""
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
    """Return the votes about a test, per commit."""
    votes = [[Vote(f"r{at}", f"c{at}", at in failed)] for at in range(commits)]
    for at in sorted(failed) if reruns else ():
        votes[at].append(Vote(f"r{at}", f"c{at}", random.random() < rate, retried=True))
    return votes


def is_flaky(votes: Sequence[Sequence[Vote]], length: int) -> bool:
    """Return whether a test is called flaky after its first `length` commits."""
    return classify([vote for of_commit in votes[:length] for vote in of_commit]).state == "flaky"


def _or_more(commits: float, most: int) -> str:
    return f"{commits:.0f}" if commits <= most else f"more than {most}"


def cost(chosen: argparse.Namespace) -> bool:
    """Print the duration of the analysis of 10,000 tests."""
    tests = suites(chosen.rates, WITH, chosen.seeds[0])[0][:10_000]
    votes = [votes_of(test, reruns=True) for test in tests]
    failing = failures_of(tests)
    began = time.process_time()
    out = outages(failing)
    for number, of_test in enumerate(votes):
        classify(of_test, out.about(str(number)))
    print(f"\n10,000 tests on {COMMITS} commits are analysed in {time.process_time() - began:.1f} s on one core.")
    return True


PARTS = {part.__name__: part for part in (tables, harder, delays, cost)}


def main() -> None:
    """Run the measurements of the command line: by default all, with `--small` the first tables on one seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--rates", type=Path, help="file of failure rates; default: random rates like those of FlakeFlagger"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="default: five from 1000 on, with --small one")
    parser.add_argument("--small", action="store_true", help="one test in five")
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--tests", type=int, default=60, help="number of tests per failure rate, for the delays")
    chosen = parser.parse_args()
    chosen.rates = read_rates(chosen.rates)
    chosen.seeds = chosen.seeds or ([1000] if chosen.small else [1000, 1001, 1002, 1003, 1004])
    names = chosen.only or (["tables"] if chosen.small else list(PARTS))
    results = [PARTS[name](chosen) for name in names]
    if not all(results):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
