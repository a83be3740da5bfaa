"""What forges mark in the code: failures, newly flaky and slower tests, budgets that did not hold. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from akastats.formatting import format_duration, format_percent
from akastats.model.verdicts import DurationChange, OverBudget, UnhealthyTest, Verdicts, newly_flaky, newly_slower
from akastats.queries.run_details import Details
from akastats.report.failing_tests import Failing, Standing, failing
from akastats.report.repository_paths import Places
from akastats.report.run_document import name_of, over, sureness

Rule = Literal["test-failure", "flaky-test", "slower-test", "over-budget"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to be marked; `key` is the same for the same thing in another run.

    `path` is counted from the repository's root, empty where it is not known; `line` is 1 where only that is.
    """

    rule: Rule
    standing: Standing | None
    key: tuple[str, ...]
    title: str
    text: str
    path: str
    line: int = 1


def findings(details: Details, verdicts: Verdicts | None, places: Places) -> Iterator[Finding]:
    """Yield what there is to mark of a run, what matters most first."""
    for each in failing(details, verdicts):
        yield _failure(each, details.run.suite or "", places)
    if verdicts is not None:
        for test in newly_flaky(verdicts):
            yield _flaky(test, verdicts.suite, places)
        for change in newly_slower(verdicts):
            yield _slower(change, places)
        for exceeded in verdicts.over_budget:
            yield _over(exceeded, verdicts.suite, places)


def _failure(each: Failing, suite: str, places: Places) -> Finding:
    failure = each.failure
    said = ": ".join(filter(None, (failure.exception, failure.message))) if failure else ""
    standing = "" if each.standing == "not judged" else each.standing
    label = f"{standing}, fails {format_percent(each.rate)} of the time" if each.rate is not None else standing
    path, line = _place(each, places)
    key = ("test-failure", suite, each.nodeid, (failure.fingerprint if failure else None) or "")
    title = f"{each.nodeid} ({label})" if label else each.nodeid
    return Finding("test-failure", each.standing, key, title, said or "failed", path, line)


def _place(each: Failing, places: Places) -> tuple[str, int]:
    """Return file and line of a failure: where it was raised, else the file of its test."""
    failure = each.failure
    path = places.of_frame(failure.file) if failure and failure.file else ""
    if path and failure and failure.line:
        return path, failure.line
    return places.of_test(each.nodeid), 1


def _flaky(test: UnhealthyTest, suite: str, places: Places) -> Finding:
    rate = f"{format_percent(test.rate)} of the time ({format_percent(test.low)} to {format_percent(test.high)})"
    key = ("flaky-test", suite, test.nodeid)
    return Finding(
        "flaky-test", None, key, f"{test.nodeid} is newly flaky", f"fails {rate}", places.of_test(test.nodeid)
    )


def _slower(change: DurationChange, places: Places) -> Finding:
    name = name_of(change.label)
    size = f"took {format_duration(change.before)}, now {format_duration(change.after)}: {change.ratio:.2f} times"
    key = ("slower-test", change.label, change.environment)
    path = places.of_test(_file_of(change.label))
    return Finding("slower-test", None, key, f"{name} is newly slower", f"{size}, {sureness(change)}", path)


def _file_of(label: str) -> str:
    """Return the file that a label is about; empty for a user's own number."""
    word, _, rest = label.partition("::")
    is_ours = word.partition("@")[0] in ("test", "fixture", "collect")
    return rest.partition("::")[0] if is_ours else ""


def _over(each: OverBudget, suite: str, places: Places) -> Finding:
    key = ("over-budget", suite, each.nodeid, each.rule)
    title = f"{each.nodeid} is over its budget"
    return Finding("over-budget", None, key, title, f"took {over(each)}", places.of_test(each.nodeid))
