"""Models of tests: lists, histories, grids and details."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.api.models.common import COMMIT, CONTEXT_ID, LABEL, NODEID, RUN_ID, VALUE_CURSOR
from akastats.api.models.derived import add_examples
from akastats.queries.history import Attempt
from akastats.queries.recorded_tests import Fixture, Phases
from akastats.queries.run_failures import Failure
from akastats.queries.runs import Run
from akastats.queries.verdict_answers import ChangeAnswer, InQuarantine, UnhealthyTestAnswer
from akastats.records import Summary

add_examples(
    Attempt,
    timestamp=1785579301.4,
    value=0.42,
    outcome="failed",
    run=RUN_ID,
    commit=COMMIT,
    branch="main",
    error_id=CONTEXT_ID,
)


@dataclass(frozen=True)
class TestHistory:
    """A test's newest attempts, newest first, on one page.

    nodeid: node id of the test
    suite: suite of the test; null if there is none
    items: the attempts, newest first
    next: always null, because there is one page
    """

    __test__ = False

    nodeid: str
    suite: str | None
    items: list[Attempt]
    next: str | None = None


add_examples(TestHistory, nodeid=NODEID, suite="unit", next=None)


@dataclass(frozen=True)
class TestRow:
    """One test in lists; durations in seconds. A field is null if its value is unknown.

    nodeid: node id of the test
    suite: suite of the test; null if there is none
    runs: number of all attempts
    failure_rate: 0 to 1, from its verdict; if it has no verdict, from the newest 100 attempts
    avg: mean of all attempts, in seconds
    last: newest duration in seconds
    p50: median of the newest 100 attempts, in seconds
    p95: 95th percentile of the newest 100 attempts, in seconds
    last_time: end of the newest attempt, epoch seconds
    last_outcome: outcome of the newest attempt: passed, failed, error, xfailed, xpassed, or rerun (failed and
        tried again)
    outcomes: one letter per attempt of the newest 30, newest first: p passed, f failed, e error, x xfailed,
        X xpassed, r rerun, ? unknown
    durations: seconds of the same attempts; null if unknown
    """

    __test__ = False

    nodeid: str
    suite: str | None
    runs: int
    failure_rate: float | None
    avg: float | None
    last: float | None
    p50: float | None
    p95: float | None
    last_time: float
    last_outcome: str | None
    outcomes: str
    durations: tuple[float | None, ...]


add_examples(
    TestRow,
    nodeid=NODEID,
    suite="unit",
    runs=412,
    failure_rate=0.02,
    avg=0.41,
    last=0.42,
    p50=0.4,
    p95=0.61,
    last_time=1785579301.4,
    last_outcome="passed",
    outcomes="pppfrp",
    durations=[0.42, 0.41, 0.4],
)


@dataclass(frozen=True)
class TestsPage:
    """Tests in the requested order.

    items: the tests of this page
    next: cursor of the next page; null at the end
    total: number of items on all pages
    """

    __test__ = False

    items: list[TestRow]
    next: str | None
    total: int


add_examples(TestsPage, next=VALUE_CURSOR, total=10234)


@dataclass(frozen=True)
class GridLine:
    """One test in a grid of tests and runs.

    nodeid: node id of the test
    suite: suite of the test; null if there is none
    cells: one letter per run, newest first, as in `outcomes` of a test; `.` if there is no attempt
    """

    nodeid: str
    suite: str | None
    cells: str


add_examples(GridLine, nodeid=NODEID, suite="unit", cells="pp.fp")


@dataclass(frozen=True)
class Grid:
    """Outcomes of tests in the newest runs.

    runs: the runs, newest first
    items: the tests of this page
    next: cursor of the next page; null at the end
    total: number of tests on all pages
    """

    runs: list[Run]
    items: list[GridLine]
    next: str | None
    total: int


add_examples(Grid, next=VALUE_CURSOR, total=10234)
add_examples(Phases, "TestPhases", run=RUN_ID, setup=0.01, call=0.42, teardown=0.0, worker="gw0")
add_examples(
    Fixture,
    "TestFixture",
    name="database",
    baseid="tests",
    scope="session",
    count=1,
    setup=0.812,
    teardown=0.1,
    is_requested=True,
)


@dataclass(frozen=True)
class TestDetails(TestRow):
    """One test in full. Its verdict and changes come from the newest verdicts of its suite.

    label: label of its durations
    numbers: statistics of its label
    failures: its newest 20 tracebacks, grouped by fingerprint, newest first; `count` is the number of attempts
    latest: phases in its newest run; null if the profile of that run has expired
    fixtures: fixtures visible to the test, at most 20: those that it requests, then the others, the slowest first;
        empty if that profile has expired
    verdict: its verdict; null if the test is healthy, new or not analysed
    together: tests that fail together, including this test
    changes: changes of its duration, slower and faster, newest first
    quarantine: quarantine of the test; null if it is not in quarantine
    judged_by: id of the run that the verdicts belong to; null if there are none
    """

    label: str
    numbers: Summary
    failures: list[Failure]
    latest: Phases | None
    fixtures: list[Fixture]
    verdict: UnhealthyTestAnswer | None
    together: tuple[str, ...]
    changes: list[ChangeAnswer]
    quarantine: InQuarantine | None
    judged_by: str | None


add_examples(TestDetails, label=LABEL, together=["tests/test_orders.py::test_tax"], judged_by=RUN_ID)
