"""Changes of durations: what became slower or faster since which run, and what people say of it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ValidationError

from akastats.api.access import may_write
from akastats.api.limits import PAGE_DEFAULT, PageSize, read_body
from akastats.api.models.verdicts import MarkWanted, RegressionsPage
from akastats.api.problems import Route, documented, invalid
from akastats.api.verdict_pages import After, encode_next, read_page
from akastats.api.verdicts import AnyBranch, AnySuite, JudgedRun
from akastats.config import config
from akastats.queries import regressions
from akastats.queries.regressions import ListQuery
from akastats.queries.verdict_answers import (
    Acknowledgement,
    answer_acknowledgement,
    answer_change,
    answer_in_short,
    answer_paces,
)
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["verdicts"], responses=documented(422, 503))

MAX_MARK_BYTES = 16 * 1024

ChangeId = Annotated[
    str, Path(min_length=1, max_length=64, description="id of a change", examples=["7e8a1bf79f85d966"])
]
Kind = Annotated[
    Literal["", "test", "fixture", "collect", "stat"],
    Query(description="only changes of these; empty: of all, without the suite as a whole", examples=["test"]),
]


@router.get("/regressions")
async def get_regressions(
    after: After,
    suite: AnySuite = None,
    branch: AnyBranch = None,
    kind: Kind = "",
    faster: Annotated[bool, Query(description="what became faster too", examples=[True])] = False,
    limit: PageSize = PAGE_DEFAULT,
) -> RegressionsPage:
    """List what became slower by the newest verdicts, newest first, of one run the largest first."""
    wanted = ListQuery(kind or None, faster)
    asked = regressions.page(config.namespace, config.run_days, wanted, after, limit, suite, branch)
    found = await read_page(asked)
    return RegressionsPage(
        items=list(map(answer_change, found.items)),
        next=encode_next(found.source, after, limit, found.total),
        total=found.total,
        suite_changes=list(map(answer_change, found.suite_changes)),
        together=found.source.verdicts.together if found.source else (),
        paces=answer_paces(found.source.verdicts) if found.source else [],
        verdicts=answer_in_short(found.source),
    )


async def _mark(request: Request) -> MarkWanted:
    body = await read_body(request, MAX_MARK_BYTES)
    try:
        return MarkWanted.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid([{**first, "loc": ("body", *first["loc"])}]) from error


_BODY = {
    "requestBody": {
        "required": True,
        "description": "what to say of it",
        "content": {"application/json": {"schema": MarkWanted.model_json_schema()}},
    }
}


@router.put(
    "/regressions/{id}/mark",
    dependencies=[may_write],
    responses=documented(404, 408, 413, 415),
    openapi_extra=_BODY,
)
async def put_mark(
    id: ChangeId, wanted: Annotated[MarkWanted, Depends(_mark)], run: JudgedRun = ""
) -> Acknowledgement:
    """Say of a change that it is known, was expected, or is noise, in place of what was said before."""
    asked = regressions.acknowledge(config.namespace, config.run_days, id, wanted.mark, wanted.reason, run)
    return answer_acknowledgement(await async_redis.run(asked))


@router.delete(
    "/regressions/{id}/mark",
    status_code=204,
    response_class=Response,
    dependencies=[may_write],
    responses=documented(404),
)
async def delete_mark(id: ChangeId, run: JudgedRun = "") -> Response:
    """Take back what was said of a change."""
    await async_redis.run(regressions.withdraw(config.namespace, config.run_days, id, run))
    return Response(status_code=204)
