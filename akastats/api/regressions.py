"""Routes for lasting changes of durations, and their acknowledgements."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import ValidationError

from akastats.api.access import requires_write
from akastats.api.limits import PAGE_DEFAULT, PageSize, read_body
from akastats.api.models.verdicts import AcknowledgementBody, RegressionsPage
from akastats.api.problems import Route, describe_errors, invalid
from akastats.api.verdict_pages import After, encode_next, read_page
from akastats.api.verdicts import AnyBranch, AnySuite
from akastats.config import config
from akastats.queries import regressions
from akastats.queries.regressions import ListQuery
from akastats.queries.verdict_answers import (
    Acknowledgement,
    answer_acknowledgement,
    answer_change,
    answer_in_short,
    answer_speeds,
)
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["verdicts"], responses=describe_errors(422, 503))

# Maximum number of bytes in the body of a request.
MAX_ACKNOWLEDGEMENT_BYTES = 16 * 1024

ChangeId = Annotated[
    str, Path(min_length=1, max_length=64, description="id of a change", examples=["7e8a1bf79f85d966"])
]
SearchedRun = Annotated[
    str,
    Query(
        max_length=200,
        description="id of the run whose verdicts have the change; empty: search the newest ten verdicts",
        examples=["20260801T101500123-6e913c"],
    ),
]
Kind = Annotated[
    Literal["", "test", "fixture", "collect", "import", "span", "stat"],
    Query(
        description="kind of the changed duration; empty: all kinds except the suite as a whole", examples=["test"]
    ),
]


@router.get("/regressions")
async def get_regressions(
    after: After,
    suite: AnySuite = None,
    branch: AnyBranch = None,
    kind: Kind = "",
    faster: Annotated[
        bool, Query(description="whether to include durations that became shorter", examples=[True])
    ] = False,
    limit: PageSize = PAGE_DEFAULT,
) -> RegressionsPage:
    """List durations that became longer, from the newest verdicts: newest first, in a run the largest first."""
    query = ListQuery(kind or None, faster)
    operation = regressions.read_page(config.namespace, config.run_days, query, after, limit, suite, branch)
    page = await read_page(operation)
    return RegressionsPage(
        items=list(map(answer_change, page.items)),
        next=encode_next(page.source, after, limit, page.total),
        total=page.total,
        suite_changes=list(map(answer_change, page.suite_changes)),
        together=page.source.verdicts.together if page.source else (),
        paces=answer_speeds(page.source.verdicts) if page.source else [],
        verdicts=answer_in_short(page.source),
    )


async def _read_body(request: Request) -> AcknowledgementBody:
    body = await read_body(request, MAX_ACKNOWLEDGEMENT_BYTES)
    try:
        return AcknowledgementBody.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid([{**first, "loc": ("body", *first["loc"])}]) from error


_BODY = {
    "requestBody": {
        "required": True,
        "description": "the acknowledgement",
        "content": {"application/json": {"schema": AcknowledgementBody.model_json_schema()}},
    }
}


@router.put(
    "/regressions/{id}/mark",
    dependencies=[requires_write],
    responses=describe_errors(404, 408, 413, 415),
    openapi_extra=_BODY,
)
async def put_mark(
    id: ChangeId, acknowledgement: Annotated[AcknowledgementBody, Depends(_read_body)], run: SearchedRun = ""
) -> Acknowledgement:
    """Acknowledge a duration change as known, expected or noise. This replaces an earlier acknowledgement."""
    operation = regressions.acknowledge(
        config.namespace, config.run_days, id, acknowledgement.mark, acknowledgement.reason, run
    )
    return answer_acknowledgement(await async_redis.run(operation))


@router.delete(
    "/regressions/{id}/mark",
    status_code=204,
    response_class=Response,
    dependencies=[requires_write],
    responses=describe_errors(404),
)
async def delete_mark(id: ChangeId, run: SearchedRun = "") -> Response:
    """Remove the acknowledgement of a duration change."""
    await async_redis.run(regressions.withdraw(config.namespace, config.run_days, id, run))
    return Response(status_code=204)
