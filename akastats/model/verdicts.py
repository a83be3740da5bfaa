"""The verdicts of a run: failure labels, test states, duration changes; and their stored form."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from akastats.errors import CorruptDataError
from akastats.model.findings import RunCosts
from akastats.model.stored_values import MIB, decompress, json_of, read

State = Literal["healthy", "flaky", "broken", "new", "undecided"]
FailureLabel = Literal["new", "known flaky", "also failing on base", "quarantined"]
CauseKind = Literal["test", "fixture", "import", "span", "machine"]

VERSION = 1
#: Seconds that are added to a duration before its logarithm, because clock noise dominates below a millisecond.
OFFSET = 0.001
#: Minimum number of runs at the new level that confirm a duration change.
CONFIRMED_AFTER = 5
#: Minimum number of failures of a reported outage; fewer failures are more likely to have one cause in the code.
MIN_OUTAGE = 10
#: Maximum size of decompressed verdicts in bytes; those of 1,000 tests have about 1 MB.
MAX_BYTES = 32 * MIB
# Maximum level of a duration change in seconds. It keeps the ratio of two levels finite.
_MAX_SECONDS = 1e300


@dataclass(frozen=True, slots=True)
class DurationChange:
    """A lasting change of a duration between two levels, in seconds at the typical machine speed.

    label: label of the durations; empty for the whole suite
    environment: environment of the runs
    before: seconds before the change
    after: seconds after the change
    low: lower end of the 95 % interval of `ratio`
    high: upper end of the 95 % interval of `ratio`
    since: last run before the interval that contains the cause with 99 % probability
    run: most likely first run after the change
    until: last run of that interval
    runs_after: number of runs since the change
    p: p-value of the change
    confidence: probability that the levels differ by at least the smallest reported change
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
        """Return the new duration divided by the old one."""
        return (self.after + OFFSET) / (self.before + OFFSET)

    @property
    def is_slower(self) -> bool:
        """Return whether the duration became longer."""
        return self.after > self.before

    @property
    def is_suspected(self) -> bool:
        """Return whether too few runs followed to confirm the change."""
        return self.runs_after < CONFIRMED_AFTER


@dataclass(frozen=True, slots=True)
class FailureVerdict:
    """The label of one failing test, which indicates whether this run broke the test.

    nodeid: node id of the test
    label: new, known flaky, also failing on base, or quarantined; null without enough history
    rate: share of the first attempts of a known flaky test that fail, 0 to 1; null for other labels
    """

    nodeid: str
    label: FailureLabel | None
    rate: float | None = None


