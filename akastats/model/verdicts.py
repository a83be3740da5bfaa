"""What a run means: a label for each failure, a state for each test, what became slower. The values; pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from akastats.errors import CorruptDataError
from akastats.model.stored_values import MIB, inflated, json_of, read

State = Literal["healthy", "flaky", "broken", "new", "undecided"]
FailureLabel = Literal["new", "known flaky", "also failing on base", "quarantined"]

VERSION = 1
#: Seconds added to each duration before its logarithm: under a millisecond a clock's noise is most of it.
OFFSET = 0.001
#: Runs at the new level from which on it is no longer only suspected.
CONFIRMED_AFTER = 5
#: Fewer failures than this are one broken line rather than an outage.
LEAST_OUTAGE = 10
#: Verdicts of 1,000 tests have about 1 MB, unpacked; a much larger value is not valid.
MOST_BYTES = 32 * MIB
# Of a user's own number, whatever its unit: with more its ratio to nothing would be no number.
_MOST = 1e300


@dataclass(frozen=True, slots=True)
class DurationChange:
    """A lasting change of a duration between two levels, in seconds at the typical machine speed.

    The commit that caused it is after the run `since` and not after the run `until`, with a posterior of 99 %;
    `run` is the likeliest first one. `low` and `high` are the 95 % interval of `ratio`, after over before;
    `confidence` is the probability that the levels differ by the least that is reported.
    """

    label: str
    environment: str
    before: float
    after: float
    low: float
    high: float
    since: str
    run: str
    until: str
    runs_after: int
    p: float
    confidence: float

    @property
    def ratio(self) -> float:
        """How many times the old duration the new one is."""
        return (self.after + OFFSET) / (self.before + OFFSET)

    @property
    def is_slower(self) -> bool:
        """Whether it takes longer than before."""
        return self.after > self.before

    @property
    def is_suspected(self) -> bool:
        """Whether too few runs have followed to call it more than a suspicion."""
        return self.runs_after < CONFIRMED_AFTER


@dataclass(frozen=True, slots=True)
class FailureVerdict:
    """The label of one failing test: whether this run or something else broke it.

    nodeid: node id of the test
    label: new, known flaky, also failing on base, or quarantined; null without enough history
    rate: share of the first attempts of a known flaky test that fail, 0 to 1; null for other labels
    """

    nodeid: str
    label: FailureLabel | None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class UnhealthyTest:
    """A test that is not healthy; `rate`, `low` and `high` as in `Flakiness`, `evidence` run ids, newest first.

    `since` is the first run that failed since it is in this state, `since_commit` that run's commit (empty: not
    known). `is_new` says that the verdict before did not have it so. `runs_failed` and `seconds_lost` are what it
    cost from `since` on. `workers` holds how many of its attempts failed on each worker, of how many; `after` the
    tests that ran right before it where it failed more often than where it passed, and how often, the most
    frequent first.
    """

    nodeid: str
    state: State
    rate: float
    low: float
    high: float
    probability: float
    evidence: tuple[str, ...] = ()
    since: str = ""
    is_new: bool = False
    runs_failed: int = 0
    seconds_lost: float = 0.0
    workers: tuple[tuple[str, int, int], ...] = ()
    after: tuple[tuple[str, int], ...] = ()
    since_commit: str = ""


@dataclass(frozen=True, slots=True)
class ChangeVerdict:
    """A lasting change of a duration; `is_new` if the previous verdicts did not have it."""

    change: DurationChange
    is_new: bool


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A test that took longer than its marker allows.

    nodeid: node id of the test
    seconds: duration in seconds
    allowed: seconds that the marker allows
    rule: max_seconds or max_slowdown
    """

    nodeid: str
    seconds: float
    allowed: float
    rule: str


