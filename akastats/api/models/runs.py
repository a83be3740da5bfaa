"""Models of runs: lists, details, tests, comparisons and trends."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.analysis import comparison
from akastats.analysis.comparison import Difference
from akastats.api.models.common import COMMIT, CONTEXT_ID, FINGERPRINT, NODEID, RUN_ID, STARTED, TIME_CURSOR
from akastats.api.models.derived import add_examples
from akastats.queries.run_comparison import Changes
from akastats.queries.run_details import RunContents, SlowFixture, SlowTest
from akastats.queries.run_failures import Failure
from akastats.queries.run_files import RunFile
from akastats.queries.run_tests import RunTest
from akastats.queries.runs import Run
from akastats.queries.trends import Facets, TrendPoint

add_examples(
    Run,
    id=RUN_ID,
    status="failed",
    suite="unit",
    branch="main",
    commit=COMMIT,
    dirty=False,
    nested=False,
    base_branch="develop",
    pull_request="7",
    default_branch="main",
    started=STARTED,
    finished=1785579361.5,
    answered=1785579361.8,
    exited=1785579361.9,
    duration=61.377,
    exit_code=1,
    died_in=["tests/test_orders.py::test_total"],
    tests=812,
    planned=812,
    passed=801,
    failed=2,
    errors=1,
    skipped=8,
    xfailed=0,
    xpassed=0,
    reruns=3,
    collect_errors=0,
    provider="github",
    build_id="30433642",
    build_url="https://github.com/octo/orders/actions/runs/30433642",
    job="unit",
    attempt="1",
    host="runner-4",
    platform="linux-x86_64",
    python="3.13.1",
    pytest="9.0.2",
    workers=8,
    dist="load",
    cpu_count=8,
    machine_memory=16_777_216_000,
    argv="-n 8 --akastats",
    quarantine=True,
)


@dataclass(frozen=True)
class RunsPage:
    """Runs, newest first.

    items: the runs of this page
    next: cursor of the next page; null at the end
    """

    items: list[Run]
    next: str | None


add_examples(RunsPage, next=TIME_CURSOR)
add_examples(
    Failure,
    fingerprint=FINGERPRINT,
    exception="AssertionError",
    message="assert 12 == 13",
    frames=["orders/total.py::total"],
    error_id=CONTEXT_ID,
    count=1,
    tests=[NODEID],
    first_seen=1785579301.4,
    seen_before=True,
    file="orders/total.py",
    line=12,
)
add_examples(SlowTest, name=NODEID, outcome="passed", seconds=2.31, usual=0.42)
add_examples(SlowFixture, name="database", baseid="tests", scope="session", count=8, seconds=6.5, usual=6.1)
add_examples(
    Difference, "Change", nodeid=NODEID, outcome="failed", base_outcome="passed", seconds=2.31, base_seconds=0.42
)
add_examples(Changes, added=3, removed=0, noise=12)
add_examples(RunContents, has_profile=True, failing_left_out=0)


@dataclass(frozen=True, kw_only=True)
class Comparison(comparison.Comparison):
    """Two runs and their differences, at most 1,000 per list.

    run: the run that is compared
    base: the run that it is compared with
    left_out: number of changes beyond 1,000 per list
    """

    run: Run
    base: Run
    left_out: int


add_examples(Comparison, left_out=0)
add_examples(
    RunTest,
    nodeid=NODEID,
    outcome="failed",
    start=12.5,
    seconds=0.42,
    setup=0.01,
    call=0.42,
    teardown=0.0,
    worker="gw0",
    error_id=CONTEXT_ID,
    stats=["rows"],
    peak_memory=64_118_784,
)


@dataclass(frozen=True)
class RunTestsPage:
    """Tests of one run, in the requested order.

    items: the attempts of this page
    next: cursor of the next page; null at the end
    total: number of items on all pages
    """

    items: list[RunTest]
    next: str | None
    total: int


add_examples(RunTestsPage, next="100", total=812)
add_examples(RunFile, path="tests/test_orders.py", collection=0.31, tests=42, failed=1, seconds=6.2)


@dataclass(frozen=True)
class RunFilesPage:
    """Test files of one run, in the requested order.

    items: the files of this page
    next: cursor of the next page; null at the end
    total: number of items on all pages
    """

    items: list[RunFile]
    next: str | None
    total: int


add_examples(RunFilesPage, next="100", total=96)
add_examples(
    TrendPoint,
    run=RUN_ID,
    started=STARTED,
    suite="unit",
    branch="main",
    commit=COMMIT,
    status="failed",
    duration=61.377,
    tests=812,
    passed=801,
    failed=2,
    errors=1,
    skipped=8,
    pass_rate=0.9963,
)


@dataclass(frozen=True)
class TrendPage:
    """Runs that have ended, newest first.

    items: the runs of this page
    next: cursor of the next page; null at the end
    """

    items: list[TrendPoint]
    next: str | None


add_examples(TrendPage, next=TIME_CURSOR)
add_examples(
    Facets,
    branches=["main", "topic/faster"],
    suites=["unit", "e2e"],
    labels_total=10412,
    default_branch="main",
)
