"""Routes for the failures of all runs, grouped by fingerprint."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from akastats.api import cache
from akastats.api.access import ReadsContexts
from akastats.api.limits import PAGE_DEFAULT, Cursor, PageSize, decode_position
from akastats.api.models.errors import ErrorDetails, ErrorRow, ErrorsPage
from akastats.api.problems import Route, describe_errors
from akastats.config import config
from akastats.model.results import test_of
from akastats.queries import cursors, errors
from akastats.queries.errors import ListedError, ListQuery
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["errors"], responses=describe_errors(422, 503))

Fingerprint = Annotated[
    str,
    Path(
        min_length=1,
        max_length=64,
        description="id of a group of equal failures",
        examples=["5c0ffee5c0ffee5c0ffee5c0ffee5c0f"],
    ),
]
SortName = Literal[
    "last_seen",
    "-last_seen",
    "first_seen",
    "-first_seen",
    "count",
    "-count",
    "runs",
    "-runs",
    "tests",
    "-tests",
]
Sort = Annotated[SortName, Query(description="order; `-` in front: descending")]


@router.get("/errors")
async def get_errors(
    reads_contexts: ReadsContexts,
    since: Annotated[
        float | None,
        Query(
            ge=-1e12,
            le=1e12,
            description="epoch seconds; only failures seen at this time or later",
            examples=[1785579300],
        ),
    ] = None,
    q: Annotated[
        str,
        Query(
            max_length=500,
            description="words that must all occur in class, message or frames; case-insensitive",
            examples=["KeyError basket"],
        ),
    ] = "",
    sort: Sort = "-last_seen",
    cursor: Cursor = "",
    limit: PageSize = PAGE_DEFAULT,
) -> ErrorsPage:
    """List failures over all runs, one item per fingerprint."""
    query, after = ListQuery(q, not reads_contexts, since, sort), decode_position(cursor, float)
    page = errors.select_page(await cache.failures.now(), query, after, limit)
    items = [ErrorRow(**_row(each, reads_contexts)) for each in page.items]
    return ErrorsPage(items=items, next=cursors.encode(page.next) if page.next else None, total=page.total)


@router.get("/errors/{fingerprint}", responses=describe_errors(404))
async def get_error(fingerprint: Fingerprint, reads_contexts: ReadsContexts) -> ErrorDetails:
    """Return the failures with one fingerprint: newest traceback, runs and tests."""
    error = await async_redis.run(errors.read_error(config.namespace, fingerprint))
    traceback = error.record.traceback if reads_contexts else ""
    return ErrorDetails(
        **_row(ListedError(fingerprint, "", error.record), reads_contexts),
        traceback=traceback or None,
        in_runs=error.in_runs,
        in_tests=error.in_tests,
    )


_NUMBERS = ("first_seen", "last_seen", "count", "runs", "tests")


def _row(listed: ListedError, reads_contexts: bool) -> dict[str, Any]:
    record = listed.record
    newest = test_of(record.newest_test)
    return {
        "fingerprint": listed.fingerprint,
        **{name: getattr(record, name) for name in _NUMBERS},
        "exception": record.exception or None,
        "message": (record.message or None) if reads_contexts else None,
        "frames": list(record.frames) if reads_contexts else [],
        "error_id": record.error_id or None,
        "newest_run": record.newest_run or None,
        "newest_test": newest.nodeid if newest else None,
    }
