"""The quarantine: list, add and remove tests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from akastats.api.access import may_write
from akastats.api.limits import read_body
from akastats.api.models.quarantine import QuarantineEntry, QuarantinePage, QuarantineWish, answer_entry
from akastats.api.problems import Route, documented, invalid
from akastats.api.tests import AnySuite, NodeId, Suite
from akastats.config import config
from akastats.local_time import get_end_of_day, load_zone
from akastats.redis import async_redis
from akastats.triage import quarantine
from akastats.triage.quarantine import QuarantineRequest

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["quarantine"], responses=documented(422, 503))

MAX_WISH_BYTES = 16 * 1024
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "end of the quarantine, and the reason",
        "content": {"application/json": {"schema": QuarantineWish.model_json_schema()}},
    }
}


async def _wish(request: Request) -> QuarantineWish:
    """Read the body with limits on its size and time."""
    body = await read_body(request, MAX_WISH_BYTES)
    try:
        # Unlike the json module, pydantic's parser rejects deep nesting and NaN as invalid.
        return QuarantineWish.model_validate_json(body)
    except ValidationError as error:
        # For a value that is neither a number nor a day, the last error explains the format of a day.
        last = error.errors(include_url=False, include_input=False)[-1]
        raise invalid([{**last, "loc": ("body", *last["loc"][:1])}]) from error


@router.get("/quarantine")
async def get_quarantine(suite: AnySuite = None) -> QuarantinePage:
    """List the tests in quarantine, those that end first at the top: at most 1,000, all on one page."""
    entries = await async_redis.run(quarantine.read_entries(config.namespace, suite))
    return QuarantinePage(items=[answer_entry(entry) for entry in entries])


@router.put(
    "/quarantine/{nodeid:akastats}",
    dependencies=[may_write],
    responses=documented(403, 408, 409, 413, 415),
    openapi_extra=_BODY,
)
async def put_quarantine(
    nodeid: NodeId,
    wish: Annotated[QuarantineWish, Depends(_wish)],
    suite: Suite = "",
    force: Annotated[
        bool, Query(description="accept a test that is unknown or always fails", examples=[True])
    ] = False,
) -> QuarantineEntry:
    """Put a test into quarantine, or change its end and reason. The status is 409 if a rule forbids it."""
    until = get_end_of_day(wish.until, load_zone(config.timezone)) if isinstance(wish.until, str) else wish.until
    entry_request = QuarantineRequest(nodeid, suite, until, wish.reason, wish.by)
    entry = await async_redis.run(quarantine.put(config.namespace, entry_request, config.protected, force))
    return answer_entry(entry)


@router.delete(
    "/quarantine/{nodeid:akastats}", status_code=204, dependencies=[may_write], responses=documented(403, 404)
)
async def delete_quarantine(nodeid: NodeId, suite: Suite = "") -> None:
    """Take a test out of quarantine."""
    await async_redis.run(quarantine.remove(config.namespace, nodeid, suite))
