"""Annotations of the code: failures, newly flaky and slower tests, tests over their budget. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from akastats.model.verdicts import DurationChange, OverBudget, UnhealthyTest, Verdicts, newly_flaky, newly_slower
from akastats.queries.run_details import Details
from akastats.report import phrases
from akastats.report.failing_tests import Failing, Standing, failing
from akastats.report.repository_paths import Places
from akastats.report.run_document import name_of

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
    label = f"{standing}, {phrases.failure_rate(each.rate)}" if each.rate is not None else standing
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
    rate = phrases.failure_rate(test.rate, test.low, test.high)
    title = f"{test.nodeid} is {phrases.NEWLY_FLAKY}"
    return Finding(
        "flaky-test", None, ("flaky-test", suite, test.nodeid), title, rate, places.of_test(test.nodeid)
    )


def _slower(change: DurationChange, places: Places) -> Finding:
    name = name_of(change.label)
    size = phrases.change_sentence(change.before, change.after, change.ratio)
    certainty = phrases.certainty(change.is_suspected, change.runs_after)
    key = ("slower-test", change.label, change.environment)
    path = places.of_test(_file_of(change.label))
    return Finding("slower-test", None, key, f"{name} is {phrases.NEWLY_SLOWER}", f"{size}, {certainty}", path)


def _file_of(label: str) -> str:
    """Return the file that a label is about; empty for a user's own number."""
    word, _, rest = label.partition("::")
    is_ours = word.partition("@")[0] in ("test", "fixture", "collect")
    return rest.partition("::")[0] if is_ours else ""


def _over(each: OverBudget, suite: str, places: Places) -> Finding:
    key = ("over-budget", suite, each.nodeid, each.rule)
    text = phrases.over_budget_sentence(each.seconds, each.allowed, each.rule)
    return Finding(
        "over-budget", None, key, f"{each.nodeid} is {phrases.OVER_BUDGET}", text, places.of_test(each.nodeid)
    )
