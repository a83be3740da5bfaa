"""Models of failures over all runs."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.api.models.common import COMMIT, CONTEXT_ID, FINGERPRINT, NODEID, RUN_ID, STARTED, VALUE_CURSOR
from akastats.api.models.derived import add_examples
from akastats.queries.errors import InRun, InTest


@dataclass(frozen=True)
class ErrorRow:
    """Failures with one fingerprint, over all runs.

    fingerprint: id of a group of equal failures
    exception: exception class; null if unknown
    message: numbers, addresses and paths masked; null if unknown, or without the scope `contexts`
    frames: innermost frames of the project, the innermost last; empty without the scope `contexts`
    first_seen: start of the first run with this failure, epoch seconds
    last_seen: start of the newest run with this failure, epoch seconds
    count: number of failures
    runs: number of runs with this failure
    tests: number of tests with this failure
    error_id: context id of the newest traceback
    newest_run: id of the newest run with this failure; null if unknown
    newest_test: node id of a test in that run; null if unknown
    """

    fingerprint: str
    exception: str | None
    message: str | None
    frames: list[str]
    first_seen: float
    last_seen: float
    count: int
    runs: int
    tests: int
    error_id: str | None
    newest_run: str | None
    newest_test: str | None


add_examples(
    ErrorRow,
    fingerprint=FINGERPRINT,
    exception="AssertionError",
    message="assert <n> == <n>",
    frames=["orders/total.py::total"],
    first_seen=STARTED,
    last_seen=STARTED,
    count=17,
    runs=4,
    tests=6,
    error_id=CONTEXT_ID,
    newest_run=RUN_ID,
    newest_test=NODEID,
)


@dataclass(frozen=True)
class ErrorsPage:
    """Failures in the requested order.

    items: the failures of this page
    next: cursor of the next page; null at the end
    total: number of items on all pages
    """

    items: list[ErrorRow]
    next: str | None
    total: int


add_examples(ErrorsPage, next=VALUE_CURSOR, total=31)
add_examples(InRun, "ErrorInRun", run=RUN_ID, started=STARTED, branch="main", commit=COMMIT, count=6)
add_examples(InTest, "ErrorInTest", nodeid=NODEID, suite="unit", count=3)


@dataclass(frozen=True)
class ErrorDetails(ErrorRow):
    """Failures with one fingerprint, with their newest traceback, runs and tests.

    traceback: the newest traceback; null without the scope `contexts`
    in_runs: the newest 100 runs with this failure, newest first
    in_tests: at most 100 tests with this failure, the most frequent first
    """

    traceback: str | None
    in_runs: list[InRun]
    in_tests: list[InTest]


add_examples(ErrorDetails, traceback="E       assert 12 == 13")
