"""Decide from the verdicts of a run whether it fails, for `--akastats-fail-on`.

Without enough data, pytest's own result does not change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from akastats.report.phrases import count_of
from akastats.spool.shipper_answer import Answer, RunVerdicts

#: Valid values of the option.
WORDS = ("new", "slower")
#: Minimum number of earlier runs for a decision.
MIN_EARLIER_RUNS = 5

_PASSED, _FAILED = 0, 1


class Decision(NamedTuple):
    """The exit code of a run.

    exit_code: exit code.
    reason: why the run fails or passes, or why the verdicts cannot decide; empty if there is nothing to report.
    """

    exit_code: int
    reason: str


def decide(
    words: Collection[str], exit_code: int, answer: Answer | None, was_stopped: bool, problem: str = ""
) -> Decision:
    """Return the exit code of a run from pytest's own `exit_code` and the shipper's answer.

    With `new`, only new failures fail the run. With `slower`, newly slower tests and tests over their budget fail
    it too. Exit codes other than passed and failed do not change. `problem` is why the run is not recorded
    completely, or why its quarantine was not applied; empty otherwise.
    """
    if not words or exit_code not in (_PASSED, _FAILED):
        return Decision(exit_code, "")
    verdicts = answer.verdicts if answer else None
    if answer is None or verdicts is None:
        obstacle = problem or (answer.analysis_error if answer else "") or "the verdicts were not ready in time"
    else:
        obstacle = problem or _find_obstacle(verdicts, answer.counts, was_stopped, is_red=exit_code == _FAILED)
    if obstacle or verdicts is None:
        return Decision(exit_code, f"--akastats-fail-on not applied: {obstacle}")
    new = verdicts.labels.get("new", 0) if "new" in words else 0
    slower = _count_slower(verdicts) if "slower" in words else 0
    if new or slower:
        return Decision(_FAILED, f"this run fails: {_describe_counts(new, slower)} (--akastats-fail-on)")
    if exit_code == _PASSED or "new" not in words:
        return Decision(exit_code, "")
    return Decision(_PASSED, "no failure is new: this run passes (--akastats-fail-on)")


def _count_slower(verdicts: RunVerdicts) -> int:
    return verdicts.totals.get("slower", 0) + verdicts.totals.get("over_budget", 0) + len(verdicts.suite)


def _find_obstacle(verdicts: RunVerdicts, counts: Mapping[str, int], was_stopped: bool, is_red: bool) -> str:
    """Return why the verdicts are not enough for a decision; empty if they are."""
    if verdicts.runs - 1 < MIN_EARLIER_RUNS:
        return f"{count_of(max(0, verdicts.runs - 1), 'earlier run')} recorded, {MIN_EARLIER_RUNS} needed"
    if verdicts.unlabelled:
        return "some failures have no base to compare with"
    if was_stopped:
        return "not all tests have run"
    if counts.get("collect_errors"):
        return "some files could not be collected"
    return _find_unexplained(verdicts.labels, counts, is_red)


def _find_unexplained(labels: Mapping[str, int], counts: Mapping[str, int], is_red: bool) -> str:
    """Return why the labels do not explain the result; empty if they do.

    Another plugin may have failed the run.
    """
    if sum(labels.values()) != counts.get("failed", 0) + counts.get("errors", 0):
        return "not every failure has a label"
    if is_red and not any(count for label, count in labels.items() if label != "quarantined"):
        return "this run failed for a reason other than a test"
    return ""


def _describe_counts(new: int, slower: int) -> str:
    parts = [
        count_of(new, "new failure") if new else "",
        f"{slower:,} slower or over budget" if slower else "",
    ]
    return " and ".join(part for part in parts if part)
