"""A run's record for the analysis: the outcome and duration of each attempt.

Records store columns, because one analysis reads 200 runs of 10,000 tests.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress

from akastats.analysis.process_costs import average_imports, average_spans
from akastats.model.environment import UNKNOWN_ENVIRONMENT, Environment
from akastats.model.profile import Profile
from akastats.model.rows import LETTERS, UNKNOWN

#: Letters of failed attempts, whether or not a rerun replaced them.
FAILING = "fer"
#: Letters of failed attempts that a rerun replaced, and of failed attempts that no rerun replaced.
RERUN, FINALLY_FAILING = "r", "fe"
#: Letters of attempts whose duration counts; a failed attempt ends early.
TIMED = "pxX"
SKIPPED, PASSED = "s", "p"
#: Letters of attempts that are not evidence.
UNINFORMATIVE = SKIPPED + UNKNOWN
_LETTERS = {**LETTERS, "skipped": SKIPPED}
#: Minimum and maximum number of tests of a complete run, as shares of the median. A run with `-k` has fewer.
MIN_PART, MAX_PART = 0.8, 1.25
# Regular expressions search in C, and few of two million letters match.
_FAILED, _UNINFORMATIVE = re.compile(f"[{FAILING}]"), re.compile(f"[{UNINFORMATIVE}]")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts about a run.

    id: id of the run; ids sort by time
    branch: branch name
    commit: full commit id; `None` if it is unknown or tracked files had changes
    environment: environment class of durations, as `environment_class` names it
    started: start, epoch seconds
    duration: seconds from start to end; `None` if unknown
    status: status of the run
    ran_in: environment of outcomes: two results on one commit contradict each other only within it
    build: CI build; empty outside of CI
    is_dirty: whether tracked files had uncommitted changes
    pull_request: number of the pull request; `true` if the number is unknown; empty for none
    parallel_jobs: value that indistinguishable jobs of one build share; empty for a job that is unique
    """

    id: str
    branch: str
    commit: str | None
    environment: str
    started: float
    duration: float | None
    status: str
    ran_in: Environment = UNKNOWN_ENVIRONMENT
    build: str = ""
    is_dirty: bool = False
    pull_request: str = ""
    parallel_jobs: str = ""

    def is_parallel_job_of(self, other: RunFacts) -> bool:
        """Return whether this run and another are indistinguishable jobs of one build."""
        return bool(self.parallel_jobs) and self.parallel_jobs == other.parallel_jobs


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with one entry per attempt in its columns, in the order in which the attempts ended.

    facts: facts about the run
    nodeids: node id per attempt
    seconds: duration per attempt, in seconds
    letters: outcome letter per attempt
    workers: pytest-xdist worker per attempt; empty with fewer than two workers
    fixtures: seconds of all setups and teardowns by fixture
    files: seconds of collection by file
    stats: labels of the numbers that tests recorded with `stat`
    has_budgets: whether the profile has budgets
    imports: mean seconds in each process by imported package, of start-up and collection
    spans: mean seconds in each process by span of the ledger, without imports, tests and fixtures
    """

    facts: RunFacts
    nodeids: Sequence[str]
    seconds: Sequence[float]
    letters: str
    workers: Sequence[str]
    fixtures: Mapping[str, float]
    files: Mapping[str, float]
    stats: frozenset[str] = frozenset()
    has_budgets: bool = False
    imports: Mapping[str, float] = field(default_factory=dict)
    spans: Mapping[str, float] = field(default_factory=dict)

    def before(self, at: int) -> str:
        """Return the test that an attempt's worker ran right before it, without its own earlier attempts.

        Empty for the first test of a worker.
        """
        nodeid = self.nodeids[at]
        for earlier in range(at - 1, -1, -1):
            if self.nodeids[earlier] != nodeid and (not self.workers or self.workers[earlier] == self.workers[at]):
                return self.nodeids[earlier]
        return ""

    @property
    def failing(self) -> frozenset[str]:
        """Return the tests with at least one failed attempt."""
        return frozenset(self.nodeids[at] for at in self.failures)

    @property
    def failures(self) -> list[int]:
        """Return the positions of the failed attempts."""
        return [match.start() for match in _FAILED.finditer(self.letters)]

    @property
    def ran(self) -> set[str]:
        """Return the tests that ran; skipped tests did not."""
        if not _UNINFORMATIVE.search(self.letters):
            return set(self.nodeids)
        rows = zip(self.nodeids, self.letters, strict=True)
        return {nodeid for nodeid, letter in rows if letter not in UNINFORMATIVE}

    @property
    def passing(self) -> frozenset[str]:
        """Return the tests with at least one completed attempt that did not fail."""
        return frozenset(self.nodeids[at] for at, letter in enumerate(self.letters) if letter in TIMED)

    def passed(self) -> dict[str, float]:
        """Return the seconds of each test whose last attempt passed."""
        rows = zip(self.nodeids, self.letters, self.seconds, strict=True)
        last = {nodeid: (letter, seconds) for nodeid, letter, seconds in rows}
        return {nodeid: seconds for nodeid, (letter, seconds) in last.items() if letter == PASSED}

    def failed(self) -> list[str]:
        """Return the tests that failed in the end, in the order of their first attempt.

        If several tests share a node id, one failure that no rerun replaced is enough.
        """
        last: dict[str, str] = {}
        for at in positions_of(self, self.failing):
            nodeid, letter = self.nodeids[at], self.letters[at]
            if last.get(nodeid, RERUN) not in FINALLY_FAILING:
                last[nodeid] = letter
        return [nodeid for nodeid, letter in last.items() if letter in FAILING]


def record_of(facts: RunFacts, profile: Profile, names: dict[str, str]) -> RunRecord:
    """Return the record of a profile; `names` keeps one copy of each name for all records."""
    tests = profile.tests
    nodeids = [names.setdefault(name, name) for name in tests.nodeid]
    workers = [names.setdefault(name, name) for name in tests.worker]
    letters = "".join([_LETTERS.get(outcome, UNKNOWN) for outcome in tests.outcome])
    fixtures = profile.fixtures
    return RunRecord(
        facts=facts,
        nodeids=nodeids,
        seconds=array("d", [us / 1e6 for us in tests.values_us()]),
        letters=letters,
        workers=workers if len(set(workers)) > 1 else (),
        fixtures={
            names.setdefault(name, name): (setup + teardown) / 1e6
            for name, setup, teardown in zip(
                map("::".join, zip(fixtures.baseid, fixtures.name, strict=True)),
                fixtures.setup,
                fixtures.teardown,
                strict=True,
            )
        },
        files={
            names.setdefault(path, path): us / 1e6
            for path, us in zip(profile.files.path, profile.files.seconds, strict=True)
        },
        stats=frozenset(label for labels in tests.stats for label in labels),
        has_budgets=tests.budget is not None or bool(profile.budgets),
        imports={names.setdefault(name, name): each for name, each in average_imports(profile).items()},
        spans=average_spans(profile),
    )


def positions_of(record: RunRecord, tests: Collection[str]) -> list[int]:
    """Return the positions of the attempts of some tests; in C, because 200 runs have two million attempts."""
    return list(compress(range(len(record.nodeids)), map(tests.__contains__, record.nodeids)))


def select_tests(record: RunRecord, tests: Collection[str]) -> RunRecord:
    """Return a record that contains only some tests."""
    positions = positions_of(record, tests)
    return replace(
        record,
        nodeids=[record.nodeids[at] for at in positions],
        seconds=[record.seconds[at] for at in positions],
        letters="".join(record.letters[at] for at in positions),
        workers=[record.workers[at] for at in positions] if record.workers else (),
    )


def evidence_of(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that are evidence of flakiness; runs of uncommitted code count only in CI.

    In CI a script changes the code, in the same way in each build of a commit.
    """
    return [record for record in records if record.facts.build or not record.facts.is_dirty]


def are_complete(records: Sequence[RunRecord]) -> list[bool]:
    """Return for each run whether its number of tests is near the median of the runs around it."""
    sizes = [len(record.nodeids) for record in records]
    nearby = [sorted(sizes[max(0, at - 20) : at + 21]) for at in range(len(sizes))]
    return [
        MIN_PART * sample[len(sample) // 2] <= size <= MAX_PART * sample[len(sample) // 2]
        for size, sample in zip(sizes, nearby, strict=True)
    ]


def complete_runs(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs whose number of tests is near the median of the runs around them."""
    return [record for record, is_complete in zip(records, are_complete(records), strict=True) if is_complete]
