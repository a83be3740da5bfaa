"""Route that lists labels."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from akastats.api.limits import PAGE_DEFAULT, LabelCursor, PageSize
from akastats.api.models.stats import LabelsPage
from akastats.api.problems import Problem, Route, describe_errors
from akastats.config import config
from akastats.queries import cursors, labels
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["stats"], responses=describe_errors(422, 503))

Prefix = Annotated[str, Query(max_length=500, description="prefix of the labels", examples=["run::"])]
Words = Annotated[
    str,
    Query(
        max_length=500,
        description="words that must all occur in the label; case-insensitive",
        examples=["orders"],
    ),
]


@router.get("/labels")
async def get_labels(
    prefix: Prefix = "", q: Words = "", cursor: LabelCursor = "", limit: PageSize = PAGE_DEFAULT
) -> LabelsPage:
    """List labels in byte order. A page may be short although more pages follow."""
    try:
        after = cursors.label_of(cursor)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; use `next` of the previous page", "cursor") from error
    page = await async_redis.run(labels.read_page(config.namespace, prefix, q, after, limit))
    return LabelsPage(items=page.items, next=cursors.of_label(page.next) if page.next else None)
