"""Two runs side by side: which tests fail now and did not, which take longer, which are new. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from akastats import profile

FAILING = ("failed", "error")
#: What ran to its end without failing: a test that is skipped now has not been fixed.
FINE = ("passed", "xfailed", "xpassed")

# A difference between two single runs counts from both of these on: fast tests vary by tenths from one run to the
# next, slow ones by milliseconds.
LEAST_SHARE = 0.1
LEAST_S = 0.02


@dataclass(frozen=True)
class Verdict:
    """What became of one test in one run: its last attempt's outcome and seconds."""

    outcome: str
    seconds: float


@dataclass(frozen=True)
class Change:
    """One test in a run and in its base; what was not there is `None`."""

    nodeid: str
    outcome: str | None
    base_outcome: str | None
    seconds: float | None
    base_seconds: float | None


@dataclass(frozen=True)
class Comparison:
    """What differs from a base: in the order the tests ran, but `slower` and `faster` by seconds, most first."""

    newly_failing: list[Change]
    fixed: list[Change]
    slower: list[Change]
    faster: list[Change]
    added: list[Change]
    removed: list[Change]


def verdicts(content: Mapping[str, Any]) -> dict[str, Verdict]:
    """Return what became of each test of a profile; of a test that was run again, the last attempt counts."""
    return {row["nodeid"]: Verdict(row["outcome"], value_us(row) / 1e6) for row in profile.rows(content["tests"])}


def value_us(row: Mapping[str, Any]) -> int:
    """Return what a test's history holds of it: the call phase, or setup where the test ended there."""
    return int(row["call"] or row["setup"])


def compare(now: Mapping[str, Verdict], base: Mapping[str, Verdict]) -> Comparison:
    """Return what differs between a run's tests and those of its base.

    A new test that fails is both added and newly failing. Times are compared where the outcome is the same:
    a test that fails early has not become faster.
    """
    changes = [_change(nodeid, now, base) for nodeid in now]
    timed = [change for change in changes if change.outcome == change.base_outcome != "skipped"]
    return Comparison(
        newly_failing=[each for each in changes if _fails(each.outcome) and not _fails(each.base_outcome)],
        fixed=[each for each in changes if each.outcome in FINE and _fails(each.base_outcome)],
        slower=_by_loss(each for each in timed if _is_more(each.seconds, each.base_seconds)),
        faster=_by_loss(each for each in timed if _is_more(each.base_seconds, each.seconds)),
        added=[each for each in changes if each.base_outcome is None],
        removed=[_change(nodeid, now, base) for nodeid in base if nodeid not in now],
    )


def _change(nodeid: str, now: Mapping[str, Verdict], base: Mapping[str, Verdict]) -> Change:
    here, there = now.get(nodeid), base.get(nodeid)
    outcome, seconds = (here.outcome, here.seconds) if here else (None, None)
    base_outcome, base_seconds = (there.outcome, there.seconds) if there else (None, None)
    return Change(nodeid, outcome, base_outcome, seconds, base_seconds)


def _fails(outcome: str | None) -> bool:
    return outcome in FAILING


def _is_more(seconds: float | None, than: float | None) -> bool:
    if seconds is None or than is None:
        return False
    # Rounded to what profiles keep: 0.12 - 0.1 falls short of 0.02 by a float's last digit.
    return round(seconds - than, 6) >= max(LEAST_S, round(LEAST_SHARE * than, 6))


def _by_loss(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: -abs((change.seconds or 0.0) - (change.base_seconds or 0.0)))
