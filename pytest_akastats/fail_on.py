"""`--akastats-fail-on`: which verdicts fail a run. Pure.

Where too little is known the tests' own result stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

#: Values of `--akastats-fail-on`.
WORDS = ("new", "slower")
#: Number of earlier runs that are required: with fewer there is no typical duration.
LEAST_RUNS = 5

_PASSED, _FAILED = 0, 1


class Decision(NamedTuple):
    """The exit code of a run, and why it is what it is, empty where nothing was decided."""

    exit_code: int
    reason: str


def decide(
    wanted: Collection[str], exit_code: int, answer: Mapping[str, Any], was_stopped: bool, problem: str = ""
) -> Decision:
    """Return the exit code of a run with pytest's own `exit_code`, by what the shipper's `answer` says of it.

    With `new`, of failing tests only new ones fail the run. With `slower`, newly slower tests and those over
    their budget fail it too. Interrupted runs, errors in collecting and the like stay what they are; `problem` is
    what kept the run from being recorded as it was.
    """
    if not wanted or exit_code not in (_PASSED, _FAILED):
        return Decision(exit_code, "")
    unknown = problem or _unknown(answer, was_stopped, is_red=exit_code == _FAILED)
    if unknown:
        return Decision(exit_code, f"--akastats-fail-on decides nothing, since {unknown}")
    told = answer["verdicts"]
    new = int(told["labels"].get("new", 0)) if "new" in wanted else 0
    slower = _slower(told) if "slower" in wanted else 0
    if new or slower:
        return Decision(_FAILED, f"this run fails: {_counted(new, slower)} (--akastats-fail-on)")
    if exit_code == _PASSED or "new" not in wanted:
        return Decision(exit_code, "")
    return Decision(_PASSED, "no failure is new: this run passes (--akastats-fail-on)")


def _slower(told: Mapping[str, Any]) -> int:
    return int(told["news"]["slower"]) + int(told["news"]["over_budget"]) + len(told["suite"])


def _unknown(answer: Mapping[str, Any], was_stopped: bool, is_red: bool) -> str:
    """Return why nothing can be decided, empty where it can."""
    told = answer.get("verdicts")
    if told is None:
        return answer.get("unjudged", "") or "there are no verdicts in time"
    if told["runs"] - 1 < LEAST_RUNS:
        return f"only {told['runs'] - 1} earlier runs are known, {LEAST_RUNS} are needed"
    if told["unlabelled"]:
        return "no base is known to compare with"
    if was_stopped:
        return "not all tests have run"
    if answer["counts"]["collect_errors"]:
        return "some files could not be collected"
    return _unexplained(told["labels"], answer["counts"], is_red)


def _unexplained(labels: Mapping[str, int], counts: Mapping[str, int], is_red: bool) -> str:
    """Return what of the run's result its labels do not explain: other plugins make runs fail, too."""
    if sum(labels.values()) != counts["failed"] + counts["errors"]:
        return "not every failure has a label"
    if is_red and not any(count for label, count in labels.items() if label != "quarantined"):
        return "no test is the reason why this run fails"
    return ""


def _counted(new: int, slower: int) -> str:
    failures = f"{new} new {'failure' if new == 1 else 'failures'}"
    parts = [failures if new else "", f"{slower} slower or over budget" if slower else ""]
    return " and ".join(part for part in parts if part)
