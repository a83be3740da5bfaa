"""Verdicts: what a run means, and which tests are flaky or broken."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from akastats.api.limits import PAGE_DEFAULT, PageSize
from akastats.api.models.verdicts import FlakyPage
from akastats.api.problems import Route, documented
from akastats.api.runs import MAX_VALUE
from akastats.api.verdict_pages import After, encode_next, read_page
from akastats.config import config
from akastats.queries import flaky, run_report
from akastats.queries.flaky import ListQuery
from akastats.queries.verdict_answers import VerdictsAnswer, answer_in_short, answer_test, answer_verdicts
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["verdicts"], responses=documented(422, 503))

AnyBranch = Annotated[
    str | None,
    Query(max_length=MAX_VALUE, description="empty: any; absent: the default branch, else any", examples=["main"]),
]
AnySuite = Annotated[
    str | None,
    Query(max_length=64, description="empty: runs without one; absent: any", examples=["unit"]),
]
JudgedRun = Annotated[
    str,
    Query(
        max_length=200,
        description="this one's; else the newest of suite and branch",
        examples=["20260801T101500123-6e913c"],
    ),
]
StateWanted = Annotated[
    Literal["", "flaky", "broken", "undecided"], Query(description="only tests in this state; empty: any of these")
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
Sort = Annotated[SortName, Query(description="`-` in front: descending")]


@router.get("/verdicts", responses=documented(404))
async def get_verdicts(run: JudgedRun = "", suite: AnySuite = None, branch: AnyBranch = None) -> VerdictsAnswer:
    """Answer all that a run means: by default the newest one that was judged."""
    return answer_verdicts(
        await async_redis.run(run_report.read_report(config.namespace, config.run_days, run, suite, branch))
    )


@router.get("/flaky")
async def get_flaky(
    after: After,
    suite: AnySuite = None,
    branch: AnyBranch = None,
    state: StateWanted = "flaky",
    sort: Sort = "-seconds_lost",
    limit: PageSize = PAGE_DEFAULT,
) -> FlakyPage:
    """List tests that are flaky, or broken, by the newest verdicts; those of one rank by what they cost."""
    wanted = ListQuery(state or None, sort)
    found = await read_page(flaky.page(config.namespace, wanted, after, limit, suite, branch))
    return FlakyPage(
        items=[answer_test(each) for each in found.items],
        next=encode_next(found.source, after, limit, found.total),
        total=found.total,
        verdicts=answer_in_short(found.source),
    )
