"""Simulate suites whose flaky tests are known, on 200 commits.

The failure rates are those of FlakeFlagger's tests (AlshammariA/FlakeFlagger, BSD-3), from a file with the columns
`project`, `failing_runs`, `passing_runs` and `tests`. Without the file, rates are drawn from a similar
distribution.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil, exp, log
from pathlib import Path
from random import Random
from typing import NamedTuple

from akastats.analysis.flakiness.classification import Vote
from akastats.analysis.flakiness.outages import RunFailures

COMMITS = 200
#: Shares of the suite that the outages affect.
OUTAGES = (0.3, 0.3, 0.3, 0.06, 0.06)
#: Probability that a failure in an outage passes when it is repeated.
OUTAGE_PASSES = 0.5
#: Failure rates between which a test counts as flaky. Tests with other rates are not scored, except 0 and 1.
FLAKY_FROM, FLAKY_TO = 0.01, 0.99

# Distribution of FlakeFlagger's tests over failure rates (from, to, number of tests), used without its file.
_LIKE_FLAKEFLAGGER = (
    (0.0, 0.0, 21_287),
    (0.0001, 0.001, 256),
    (0.001, 0.01, 188),
    (0.01, 0.05, 148),
    (0.05, 0.2, 34),
    (0.2, 0.5, 66),
    (0.5, 0.99, 119),
    (1.0, 1.0, 147),
)


class Rate(NamedTuple):
    """A number of tests with one failure rate."""

    failing: float
    tests: int


@dataclass(frozen=True)
class Scenario:
    """Parameters of a simulation.

    name: name in the tables
    reruns: whether failed attempts are repeated
    breakages: mean number of breakages per test in 200 commits, each of 1 to 8 commits
    clustered: whether all tests of a project with the same rate fail together
    size: number of tests per suite, each with its own outages; `None` for one suite
    """

    name: str
    reruns: bool
    breakages: float = 0.05
    clustered: bool = False
    size: int | None = None


@dataclass
class SimulatedTest:
    """A simulated test.

    rate: failure rate without breakages and outages
    cluster: number of the group of tests with which it fails
    failed: commits on which its first attempt fails
    passes_then: those of these commits on which a second attempt passes
    """

    rate: float
    cluster: int
    failed: set[int] = field(default_factory=set)
    passes_then: set[int] = field(default_factory=set)

    @property
    def truth(self) -> bool | None:
        """Whether the test is flaky; `None` if it is not scored."""
        if self.rate in (0.0, 1.0):
            return False
        return True if FLAKY_FROM <= self.rate <= FLAKY_TO else None


def read_rates(path: Path | None) -> list[Rate]:
    """Return the failure rates of the file, or without a file random ones."""
    if path is None:
        return _drawn_rates(Random(0))
    with path.open(newline="") as lines:
        rows = [
            (int(row["failing_runs"]), int(row["passing_runs"]), int(row["tests"]))
            for row in csv.DictReader(lines)
        ]
    return [Rate(failed / (failed + passed), tests) for failed, passed, tests in rows if failed + passed]


def _drawn_rates(random: Random) -> list[Rate]:
    return [
        Rate(exp(random.uniform(log(low), log(high))) if low < high else low, 1)
        for low, high, tests in _LIKE_FLAKEFLAGGER
        for _ in range(tests)
    ]


def suites(rates: list[Rate], scenario: Scenario, seed: int, one_in: int = 1) -> list[list[SimulatedTest]]:
    """Simulate the tests of each suite; only one test in `one_in`."""
    random = Random(seed)
    tests = [test for number, rate in enumerate(rates) for test in _simulate_rate(rate, number, scenario, random)]
    if scenario.size is None:
        random.shuffle(tests)
    size = scenario.size or ceil(len(tests) / one_in)
    cut = [tests[start : start + size] for start in range(0, len(tests), size)][::one_in]
    for tests in cut:
        _add_faults(tests, scenario, random)
    return cut


def _add_faults(tests: list[SimulatedTest], scenario: Scenario, random: Random) -> None:
    for test in tests:
        _add_breakages(test, scenario.breakages, random)
    for commit, share in zip(random.sample(range(COMMITS), len(OUTAGES)), OUTAGES, strict=True):
        _add_outage(tests, commit, share, random)


def _simulate_rate(rate: Rate, number: int, scenario: Scenario, random: Random) -> Iterator[SimulatedTest]:
    shared = list(failures(rate.failing, COMMITS, random)) if scenario.clustered else None
    for _ in range(rate.tests):
        failed = failures(rate.failing, COMMITS, random) if shared is None else shared
        test = SimulatedTest(rate.failing, number, set(failed))
        test.passes_then = {commit for commit in test.failed if random.random() >= rate.failing}
        yield test


def failures(rate: float, commits: int, random: Random) -> Iterator[int]:
    """Yield the commits on which a test of this failure rate fails."""
    if rate >= 1.0:
        yield from range(commits)
    elif rate > 0.0:
        # Iterate over failures instead of commits, because most tests rarely fail.
        at = int(log(1 - random.random()) / log(1 - rate))
        while at < commits:
            yield at
            at += 1 + int(log(1 - random.random()) / log(1 - rate))


def _add_breakages(test: SimulatedTest, breakages: float, random: Random) -> None:
    for start in failures(breakages / COMMITS, COMMITS, random):
        broken = range(start, min(COMMITS, start + random.randint(1, 8)))
        test.failed.update(broken)
        test.passes_then.difference_update(broken)


def _add_outage(tests: list[SimulatedTest], commit: int, share: float, random: Random) -> None:
    for test in tests:
        if random.random() < share and test.rate < 1.0:
            test.failed.add(commit)
            if random.random() < OUTAGE_PASSES:
                test.passes_then.add(commit)


_PASSED = [Vote(f"r{commit}", f"c{commit}", failed=False) for commit in range(COMMITS)]
_FAILED = [Vote(f"r{commit}", f"c{commit}", failed=True) for commit in range(COMMITS)]
_AGAIN = {
    failed: [Vote(f"r{commit}", f"c{commit}", failed, retried=True) for commit in range(COMMITS)]
    for failed in (True, False)
}


def votes_of(test: SimulatedTest, reruns: bool) -> list[Vote]:
    """Return the attempts of a test; with `reruns` each failed attempt is repeated once."""
    if not test.failed:
        return _PASSED
    votes = []
    for commit in range(COMMITS):
        if commit not in test.failed:
            votes.append(_PASSED[commit])
            continue
        votes.append(_FAILED[commit])
        if reruns:
            votes.append(_AGAIN[commit not in test.passes_then][commit])
    return votes


def failures_of(tests: list[SimulatedTest]) -> list[RunFailures]:
    """Return the failed tests of each run."""
    failing: list[list[str]] = [[] for _ in range(COMMITS)]
    for number, test in enumerate(tests):
        for commit in test.failed:
            failing[commit].append(str(number))
    return [RunFailures(f"r{commit}", len(tests), frozenset(tests)) for commit, tests in enumerate(failing)]
