"""Compare two runs: tests that fail in only one of them, take longer, or are new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from akastats.model.profile import Profile

FAILING = ("failed", "error")
#: Outcomes of tests that completed without a failure; a skipped test has not been fixed.
COMPLETED = ("passed", "xfailed", "xpassed")

# Minimum difference of a duration, relative and in seconds; both are required. Fast tests vary by 10 % from run to
# run, slow ones by milliseconds.
MIN_SHARE = 0.1
MIN_S = 0.02


class LastAttempt(NamedTuple):
    """The last attempt of a test in one run.

    outcome: its outcome
    seconds: its duration in seconds
    """

    outcome: str
    seconds: float


@dataclass(frozen=True)
class Difference:
    """One test in a run and in its base run.

    nodeid: node id of the test
    outcome: outcome in the run; null if the test did not run
    base_outcome: outcome in the base run; null if the test did not run
    seconds: duration in the run; null if the test did not run
    base_seconds: duration in the base run; null if the test did not run
    """

    nodeid: str
    outcome: str | None
    base_outcome: str | None
    seconds: float | None
    base_seconds: float | None


@dataclass(frozen=True)
class Comparison:
    """Differences between a run and its base run, in the order in which the tests ran.

    newly_failing: tests that fail in the run and did not fail in the base run, new tests included
    fixed: tests that failed in the base run and completed without a failure in the run
    slower: tests that took longer, the largest difference first
    faster: tests that took less time, the largest difference first
    added: tests that the base run does not have
    removed: tests that only the base run has
    noise: differences that the tests' history explains, or that no history can separate from noise
    """

    newly_failing: list[Difference]
    fixed: list[Difference]
    slower: list[Difference]
    faster: list[Difference]
    added: list[Difference]
    removed: list[Difference]
    noise: list[Difference] = field(default_factory=list)


def last_attempts(profile: Profile) -> dict[str, LastAttempt]:
    """Return the last attempt of each test of a profile, by node id.

    If several tests share a node id, the first failed one counts.
    """
    tests = profile.tests
    attempts = map(LastAttempt, tests.outcome, [us / 1e6 for us in tests.values_us()])
    last: dict[str, LastAttempt] = {}
    for nodeid, attempt in zip(tests.nodeid, attempts, strict=True):
        if nodeid not in last or last[nodeid].outcome not in FAILING:
            last[nodeid] = attempt
    return last


def compare(now: Mapping[str, LastAttempt], base: Mapping[str, LastAttempt]) -> Comparison:
    """Return the differences between the tests of a run and those of its base run.

    A new test that fails is both added and newly failing. Durations are compared only if both outcomes are the
    same, because a test that fails early has not become faster.
    """
    comparison = Comparison([], [], [], [], [], [])
    for nodeid, attempt in now.items():
        before = base.get(nodeid)
        # Few of 10,000 tests differ: create no objects for the others.
        for changes in _lists(comparison, attempt, before):
            changes.append(_change(nodeid, attempt, before))
    comparison.removed.extend(_change(nodeid, None, base[nodeid]) for nodeid in base if nodeid not in now)
    for changes in (comparison.slower, comparison.faster):
        changes.sort(key=_loss, reverse=True)
    return comparison


def _lists(comparison: Comparison, now: LastAttempt, before: LastAttempt | None) -> Iterator[list[Difference]]:
    """Yield the lists of a comparison in which a test of the run belongs."""
    if before is None:
        yield comparison.added
    if now.outcome in FAILING and (before is None or before.outcome not in FAILING):
        yield comparison.newly_failing
    if before is None:
        return
    if now.outcome in COMPLETED and before.outcome in FAILING:
        yield comparison.fixed
    if now.outcome == before.outcome != "skipped":
        if is_more(now.seconds, before.seconds):
            yield comparison.slower
        elif is_more(before.seconds, now.seconds):
            yield comparison.faster


def is_more(seconds: float, than: float) -> bool:
    """Return whether a duration is more than another by 10 % and by 20 ms."""
    # Round to microseconds, as profiles do: as floats, 0.12 - 0.1 is less than 0.02.
    return seconds > than and round(seconds - than, 6) >= max(MIN_S, round(MIN_SHARE * than, 6))


def _change(nodeid: str, now: LastAttempt | None, before: LastAttempt | None) -> Difference:
    outcome, seconds = now or (None, None)
    base_outcome, base_seconds = before or (None, None)
    return Difference(nodeid, outcome, base_outcome, seconds, base_seconds)


def _loss(change: Difference) -> float:
    return abs((change.seconds or 0.0) - (change.base_seconds or 0.0))
