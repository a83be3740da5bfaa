"""Suites whose flaky tests are known, run on 200 commits: what a flaky detector is measured on.

The failure rates are those of FlakeFlagger's tests (AlshammariA/FlakeFlagger, BSD-3), read from a file where there
is one: columns `project`, `failing_runs`, `passing_runs`, `tests`. Without it they are drawn like them.
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
#: What an outage takes along: shares of the suite.
OUTAGES = (0.3, 0.3, 0.3, 0.06, 0.06)
#: How often what failed in an outage passes a moment later.
OUTAGE_PASSES = 0.5
#: The rates between which a test counts as flaky; one that fails less, or all but always, is judged by nobody.
FLAKY_FROM, FLAKY_TO = 0.01, 0.99

# How many of FlakeFlagger's tests fail in which share of their runs (from, to, tests), for want of its file.
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
    """So many tests that fail in this share of their runs; together or each alone."""

    failing: float
    tests: int


@dataclass(frozen=True)
class Scenario:
    """What befalls a suite; `breakages` a test in 200 commits, of 1 to 8 commits each.

    With a `size` the tests are cut into suites of so many, project by project, each with outages of its own.
    """

    name: str
    reruns: bool
    breakages: float = 0.05
    clustered: bool = False
    size: int | None = None


@dataclass
class RunBuilder:
    """One test: the commits it failed on, and on which of them a second attempt passes."""

    rate: float
    cluster: int
    failed: set[int] = field(default_factory=set)
    passes_then: set[int] = field(default_factory=set)

    @property
    def truth(self) -> bool | None:
        """Flaky or not; `None` where nobody could say."""
        if self.rate in (0.0, 1.0):
            return False
        return True if FLAKY_FROM <= self.rate <= FLAKY_TO else None


def read_rates(path: Path | None) -> list[Rate]:
    """Return the failure rates of the file, or some drawn like them."""
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


def suites(rates: list[Rate], scenario: Scenario, seed: int, one_in: int = 1) -> list[list[RunBuilder]]:
    """Return what becomes of each test of each suite; of one in some, where a part will do."""
    random = Random(seed)
    stories = [
        builder for number, rate in enumerate(rates) for builder in _stories(rate, number, scenario, random)
    ]
    if scenario.size is None:
        random.shuffle(stories)
    size = scenario.size or ceil(len(stories) / one_in)
    cut = [stories[start : start + size] for start in range(0, len(stories), size)][::one_in]
    for stories in cut:
        _befall(stories, scenario, random)
    return cut


def _befall(stories: list[RunBuilder], scenario: Scenario, random: Random) -> None:
    for builder in stories:
        _break(builder, scenario.breakages, random)
    for commit, share in zip(random.sample(range(COMMITS), len(OUTAGES)), OUTAGES, strict=True):
        _go_out(stories, commit, share, random)


def _stories(rate: Rate, number: int, scenario: Scenario, random: Random) -> Iterator[RunBuilder]:
    shared = list(failures(rate.failing, COMMITS, random)) if scenario.clustered else None
    for _ in range(rate.tests):
        failed = failures(rate.failing, COMMITS, random) if shared is None else shared
        builder = RunBuilder(rate.failing, number, set(failed))
        builder.passes_then = {commit for commit in builder.failed if random.random() >= rate.failing}
        yield builder


def failures(rate: float, commits: int, random: Random) -> Iterator[int]:
    """Yield the commits on which a test of this failure rate fails."""
    if rate >= 1.0:
        yield from range(commits)
    elif rate > 0.0:
        # From failure to failure, not from commit to commit: most tests hardly ever fail.
        at = int(log(1 - random.random()) / log(1 - rate))
        while at < commits:
            yield at
            at += 1 + int(log(1 - random.random()) / log(1 - rate))


def _break(builder: RunBuilder, breakages: float, random: Random) -> None:
    for start in failures(breakages / COMMITS, COMMITS, random):
        broken = range(start, min(COMMITS, start + random.randint(1, 8)))
        builder.failed.update(broken)
        builder.passes_then.difference_update(broken)


def _go_out(stories: list[RunBuilder], commit: int, share: float, random: Random) -> None:
    for builder in stories:
        if random.random() < share and builder.rate < 1.0:
            builder.failed.add(commit)
            if random.random() < OUTAGE_PASSES:
                builder.passes_then.add(commit)


_PASSED = [Vote(f"r{commit}", f"c{commit}", failed=False) for commit in range(COMMITS)]
_FAILED = [Vote(f"r{commit}", f"c{commit}", failed=True) for commit in range(COMMITS)]
_AGAIN = {
    failed: [Vote(f"r{commit}", f"c{commit}", failed, retried=True) for commit in range(COMMITS)]
    for failed in (True, False)
}


def votes_of(builder: RunBuilder, reruns: bool) -> list[Vote]:
    """Return a test's attempts: each failed one is tried again, once, or none is."""
    if not builder.failed:
        return _PASSED
    votes = []
    for commit in range(COMMITS):
        if commit not in builder.failed:
            votes.append(_PASSED[commit])
            continue
        votes.append(_FAILED[commit])
        if reruns:
            votes.append(_AGAIN[commit not in builder.passes_then][commit])
    return votes


def failures_of(stories: list[RunBuilder]) -> list[RunFailures]:
    """Return which tests failed in each run."""
    failing: list[list[str]] = [[] for _ in range(COMMITS)]
    for number, builder in enumerate(stories):
        for commit in builder.failed:
            failing[commit].append(str(number))
    return [RunFailures(f"r{commit}", len(stories), frozenset(tests)) for commit, tests in enumerate(failing)]
