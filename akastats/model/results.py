"""Results of tests and fixtures, their budgets and failures, and the labels of their durations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

from akastats.model.points import MAX_LABEL_BYTES

#: The outcomes that a test can have; they sum to the number of tests.
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


@dataclass(frozen=True, slots=True)
class TestResult:
    """One attempt of a test.

    nodeid: node id of the test
    outcome: one of `OUTCOMES`, or `rerun` for an attempt that pytest repeats
    worker: pytest-xdist worker; empty without workers
    start: start in epoch seconds
    setup: seconds of the setup phase
    call: seconds of the call phase
    teardown: seconds of the teardown phase
    ran: whether the call phase ran
    stats: labels to which the attempt pushed values
    metrics: whole numbers by name of their column in the profile
    """

    __test__ = False

    nodeid: str
    outcome: str
    worker: str
    start: float
    setup: float
    call: float
    teardown: float
    ran: bool
    stats: tuple[str, ...] = ()
    metrics: Mapping[str, int] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """Return the seconds of the call phase, or of setup if the call phase did not run."""
        return self.call if self.ran else self.setup

    @property
    def end(self) -> float:
        """Return the end of the attempt, in epoch seconds."""
        return self.start + self.setup + self.call + self.teardown


@dataclass(frozen=True)
class FixtureResult:
    """Durations of one fixture in a run, without the durations of the fixtures that it requests.

    baseid: node id below which tests can request the fixture; empty for all tests
    name: name of the fixture
    scope: scope of the fixture
    count: number of set-ups
    setup: seconds of all set-ups
    teardown: seconds of all teardowns
    """

    baseid: str
    name: str
    scope: str
    count: int
    setup: float
    teardown: float


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a test's marker, or of another cost; a limit that is not set is `None`.

    max_seconds: maximum duration in seconds.
    max_slowdown: maximum duration, as a multiple of the typical one.
    """

    max_seconds: float | None = None
    max_slowdown: float | None = None


class Error(NamedTuple):
    """One failure.

    nodeid: node id of the test, or of the file that was not collected
    phase: setup, call, teardown, collect, crash or subtest
    error: context id of the traceback; empty if there is none
    exception: class of the exception
    fingerprint: fingerprint of the failure, the same for equal failures; empty without a traceback
    """

    nodeid: str
    phase: str
    error: str
    exception: str
    fingerprint: str


def budget_of(limits: Mapping[str, Any]) -> Budget:
    """Return the budget from the limits in a spool or profile; missing and invalid limits are `None`."""
    names = [each.name for each in fields(Budget)]
    return Budget(**{name: float(limits[name]) for name in names if isinstance(limits.get(name), (int, float))})


def limits_of(budget: Budget) -> dict[str, float]:
    """Return the limits of a budget by name, without those that are not set."""
    return {name: limit for name, limit in asdict(budget).items() if limit is not None}


#: First words of the labels of durations that are analysed.
DURATION_LABELS = ("test", "fixture", "collect", "import", "span")


def label(word: str, rest: str, suite: str = "") -> str:
    """Return the label of a duration: `word::rest`, or `word@suite::rest` in a suite."""
    return fit_label(f"{word}@{suite}::{rest}" if suite else f"{word}::{rest}")


class NamedTest(NamedTuple):
    """A test of a suite.

    suite: suite of the test; empty if there is none
    nodeid: node id of the test
    """

    suite: str
    nodeid: str


def test_of(label: str) -> NamedTest | None:
    """Return the test of a label; `None` if the label is not that of a test."""
    word, colons, nodeid = label.partition("::")
    name, _, suite = word.partition("@")
    return NamedTest(suite, nodeid) if colons and name == "test" and nodeid else None


def fit_label(text: str) -> str:
    """Return `text` as a valid label: with lone surrogates escaped, truncated to 4096 bytes.

    A truncated label ends with a digest of the whole text, because the parameters of two tests may differ only
    after the cut.
    """
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= MAX_LABEL_BYTES:
        return encoded.decode()
    digest = hashlib.blake2s(encoded, digest_size=8).hexdigest()
    return f"{encoded[: MAX_LABEL_BYTES - len(digest) - 1].decode(errors='ignore')}~{digest}"


def slowest(results: Iterable[TestResult], size: int) -> list[TestResult]:
    """Return the `size` slowest attempts, slowest first."""
    return sorted(results, key=lambda result: -result.value)[:size]
