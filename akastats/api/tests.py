"""Tests: listed, each in full, their histories, and beside runs as a grid."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator
from starlette.routing import Match
from starlette.types import Scope

from akastats.api import cache
from akastats.api.access import ReadsContexts
from akastats.api.limits import PAGE_DEFAULT, LabelCursor, PageSize, place_of
from akastats.api.models.tests import Grid, GridLine, TestDetails, TestHistory, TestRow, TestsPage
from akastats.api.problems import Route, documented
from akastats.config import config
from akastats.model.points import MAX_LABEL_BYTES, check_label
from akastats.queries import cursors, one_test_details, one_test_verdicts, tests, tests_list
from akastats.queries.run_failures import WITHOUT_TEXTS
from akastats.queries.tests_list import Listed, ListQuery
from akastats.queries.verdict_answers import answer_change, answer_quarantine, answer_test
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["tests"], responses=documented(422, 503))

GRID_DEFAULT, GRID_MAX = 50, 200

NodeId = Annotated[
    str,
    AfterValidator(check_label),
    Path(
        description=f"pytest's, percent-encoded, slashes may stay; 1 to {MAX_LABEL_BYTES} bytes in UTF-8",
        examples=["tests/test_orders.py::test_total[eur]"],
    ),
]
Suite = Annotated[str, Query(max_length=64, description="the run's suite, if it had one", examples=["unit"])]
AnySuite = Annotated[
    str | None, Query(max_length=64, description="empty: tests without one; absent: all", examples=["unit"])
]
Words = Annotated[
    str,
    Query(
        max_length=500, description="words that all occur in the node id, whatever their case", examples=["total"]
    ),
]
Outcome = Annotated[
    Literal["", "passed", "failed", "error", "xfailed", "xpassed", "rerun"],
    Query(description="only tests whose newest attempt had this outcome; empty: all", examples=["failed"]),
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
Sort = Annotated[SortName, Query(description="`-` in front: descending")]


def _wanted(q: Words = "", suite: AnySuite = None, outcome: Outcome = "", sort: Sort = "-last_time") -> ListQuery:
    return ListQuery(q, suite, outcome, sort)


@router.get("/tests")
async def get_tests(
    wanted: Annotated[ListQuery, Depends(_wanted)], cursor: LabelCursor = "", limit: PageSize = PAGE_DEFAULT
) -> TestsPage:
    """List tests that ran in the last two weeks; `outcome` is the newest attempt's. Filters combine."""
    after = place_of(cursor, str if wanted.sort.endswith("nodeid") else float)
    seen = await cache.tests.now()
    suites = {each.suite for each in seen.items.values()} if wanted.suite is None else {wanted.suite}
    rates = await cache.rates.of(seen, suites)
    page = tests_list.page(tests_list.with_rates(seen, rates), wanted, after, limit)
    following = cursors.encode(page.next) if page.next else None
    return TestsPage(items=[TestRow(**_row(each)) for each in page.items], next=following, total=page.total)


@router.get("/grid")
async def get_grid(
    branch: Annotated[str, Query(max_length=1000, description="the whole name", examples=["main"])] = "",
    suite: AnySuite = None,
    q: Words = "",
    cursor: LabelCursor = "",
    limit: Annotated[int, Query(ge=1, le=GRID_MAX, description="tests a page")] = GRID_DEFAULT,
) -> Grid:
    """Answer tests, by node id, beside the 30 newest runs of a branch and suite."""
    wanted, after = ListQuery(q, suite, sort="nodeid"), place_of(cursor, str)
    seen = await cache.tests.now()
    found = await async_redis.run(tests_list.grid(config.namespace, seen, wanted, branch, after, limit))
    page = found.page
    return Grid(
        runs=found.runs,
        items=[GridLine(nodeid=line.nodeid, suite=line.suite or None, cells=line.cells) for line in page.items],
        next=cursors.encode(page.next) if page.next else None,
        total=page.total,
    )


class HistoryRoute(Route):
    """A route whose last word is the address's own: sent as `%2Fhistory`, it is the end of a node id.

    Go's subtests are called `TestServer/history`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether the route is meant, by the path as it was sent."""
        sent = bytes(scope.get("raw_path") or b"").split(b"?")[0]
        return (Match.NONE, {}) if sent.lower().endswith(b"%2fhistory") else super().matches(scope)


async def get_test_history(nodeid: NodeId, suite: Suite = "", limit: PageSize = 100) -> TestHistory:
    """Answer a test's newest attempts, newest first, each with its run, commit, branch, outcome and error."""
    items = await async_redis.run(tests.history(config.namespace, nodeid, suite, limit))
    return TestHistory(nodeid=nodeid, suite=suite or None, items=items)


router.add_api_route(
    "/tests/{nodeid:akastats}/history",
    get_test_history,
    responses=documented(404),
    route_class_override=HistoryRoute,
)


@router.get("/tests/{nodeid:akastats}", responses=documented(404))
async def get_test(nodeid: NodeId, reads_contexts: ReadsContexts, suite: Suite = "") -> TestDetails:
    """Answer one test: its numbers, what it failed with, and what its fixtures cost."""
    found = await async_redis.run(one_test_details.one_test(config.namespace, nodeid, suite))
    told = await async_redis.run(one_test_verdicts.of_test(config.namespace, config.run_days, nodeid, suite))
    failures = found.failures
    if not reads_contexts:
        failures = [replace(failure, **WITHOUT_TEXTS) for failure in failures]
    rate = {"failure_rate": told.verdict.test.rate} if told.verdict else {}
    return TestDetails(
        **_row(found.listed) | rate,
        label=found.listed.label,
        numbers=found.numbers,
        failures=failures,
        latest=found.latest,
        fixtures=found.fixtures,
        verdict=answer_test(told.verdict) if told.verdict else None,
        together=told.together,
        changes=list(map(answer_change, told.changes)),
        quarantine=answer_quarantine(told.quarantine),
        judged_by=told.judged_by,
    )


def _row(listed: Listed) -> dict[str, Any]:
    row = listed.row
    told = {name: getattr(row, name) for name in row.__slots__}
    return {**told, "nodeid": listed.nodeid, "suite": listed.suite or None, "last_outcome": row.last_outcome}
