"""One run as judging needs it: what ran, how long it took, what failed. Pure.

Columns, since 200 runs of 10,000 tests are judged at once.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

from akastats.model.environment import UNKNOWN_ENVIRONMENT, Environment
from akastats.model.profile import Profile
from akastats.model.rows import LETTERS, UNKNOWN

#: The letters of attempts that failed, tried again or not.
FAILING = "fer"
#: ... and of those that a rerun replaced, and that none did.
RERUN, FINALLY_FAILING = "r", "fe"
#: ... and of those whose duration says something of the test: one that fails has not come to its end.
TIMED = "pxX"
SKIPPED, PASSED = "s", "p"
#: ... and of those that say nothing.
UNINFORMATIVE = SKIPPED + UNKNOWN
_LETTERS = {**LETTERS, "skipped": SKIPPED}
#: A run belongs to the suite as a whole if it has so much of its tests: `-k` runs make no fixture faster.
LEAST_PART, MOST_PART = 0.8, 1.25
# Searched for in C: of two million letters few are of these.
_FAILED, _UNINFORMATIVE = re.compile(f"[{FAILING}]"), re.compile(f"[{UNINFORMATIVE}]")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Facts about a run.

    `commit` is `None` where it is unknown or not all was committed; `environment` as `slowdown.environment_class`
    names it; `started` in epoch seconds, `duration` in seconds. `ran_in` is the environment within which one
    commit proves something, `build` the CI build, empty outside of CI. `is_dirty`: not all was committed.
    `pull_request` is its number, or `true` where that is unknown, and empty for none.
    Runs of one `legs` are jobs of one build that nothing recorded tells apart; empty where there are none.
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
    legs: str = ""

    def is_leg_of(self, other: RunFacts) -> bool:
        """Return whether this run and another are jobs of one build that nothing tells apart."""
        return bool(self.legs) and self.legs == other.legs


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with one entry per attempt in `nodeids`, `seconds`, `letters` and `workers`, in the order they ended.

    `fixtures` and `files` hold seconds by name.
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
        """The tests of which some attempt failed."""
        return frozenset(self.nodeids[at] for at in self.failures)

    @property
    def failures(self) -> list[int]:
        """The places of attempts that failed."""
        return [found.start() for found in _FAILED.finditer(self.letters)]

    @property
    def ran(self) -> set[str]:
        """The tests that have run: those that were skipped have not."""
        if not _UNINFORMATIVE.search(self.letters):
            return set(self.nodeids)
        rows = zip(self.nodeids, self.letters, strict=True)
        return {nodeid for nodeid, letter in rows if letter not in UNINFORMATIVE}

    @property
    def passing(self) -> frozenset[str]:
        """The tests of which some attempt did not fail."""
        return frozenset(self.nodeids[at] for at, letter in enumerate(self.letters) if letter in TIMED)

    def passed(self) -> dict[str, float]:
        """Return the seconds of each test whose last attempt passed."""
        rows = zip(self.nodeids, self.letters, self.seconds, strict=True)
        last = {nodeid: (letter, seconds) for nodeid, letter, seconds in rows}
        return {nodeid: seconds for nodeid, (letter, seconds) in last.items() if letter == PASSED}

    def failed(self) -> list[str]:
        """Return the tests that failed in the end, in the order of their first attempt.

        Of tests that share a node id one that fails is enough: no rerun replaced it.
        """
        last: dict[str, str] = {}
        for at in positions_of(self, self.failing):
            nodeid, letter = self.nodeids[at], self.letters[at]
            if last.get(nodeid, RERUN) not in FINALLY_FAILING:
                last[nodeid] = letter
        return [nodeid for nodeid, letter in last.items() if letter in FAILING]


def record_of(facts: RunFacts, profile: Profile, known: dict[str, str]) -> RunRecord:
    """Return the record of a profile; `known` keeps one copy of each name for all records."""
    tests = profile.tests
    nodeids = [known.setdefault(name, name) for name in tests.nodeid]
    workers = [known.setdefault(name, name) for name in tests.worker]
    letters = "".join([_LETTERS.get(outcome, UNKNOWN) for outcome in tests.outcome])
    fixtures = profile.fixtures
    return RunRecord(
        facts=facts,
        nodeids=nodeids,
        seconds=array("d", [us / 1e6 for us in tests.values_us()]),
        letters=letters,
        workers=workers if len(set(workers)) > 1 else (),
        fixtures={
            known.setdefault(name, name): (setup + teardown) / 1e6
            for name, setup, teardown in zip(
                map("::".join, zip(fixtures.baseid, fixtures.name, strict=True)),
                fixtures.setup,
                fixtures.teardown,
                strict=True,
            )
        },
        files={
            known.setdefault(path, path): us / 1e6
            for path, us in zip(profile.files.path, profile.files.seconds, strict=True)
        },
        stats=frozenset(label for labels in tests.stats for label in labels),
        has_budgets=tests.budget is not None,
    )


def positions_of(record: RunRecord, tests: Collection[str]) -> list[int]:
    """Return the places of the attempts of some tests; all in C, since 200 runs have two million."""
    return list(compress(range(len(record.nodeids)), map(tests.__contains__, record.nodeids)))


def select_tests(record: RunRecord, tests: Collection[str]) -> RunRecord:
    """Return a record of some tests alone."""
    places = positions_of(record, tests)
    return replace(
        record,
        nodeids=[record.nodeids[at] for at in places],
        seconds=[record.seconds[at] for at in places],
        letters="".join(record.letters[at] for at in places),
        workers=[record.workers[at] for at in places] if record.workers else (),
    )


def evidence_of(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that are evidence of flakiness: outside of CI, only those of committed code.

    In CI a script changes the code, alike in each build of a commit; such runs cannot contradict each other.
    """
    return [record for record in records if record.facts.build or not record.facts.is_dirty]


def are_complete(records: Sequence[RunRecord]) -> list[bool]:
    """Tell of each run whether it has about as many tests as the median run around it has."""
    sizes = [len(record.nodeids) for record in records]
    around = [sorted(sizes[max(0, at - 20) : at + 21]) for at in range(len(sizes))]
    return [
        LEAST_PART * near[len(near) // 2] <= size <= MOST_PART * near[len(near) // 2]
        for size, near in zip(sizes, around, strict=True)
    ]


def complete_runs(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the runs that are about as large as those around them."""
    return [record for record, is_whole in zip(records, are_complete(records), strict=True) if is_whole]
