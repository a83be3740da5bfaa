"""Results of tests and fixtures, their budgets and failures, and the labels of what a run measures. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from akastats.model.points import MAX_LABEL_BYTES

#: The outcomes that a test can have; they sum to the number of tests.
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


@dataclass(frozen=True, slots=True)
class TestResult:
    """One attempt of a test; times in seconds, `start` since the epoch, `outcome` may also be `rerun`.

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
        """Seconds of the call phase, of setup where call never ran."""
        return self.call if self.ran else self.setup

    @property
    def end(self) -> float:
        """When the attempt ended, in epoch seconds."""
        return self.start + self.setup + self.call + self.teardown


@dataclass(frozen=True)
class FixtureResult:
    """What one fixture cost in a run, without those it asked for itself; seconds."""

    baseid: str
    name: str
    scope: str
    count: int
    setup: float
    teardown: float


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits in a test's marker; `None` without one.

    max_seconds: maximum duration in seconds.
    max_slowdown: maximum duration, as a multiple of the typical one.
    """

    max_seconds: float | None = None
    max_slowdown: float | None = None


class Error(NamedTuple):
    """One failure: `error` is its traceback's context id; `phase` may also be collect, crash or subtest.

    Equal failures have one `fingerprint`; both ids are empty for a failure without a text.
    """

    nodeid: str
    phase: str
    error: str
    exception: str
    fingerprint: str


def budget_of(limits: Mapping[str, Any]) -> Budget:
    """Return the budget that a spool or profile holds; missing limits and invalid ones are `None`."""
    names = [each.name for each in fields(Budget)]
    return Budget(**{name: float(limits[name]) for name in names if isinstance(limits.get(name), (int, float))})


def label(word: str, rest: str, suite: str = "") -> str:
    """Return the label of something a run measures: `test::rest`, with a suite `test@suite::rest`."""
    return fitting(f"{word}@{suite}::{rest}" if suite else f"{word}::{rest}")


class NamedTest(NamedTuple):
    """A test of a suite, which is empty without one."""

    suite: str
    nodeid: str


def test_of(label: str) -> NamedTest | None:
    """Return whose durations a label holds; `None` for a label of something else."""
    word, colons, nodeid = label.partition("::")
    name, _, suite = word.partition("@")
    return NamedTest(suite, nodeid) if colons and name == "test" and nodeid else None


def fitting(text: str) -> str:
    """Return `text` as a label that can be stored: lone surrogates escaped, at most 4096 bytes.

    A longer one ends in a digest of all of it: parameters may differ only behind where it is cut.
    """
    encoded = text.encode("utf-8", "backslashreplace")
    if len(encoded) <= MAX_LABEL_BYTES:
        return encoded.decode()
    digest = hashlib.blake2s(encoded, digest_size=8).hexdigest()
    return f"{encoded[: MAX_LABEL_BYTES - len(digest) - 1].decode(errors='ignore')}~{digest}"


def slowest(results: Iterable[TestResult], size: int) -> list[TestResult]:
    """Return the `size` slowest attempts, slowest first."""
    return sorted(results, key=lambda result: -result.value)[:size]
