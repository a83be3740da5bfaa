"""Labels, a page at a time: what a page offers to choose from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from akastats.api.limits import PAGE_DEFAULT, LabelCursor, PageSize
from akastats.api.models.stats import LabelsPage
from akastats.api.problems import Problem, Route, documented
from akastats.config import config
from akastats.queries import cursors, labels
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["stats"], responses=documented(422, 503))

Prefix = Annotated[str, Query(max_length=500, description="what labels begin with", examples=["run::"])]
Words = Annotated[
    str, Query(max_length=500, description="words that all occur, whatever their case", examples=["orders"])
]


@router.get("/labels")
async def get_labels(
    prefix: Prefix = "", q: Words = "", cursor: LabelCursor = "", limit: PageSize = PAGE_DEFAULT
) -> LabelsPage:
    """List labels in byte order. A page may be short and not the last: `next` says."""
    try:
        after = cursors.label_of(cursor)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; it is `next` of the page before", "cursor") from error
    found = await async_redis.run(labels.page(config.namespace, prefix, q, after, limit))
    return LabelsPage(items=found.items, next=cursors.of_label(found.next) if found.next else None)
