"""Annotations of the code: failures, flaky, slower and skipped tests, tests over their budget."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from akastats.model.verdicts import DurationChange, OverBudget, UnhealthyTest, Verdicts, newly_flaky, newly_slower
from akastats.queries.run_details import Details
from akastats.report import phrases
from akastats.report.failing_tests import FailingTest, ReportedLabel, list_failing_tests
from akastats.report.repository_paths import RepositoryPaths
from akastats.report.run_document import display_name

Rule = Literal["test-failure", "flaky-test", "slower-test", "over-budget", "newly-skipped"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A message about a line of the code.

    rule: kind of the message
    label: label of a failing test; `None` for other rules
    key: values that identify the message, the same in each run
    title: one line, with the test or duration
    text: the message
    path: path relative to the root of the repository; empty if unknown
    line: line number; 1 if only the file is known
    """

    rule: Rule
    label: ReportedLabel | None
    key: tuple[str, ...]
    title: str
    text: str
    path: str
    line: int = 1


def list_annotations(details: Details, verdicts: Verdicts | None, paths: RepositoryPaths) -> Iterator[Annotation]:
    """Yield the annotations of a run, most important first."""
    for each in list_failing_tests(details, verdicts):
        yield _failure(each, details.run.suite or "", paths)
    if verdicts is not None:
        for test in newly_flaky(verdicts):
            yield _flaky(test, verdicts.suite, paths)
        for change in newly_slower(verdicts):
            yield _slower(change, paths)
        for exceeded in verdicts.over_budget:
            yield _over_budget(exceeded, verdicts.suite, paths)
        for nodeid in verdicts.newly_skipped:
            yield _newly_skipped(nodeid, verdicts.suite, paths)


def _failure(test: FailingTest, suite: str, paths: RepositoryPaths) -> Annotation:
    failure = test.failure
    message = ": ".join(filter(None, (failure.exception, failure.message))) if failure else ""
    label: str = "" if test.label == "not analysed" else test.label
    if test.rate is not None:
        label = f"{label}, {phrases.failure_rate(test.rate)}"
    path, line = _location(test, paths)
    key = ("test-failure", suite, test.nodeid, (failure.fingerprint if failure else None) or "")
    title = f"{test.nodeid} ({label})" if label else test.nodeid
    return Annotation("test-failure", test.label, key, title, message or "failed", path, line)


def _location(test: FailingTest, paths: RepositoryPaths) -> tuple[str, int]:
    """Return the file and line that raised the failure; if they are unknown, the file of the test and line 1."""
    failure = test.failure
    path = paths.path_of_frame(failure.file) if failure and failure.file else ""
    if path and failure and failure.line:
        return path, failure.line
    return paths.path_of_test(test.nodeid), 1


def _flaky(test: UnhealthyTest, suite: str, paths: RepositoryPaths) -> Annotation:
    return Annotation(
        "flaky-test",
        None,
        ("flaky-test", suite, test.nodeid),
        f"{test.nodeid} is {phrases.NEWLY_FLAKY}",
        phrases.failure_rate(test.rate, test.low, test.high),
        paths.path_of_test(test.nodeid),
    )


def _slower(change: DurationChange, paths: RepositoryPaths) -> Annotation:
    size = phrases.change_sentence(change.before, change.after, change.ratio)
    certainty = phrases.certainty(change.is_suspected, change.runs_after)
    return Annotation(
        "slower-test",
        None,
        ("slower-test", change.label, change.environment),
        f"{display_name(change.label)} is {phrases.NEWLY_SLOWER}",
        f"{size}, {certainty}",
        paths.path_of_test(_file_of(change.label)),
    )


def _file_of(label: str) -> str:
    """Return the file of a test, fixture or test file by its label; empty for a user's own label."""
    word, _, rest = label.partition("::")
    is_reserved = word.partition("@")[0] in ("test", "fixture", "collect")
    return rest.partition("::")[0] if is_reserved else ""


def _over_budget(test: OverBudget, suite: str, paths: RepositoryPaths) -> Annotation:
    return Annotation(
        "over-budget",
        None,
        ("over-budget", suite, test.nodeid, test.rule),
        f"{display_name(test.nodeid)} is {phrases.OVER_BUDGET}",
        phrases.over_budget_sentence(test.seconds, test.allowed, test.rule),
        paths.path_of_test(_file_of(test.nodeid) if display_name(test.nodeid) != test.nodeid else test.nodeid),
    )


def _newly_skipped(nodeid: str, suite: str, paths: RepositoryPaths) -> Annotation:
    return Annotation(
        "newly-skipped",
        None,
        ("newly-skipped", suite, nodeid),
        f"{nodeid} is {phrases.NEWLY_SKIPPED.title}",
        phrases.NEWLY_SKIPPED.note,
        paths.path_of_test(nodeid),
    )
