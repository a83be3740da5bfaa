"""Routes for the quarantine: list, add and remove tests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError

from akastats.api.access import requires_write
from akastats.api.limits import read_body
from akastats.api.models.quarantine import QuarantineBody, QuarantineEntry, QuarantinePage, answer_entry
from akastats.api.problems import Route, describe_errors, invalid
from akastats.api.tests import AnySuite, NodeId, Suite
from akastats.config import config
from akastats.local_time import get_end_of_day, load_zone
from akastats.redis import async_redis
from akastats.triage import quarantine
from akastats.triage.quarantine import QuarantineRequest

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["quarantine"], responses=describe_errors(422, 503))

# Maximum number of bytes in the body of a request.
MAX_ENTRY_BYTES = 16 * 1024
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "end of the quarantine, and the reason",
        "content": {"application/json": {"schema": QuarantineBody.model_json_schema()}},
    }
}


async def _read_entry(request: Request) -> QuarantineBody:
    """Read the body with limits on its size and time."""
    content = await read_body(request, MAX_ENTRY_BYTES)
    try:
        # Unlike the json module, pydantic's parser rejects deep nesting and NaN as invalid.
        return QuarantineBody.model_validate_json(content)
    except ValidationError as error:
        # For a value that is neither a number nor a day, the last error explains the format of a day.
        last = error.errors(include_url=False, include_input=False)[-1]
        raise invalid([{**last, "loc": ("body", *last["loc"][:1])}]) from error


@router.get("/quarantine")
async def get_quarantine(suite: AnySuite = None) -> QuarantinePage:
    """List the tests in quarantine, the earliest end first. All entries, at most 1,000, are on one page."""
    entries = await async_redis.run(quarantine.read_entries(config.namespace, suite))
    return QuarantinePage(items=[answer_entry(entry) for entry in entries])


@router.put(
    "/quarantine/{nodeid:akastats}",
    dependencies=[requires_write],
    responses=describe_errors(403, 408, 409, 413, 415),
    openapi_extra=_BODY,
)
async def put_quarantine(
    nodeid: NodeId,
    body: Annotated[QuarantineBody, Depends(_read_entry)],
    suite: Suite = "",
    force: Annotated[
        bool, Query(description="accept a test that is unknown or always fails", examples=[True])
    ] = False,
) -> QuarantineEntry:
    """Put a test into quarantine, or change its end and reason. The status is 409 if a rule forbids it."""
    until = get_end_of_day(body.until, load_zone(config.timezone)) if isinstance(body.until, str) else body.until
    entry_request = QuarantineRequest(nodeid, suite, until, body.reason, body.by)
    entry = await async_redis.run(quarantine.put(config.namespace, entry_request, config.protected, force))
    return answer_entry(entry)


@router.delete(
    "/quarantine/{nodeid:akastats}",
    status_code=204,
    dependencies=[requires_write],
    responses=describe_errors(403, 404),
)
async def delete_quarantine(nodeid: NodeId, suite: Suite = "") -> None:
    """Take a test out of quarantine."""
    await async_redis.run(quarantine.remove(config.namespace, nodeid, suite))
