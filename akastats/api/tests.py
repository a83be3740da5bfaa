"""Routes for tests: the list, one test in full, its history, and a grid of tests and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator
from starlette.routing import Match
from starlette.types import Scope

from akastats.api import cache
from akastats.api.access import ReadsContexts
from akastats.api.limits import PAGE_DEFAULT, LabelCursor, PageSize, decode_position
from akastats.api.models.tests import Grid, GridLine, TestDetails, TestHistory, TestRow, TestsPage
from akastats.api.problems import Route, describe_errors
from akastats.config import config
from akastats.model.points import MAX_LABEL_BYTES, check_label
from akastats.queries import cursors, history, per_test_verdicts, recorded_tests
from akastats.queries.grid import read_grid
from akastats.queries.recorded_tests import ListQuery, RecordedTest
from akastats.queries.run_failures import WITHOUT_TEXTS
from akastats.queries.verdict_answers import answer_change, answer_quarantine, answer_test
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["tests"], responses=describe_errors(422, 503))

# Default and maximum number of tests per page of the grid.
GRID_DEFAULT, GRID_MAX = 50, 200

NodeId = Annotated[
    str,
    AfterValidator(check_label),
    Path(
        description=f"node id, percent-encoded except for slashes; 1 to {MAX_LABEL_BYTES} bytes in UTF-8",
        examples=["tests/test_orders.py::test_total[eur]"],
    ),
]
Suite = Annotated[str, Query(max_length=64, description="suite of the test; empty if missing", examples=["unit"])]
AnySuite = Annotated[
    str | None,
    Query(max_length=64, description="suite; empty: tests without a suite; absent: all tests", examples=["unit"]),
]
Words = Annotated[
    str,
    Query(
        max_length=500,
        description="words that must all occur in the node id; case-insensitive",
        examples=["total"],
    ),
]
Outcome = Annotated[
    Literal["", "passed", "failed", "error", "xfailed", "xpassed", "rerun"],
    Query(
        description="only tests whose newest attempt has this outcome; empty: all outcomes", examples=["failed"]
    ),
]
SortName = Literal[
    "nodeid",
    "-nodeid",
    "last",
    "-last",
    "avg",
    "-avg",
    "p50",
    "-p50",
    "p95",
    "-p95",
    "runs",
    "-runs",
    "failure_rate",
    "-failure_rate",
    "last_time",
    "-last_time",
]
Sort = Annotated[SortName, Query(description="order; `-` in front: descending")]


def _test_query(
    q: Words = "", suite: AnySuite = None, outcome: Outcome = "", sort: Sort = "-last_time"
) -> ListQuery:
    return ListQuery(q, suite, outcome, sort)


@router.get("/tests")
async def get_tests(
    query: Annotated[ListQuery, Depends(_test_query)], cursor: LabelCursor = "", limit: PageSize = PAGE_DEFAULT
) -> TestsPage:
    """List the tests that ran in the last two weeks. Filters combine."""
    after = decode_position(cursor, str if query.sort.endswith("nodeid") else float)
    cached = await cache.tests.now()
    suites = {each.suite for each in cached.items.values()} if query.suite is None else {query.suite}
    rates = await cache.rates.of(cached, suites)
    page = recorded_tests.select_page(recorded_tests.with_rates(cached, rates), query, after, limit)
    following = cursors.encode(page.next) if page.next else None
    return TestsPage(items=[TestRow(**_row(each)) for each in page.items], next=following, total=page.total)


@router.get("/grid")
async def get_grid(
    branch: Annotated[str, Query(max_length=1000, description="full branch name", examples=["main"])] = "",
    suite: AnySuite = None,
    q: Words = "",
    cursor: LabelCursor = "",
    limit: Annotated[int, Query(ge=1, le=GRID_MAX, description="tests per page")] = GRID_DEFAULT,
) -> Grid:
    """Return the outcomes of tests, by node id, in the 30 newest runs of a branch and suite."""
    query, after = ListQuery(q, suite, sort="nodeid"), decode_position(cursor, str)
    cached = await cache.tests.now()
    grid = await async_redis.run(read_grid(config.namespace, cached, query, branch, after, limit))
    page = grid.page
    return Grid(
        runs=grid.runs,
        items=[GridLine(nodeid=line.nodeid, suite=line.suite or None, cells=line.cells) for line in page.items],
        next=cursors.encode(page.next) if page.next else None,
        total=page.total,
    )


class HistoryRoute(Route):
    """A route whose path ends in `/history`. A path that ends in `%2Fhistory` is a node id and does not match.

    Go's subtests have names such as `TestServer/history`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as the client sent it."""
        sent = bytes(scope.get("raw_path") or b"").split(b"?")[0]
        return (Match.NONE, {}) if sent.lower().endswith(b"%2fhistory") else super().matches(scope)


async def get_test_history(nodeid: NodeId, suite: Suite = "", limit: PageSize = 100) -> TestHistory:
    """Return the newest attempts of a test, each with its run, commit, branch, outcome and error."""
    items = await async_redis.run(history.read_attempts(config.namespace, nodeid, suite, limit))
    return TestHistory(nodeid=nodeid, suite=suite or None, items=items)


router.add_api_route(
    "/tests/{nodeid:akastats}/history",
    get_test_history,
    responses=describe_errors(404),
    route_class_override=HistoryRoute,
)


@router.get("/tests/{nodeid:akastats}", responses=describe_errors(404))
async def get_test(nodeid: NodeId, reads_contexts: ReadsContexts, suite: Suite = "") -> TestDetails:
    """Return one test with its statistics, failures, fixtures and verdict."""
    details = await async_redis.run(recorded_tests.read_details(config.namespace, nodeid, suite))
    verdicts = await async_redis.run(
        per_test_verdicts.read_verdicts(config.namespace, config.run_days, nodeid, suite)
    )
    failures = details.failures
    if not reads_contexts:
        failures = [replace(failure, **WITHOUT_TEXTS) for failure in failures]
    rate = {"failure_rate": verdicts.verdict.test.rate} if verdicts.verdict else {}
    return TestDetails(
        **_row(details.test) | rate,
        label=details.test.label,
        numbers=details.numbers,
        failures=failures,
        latest=details.latest,
        fixtures=details.fixtures,
        verdict=answer_test(verdicts.verdict) if verdicts.verdict else None,
        together=verdicts.together,
        changes=list(map(answer_change, verdicts.changes)),
        quarantine=answer_quarantine(verdicts.quarantine),
        judged_by=verdicts.run,
    )


def _row(test: RecordedTest) -> dict[str, Any]:
    row = test.row
    fields = {name: getattr(row, name) for name in row.__slots__}
    return {**fields, "nodeid": test.nodeid, "suite": test.suite or None, "last_outcome": row.last_outcome}
