"""How runs and tests were judged, in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from akastats.formatting import format_duration, format_percent
from akastats.model.verdicts import DurationChange, FailureVerdict, OverBudget, UnhealthyTest, Verdicts

#: Characters of a commit.
COMMIT_WIDTH = 10
#: Tests over their budgets that are named, and changes of one test.
MOST_OVER, MOST_CHANGES = 10, 5


def labels(verdicts: Verdicts | None) -> dict[str, str]:
    """Return what each failing test of a run is called; none where nobody has judged it."""
    return {failure.nodeid: _label(failure) for failure in verdicts.failures} if verdicts else {}


def failing_lines(nodeids: list[str], known: Mapping[str, str]) -> Iterator[str]:
    """Yield failing tests, before each what it is called if its run was judged."""
    width = max(map(len, known.values()), default=0)
    for nodeid in nodeids:
        yield f"  {known.get(nodeid, ''):<{width}}  {nodeid}" if known else f"  {nodeid}"


def _label(failure: FailureVerdict) -> str:
    if failure.label is None:
        return "no history"
    return failure.label if failure.rate is None else f"{failure.label} {format_percent(failure.rate)}"


def over_lines(over: tuple[OverBudget, ...]) -> Iterator[str]:
    """Yield the tests of a run that took more than they may."""
    if over:
        yield "over budget:"
    for each in over[:MOST_OVER]:
        yield f"  {format_duration(each.seconds)} > {format_duration(each.allowed)} ({each.rule})  {each.nodeid}"
    if len(over) > MOST_OVER:
        yield f"  and {len(over) - MOST_OVER} more"


def standing_lines(judged: UnhealthyTest | None, changes: list[DurationChange]) -> Iterator[str]:
    """Yield how a test stands: its state, unless it is healthy or new, and what its time did."""
    if judged:
        commit = f" ({judged.since_commit[:COMMIT_WIDTH]})" if judged.since_commit else ""
        since = f", since run {judged.since}{commit}" if judged.since else ""
        yield f"state     {judged.state}{_rate(judged)}{since}"
    for change in changes[:MOST_CHANGES]:
        word = "slower" if change.is_slower else "faster"
        doubt = ", suspected" if change.is_suspected else ""
        durations = f"{format_duration(change.before)} -> {format_duration(change.after)}"
        yield f"{word}    {durations}, since run {change.run}{doubt}"
    if len(changes) > MOST_CHANGES:
        yield f"and {len(changes) - MOST_CHANGES} more changes of its time"


def _rate(judged: UnhealthyTest) -> str:
    if judged.state != "flaky":
        return ""
    interval = f"{format_percent(judged.low)} to {format_percent(judged.high)}"
    return f", {format_percent(judged.rate)} of its first attempts fail ({interval})"