@dataclass(frozen=True, slots=True)
class UnhealthyTest:
    """A test that is not healthy.

    nodeid: node id of the test
    state: flaky, broken or undecided
    rate: share of the first attempts that fail, 0 to 1
    low: lower end of the 95 % interval of `rate`
    high: upper end of the 95 % interval of `rate`
    probability: probability that the test is flaky, 0 to 1
    evidence: ids of the failing runs that support the state, newest first
    since: first run that failed in this state; empty if unknown
    is_new: whether the previous verdicts had another state
    runs_failed: number of runs in which the test failed, from `since` on
    seconds_lost: seconds of failed attempts, and of runs that only flaky tests failed, from `since` on
    workers: name, failed attempts and all attempts of each worker on which the test failed
    after: tests that ran directly before failures more often than before passes, with the number of failures, most
        frequent first
    since_commit: commit of `since`; empty if unknown
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
    """A lasting change of a duration, and whether it is new.

    change: the change
    is_new: whether the previous verdicts lack this change
    """

    change: DurationChange
    is_new: bool


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A test, fixture, file, import or span that took longer than its budget allows.

    nodeid: node id of the test, or a label such as `import::numpy`
    seconds: duration in seconds
    allowed: seconds that the budget allows
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
class DurationCause:
    """A reason why the duration of a run differs from the typical one.

    kind: test, fixture, import, span of the ledger, or machine for its speed
    name: node id, fixture, package or span; empty for the machine
    seconds: wall time that this run needed in addition, in seconds; negative if it needed less
    """

    kind: CauseKind
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of one run, from the history up to that run.

    run: id of the run
    suite: its suite; empty if there is none
    branch: its branch
    base: branch that failures are compared with
    runs: number of analysed runs, this one included
    failures: failing tests with their labels
    tests: tests that are neither healthy nor new
    counts: number of tests in each state
    clusters: node ids of flaky tests that fail together
    changes: duration changes of tests, fixtures, files and users' own labels
    suite_changes: duration changes of the whole suite; their label is empty
    together: labels whose durations changed at the same run
    over_budget: tests over their budget
    pace: machine speed factor, the duration of the tests divided by their typical one; `None` if unknown
    seconds: duration of the run in seconds; `None` if unknown
    usual_seconds: median duration of earlier runs, in seconds; `None` if unknown
    is_outage: whether far more tests failed than in the other runs
    undecided: number of durations whose history is too short
    paces: run id and machine speed factor of the newest runs in its environment, oldest first
    fixed: tests that failed in the previous run and passed in this one, without flaky tests
    environments: environments of the build's runs, if there are several without a suite
    equal_runs: number of indistinguishable runs of the build; 0 if this one is the only one
    outliers: tests whose duration exceeds their history, largest difference first
    newly_skipped: tests that this run skipped although the newest runs of the base ran them
    causes: reasons why `seconds` differs from `usual_seconds`, the largest first
    costs: findings of the run, and those that are fixed; `None` if they were not computed
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
    causes: tuple[DurationCause, ...] = ()
    costs: RunCosts | None = None


def looks_like_outage(verdicts: Verdicts) -> bool:
    """Return whether to report an outage: it was detected, and many tests fail, at least half of them newly.

    The evidence of flakiness depends only on `is_outage`. The report has stricter rules, because a wrongly
    reported outage would hide a change that broke the tests.
    """
    labels = [failure.label for failure in verdicts.failures]
    labelled, new = len(labels) - labels.count(None), labels.count("new")
    return verdicts.is_outage and len(labels) >= MIN_OUTAGE and 2 * new >= labelled


def newly_flaky(verdicts: Verdicts) -> list[UnhealthyTest]:
    """Return the tests that were not flaky in the previous verdicts, the most costly first."""
    flaky = [test for test in verdicts.tests if test.is_new and test.state == "flaky"]
    return sorted(flaky, key=lambda test: (-test.runs_failed, -test.seconds_lost, test.nodeid))


def newly_slower(verdicts: Verdicts) -> list[DurationChange]:
    """Return the slowdowns that the previous verdicts did not have, the largest in seconds first."""
    slower = [each.change for each in verdicts.changes if each.is_new and each.change.is_slower]
    return sorted(slower, key=lambda change: (change.before - change.after, change.label))


def suite_newly_slower(verdicts: Verdicts) -> list[DurationChange]:
    """Return the new slowdowns of the whole suite, in time order."""
    return [each.change for each in verdicts.suite_changes if each.is_new and each.change.is_slower]


def pack(verdicts: Verdicts) -> bytes:
    """Return verdicts as they are stored: JSON in zlib."""
    return zlib.compress(json.dumps({"version": VERSION, **asdict(verdicts)}, separators=(",", ":")).encode())


def unpack(stored: bytes) -> Verdicts:
    """Return stored verdicts; raise `CorruptDataError` if they are invalid or have another version."""
    content = json_of(decompress(stored, MAX_BYTES))
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise CorruptDataError("stored verdicts are not valid, or of another release: update pytest-akastats")
    verdicts = read(Verdicts, content)
    if not all(_is_in_range(each.change) for each in (*verdicts.changes, *verdicts.suite_changes)):
        raise CorruptDataError("stored verdicts are not valid: a duration is out of range")
    return verdicts


def _is_in_range(change: DurationChange) -> bool:
    """Return whether both levels are in range, so that their ratio is finite."""
    return 0 <= change.before <= _MAX_SECONDS and 0 <= change.after <= _MAX_SECONDS
