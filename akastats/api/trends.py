"""Routes for the trends of a suite over its runs, and for the branches and suites to filter by."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from akastats.api.limits import PageSize
from akastats.api.models.runs import TrendPage
from akastats.api.problems import Route, describe_errors
from akastats.api.runs import MAX_VALUE, After
from akastats.config import config
from akastats.queries import runs as reading
from akastats.queries import trends
from akastats.queries.trends import Facets
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"], responses=describe_errors(422, 503))

# Default number of runs per page.
TREND_DEFAULT = 200

Branch = Annotated[str, Query(max_length=MAX_VALUE, description="full branch name", examples=["main"])]
Suite = Annotated[str, Query(max_length=MAX_VALUE, description="suite name", examples=["unit"])]


@router.get("/trends")
async def get_trends(
    after: After, branch: Branch = "", suite: Suite = "", limit: PageSize = TREND_DEFAULT
) -> TrendPage:
    """List runs that have ended, with their results, newest first. A page may be short although more follow."""
    trend = await async_redis.run(
        trends.read_trend(config.namespace, {"branch": branch, "suite": suite}, after, limit)
    )
    return TrendPage(items=trend.items, next=reading.encode(trend.next))


@router.get("/facets")
async def get_facets() -> Facets:
    """Return the branches and suites that runs can be filtered by."""
    return await async_redis.run(trends.read_facets(config.namespace))