@dataclass(frozen=True, slots=True)
class Outlier:
    """A test whose duration in one run exceeds its own history.

    nodeid: node id of the test
    seconds: duration in this run, in seconds
    typical: typical duration in seconds, adjusted to the machine speed of this run
    """

    nodeid: str
    seconds: float
    typical: float


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of one run, from the history up to it.

    `runs` counts those that were judged, itself included; `base` is the branch that failures are compared with.
    `counts` says how many tests are in each state, `tests` names those that are neither healthy nor new;
    `clusters` are flaky tests that fail together. `changes` are of tests, fixtures, files and a user's own
    numbers, `suite_changes` of the pace of everything (label empty); `together` are labels that changed at the
    same run. `pace` is the run's factor against the usual, `seconds` what it took, `usual_seconds` the median
    before it; `None` where unknown. In an outage far more failed than usual. `undecided` counts series too short
    to be judged. `paces` holds the run id and factor of the newest runs in its environment, oldest first.
    `fixed` are the tests that failed in the run before and passed in this one, flaky ones left out.
    `environments` names those of this build's runs where there are several without a suite; `equal_runs` counts
    the runs of this build that nothing recorded tells apart, 0 where this run is the only one. `outliers` are
    tests whose duration in this run is beyond their own history, those that differ most first.
    `newly_skipped` are tests that this run skipped although the newest runs of the base ran them.
    """

    run: str
    suite: str
    branch: str
    base: str
    runs: int
    failures: tuple[FailureVerdict, ...] = ()
    tests: tuple[UnhealthyTest, ...] = ()
    counts: Mapping[State, int] | None = None
    clusters: tuple[tuple[str, ...], ...] = ()
    changes: tuple[ChangeVerdict, ...] = ()
    suite_changes: tuple[ChangeVerdict, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    over_budget: tuple[OverBudget, ...] = ()
    pace: float | None = None
    seconds: float | None = None
    usual_seconds: float | None = None
    is_outage: bool = False
    undecided: int = 0
    paces: tuple[tuple[str, float], ...] = ()
    fixed: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    equal_runs: int = 0
    outliers: tuple[Outlier, ...] = ()
    newly_skipped: tuple[str, ...] = ()


def looks_like_outage(verdicts: Verdicts) -> bool:
    """Return whether to report an outage: one was detected, and no other reason explains the failures.

    Only `is_outage` decides about evidence: a reported outage keeps people from looking for the line they broke.
    """
    labels = [failure.label for failure in verdicts.failures]
    labelled, new = len(labels) - labels.count(None), labels.count("new")
    return verdicts.is_outage and len(labels) >= LEAST_OUTAGE and 2 * new >= labelled


def newly_flaky(verdicts: Verdicts) -> list[UnhealthyTest]:
    """Return the tests that were not flaky in the previous verdicts, the most costly first."""
    found = [test for test in verdicts.tests if test.is_new and test.state == "flaky"]
    return sorted(found, key=lambda test: (-test.runs_failed, -test.seconds_lost, test.nodeid))


def newly_slower(verdicts: Verdicts) -> list[DurationChange]:
    """Return the slowdowns that the previous verdicts did not have, by added seconds, most first."""
    found = [each.change for each in verdicts.changes if each.is_new and each.change.is_slower]
    return sorted(found, key=lambda change: (change.before - change.after, change.label))


def suite_newly_slower(verdicts: Verdicts) -> list[DurationChange]:
    """Return the new slowdowns of the whole suite, in time order."""
    return [each.change for each in verdicts.suite_changes if each.is_new and each.change.is_slower]


def pack(verdicts: Verdicts) -> bytes:
    """Return verdicts as they are stored: JSON in zlib."""
    return zlib.compress(json.dumps({"version": VERSION, **asdict(verdicts)}, separators=(",", ":")).encode())


def unpack(stored: bytes) -> Verdicts:
    """Return stored verdicts; raises `DamagedError` for what is none, or of another version than ours."""
    content = json_of(inflated(stored, MOST_BYTES))
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise CorruptDataError("stored verdicts are not valid, or of another release: update pytest-akastats")
    found = read(Verdicts, content)
    if not all(_is_change(each.change) for each in (*found.changes, *found.suite_changes)):
        raise CorruptDataError("stored verdicts are not valid: a duration is out of range")
    return found


def _is_change(change: DurationChange) -> bool:
    """Return whether both levels have a ratio."""
    return 0 <= change.before <= _MOST and 0 <= change.after <= _MOST
