"""Format verdicts as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from akastats.model.verdicts import DurationChange, FailureVerdict, OverBudget, UnhealthyTest, Verdicts
from akastats.report import phrases
from akastats.report.run_document import display_name

#: Number of characters to which a commit id is shortened.
COMMIT_WIDTH = 10
#: Maximum number of listed tests over budget, and of listed duration changes of one test.
MAX_OVER_BUDGET, MAX_CHANGES = 10, 5


def labels(verdicts: Verdicts | None) -> dict[str, str]:
    """Return the label of each failing test by node id; empty if the run has no verdicts."""
    return {failure.nodeid: _format_label(failure) for failure in verdicts.failures} if verdicts else {}


def failing_lines(nodeids: list[str], labels: Mapping[str, str]) -> Iterator[str]:
    """Yield failing tests, each after its label if the run has verdicts."""
    width = max(map(len, labels.values()), default=0)
    for nodeid in nodeids:
        yield f"  {labels.get(nodeid, ''):<{width}}  {nodeid}" if labels else f"  {nodeid}"


def _format_label(failure: FailureVerdict) -> str:
    return phrases.failure_label(failure.label, failure.rate)


def over_lines(over: tuple[OverBudget, ...]) -> Iterator[str]:
    """Yield the tests that exceeded their time budget."""
    if over:
        yield f"{phrases.OVER_BUDGET}:"
    for each in over[:MAX_OVER_BUDGET]:
        size = phrases.over_budget_cell(each.seconds, each.allowed)
        yield f"  {size} ({each.rule})  {display_name(each.nodeid)}"
    if len(over) > MAX_OVER_BUDGET:
        yield f"  and {len(over) - MAX_OVER_BUDGET} more"


def state_lines(verdict: UnhealthyTest | None, changes: list[DurationChange]) -> Iterator[str]:
    """Yield a test's state, unless it is healthy or new, and its duration changes."""
    if verdict:
        commit = f" ({verdict.since_commit[:COMMIT_WIDTH]})" if verdict.since_commit else ""
        since = f", since run {verdict.since}{commit}" if verdict.since else ""
        yield f"state     {phrases.state_name(verdict.state)}{_rate(verdict)}{since}"
    for change in changes[:MAX_CHANGES]:
        word = phrases.change_direction(change.is_slower)
        doubt = f", {phrases.certainty_cell(change.is_suspected)}" if change.is_suspected else ""
        durations = phrases.change_cell(change.before, change.after)
        yield f"{word}    {durations}, since run {change.run}{doubt}"
    if len(changes) > MAX_CHANGES:
        yield f"and {len(changes) - MAX_CHANGES} more duration changes"


def _rate(verdict: UnhealthyTest) -> str:
    if verdict.state != "flaky":
        return ""
    return f", {phrases.failure_rate(verdict.rate, verdict.low, verdict.high)}"
