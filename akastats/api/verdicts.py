"""Routes for the verdicts of runs, and for the list of flaky and broken tests."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from akastats.api.access import requires_write
from akastats.api.limits import PAGE_DEFAULT, PageSize
from akastats.api.models.verdicts import FlakyPage
from akastats.api.problems import Route, describe_errors
from akastats.api.runs import MAX_VALUE
from akastats.api.verdict_pages import After, encode_next, read_page
from akastats.config import config
from akastats.errors import NotFoundError
from akastats.model.findings import FindingMark, MarkName
from akastats.queries import findings, flaky, run_report
from akastats.queries.findings import Predictions
from akastats.queries.flaky import ListQuery
from akastats.queries.verdict_answers import VerdictsAnswer, answer_in_short, answer_test, answer_verdicts
from akastats.redis import async_redis
from akastats.triage import finding_marks

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["verdicts"], responses=describe_errors(422, 503))

AnyBranch = Annotated[
    str | None,
    Query(
        max_length=MAX_VALUE,
        description="branch; empty: any branch; absent: the default branch, else any branch",
        examples=["main"],
    ),
]
AnySuite = Annotated[
    str | None,
    Query(max_length=64, description="suite; empty: runs without a suite; absent: any suite", examples=["unit"]),
]
AnalysedRun = Annotated[
    str,
    Query(
        max_length=200,
        description="id of a run; empty: the newest run of suite and branch",
        examples=["20260801T101500123-6e913c"],
    ),
]
StateFilter = Annotated[
    Literal["", "flaky", "broken", "undecided"],
    Query(description="only tests in this state; empty: any of these states"),
]
SortName = Literal[
    "seconds_lost",
    "-seconds_lost",
    "runs_failed",
    "-runs_failed",
    "rate",
    "-rate",
    "probability",
    "-probability",
    "since",
    "-since",
    "nodeid",
    "-nodeid",
]
Sort = Annotated[SortName, Query(description="order; `-` in front: descending")]


@router.get("/verdicts", responses=describe_errors(404))
async def get_verdicts(run: AnalysedRun = "", suite: AnySuite = None, branch: AnyBranch = None) -> VerdictsAnswer:
    """Return all verdicts of a run, by default of the newest run that was analysed."""
    return answer_verdicts(
        await async_redis.run(run_report.read_report(config.namespace, config.run_days, run, suite, branch))
    )


@router.get("/flaky")
async def get_flaky(
    after: After,
    suite: AnySuite = None,
    branch: AnyBranch = None,
    state: StateFilter = "flaky",
    sort: Sort = "-seconds_lost",
    limit: PageSize = PAGE_DEFAULT,
) -> FlakyPage:
    """List the tests in a state, from the newest verdicts; equal items are sorted by the seconds lost."""
    query = ListQuery(state or None, sort)
    page = await read_page(flaky.read_page(config.namespace, query, after, limit, suite, branch))
    return FlakyPage(
        items=[answer_test(each) for each in page.items],
        next=encode_next(page.source, after, limit, page.total),
        total=page.total,
        verdicts=answer_in_short(page.source),
    )


FindingId = Annotated[
    str, Path(min_length=1, max_length=64, description="id of a finding", examples=["7e8a1bf79f85d966"])
]


@router.put("/findings/{id}/mark", dependencies=[requires_write])
async def put_finding_mark(
    id: FindingId,
    mark: Annotated[
        MarkName,
        Query(description="dismissed findings are hidden from terminal and reports", examples=["dismissed"]),
    ],
    reason: Annotated[str, Query(max_length=500, description="reason", examples=["needs the real server"])] = "",
) -> FindingMark:
    """Acknowledge or dismiss a finding in all runs of its suite. This replaces an earlier mark."""
    return await async_redis.run(finding_marks.put_mark(config.namespace, config.run_days, id, mark, reason))


@router.delete(
    "/findings/{id}/mark",
    status_code=204,
    response_class=Response,
    dependencies=[requires_write],
    responses=describe_errors(404),
)
async def delete_finding_mark(id: FindingId) -> Response:
    """Remove the mark of a finding."""
    if not await async_redis.run(finding_marks.remove_mark(config.namespace, id)):
        raise NotFoundError(f"finding {id!r} has no mark: GET /api/v1/runs/{{id}}/findings lists ids and marks")
    return Response(status_code=204)


@router.get("/predictions")
async def get_predictions(suite: AnySuite = None, branch: AnyBranch = None) -> Predictions:
    """Return the findings that a later run fixed, newest first, with predicted and measured saving."""
    return await async_redis.run(findings.read_predictions(config.namespace, suite, branch))
