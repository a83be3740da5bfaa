"""Routes for labels with their statistics, histories and contexts, and for the export to Prometheus."""

from __future__ import annotations

import math

from fastapi import APIRouter, Response

from akastats import prometheus
from akastats.api.access import requires_contexts
from akastats.api.limits import Ids, Label, Labels, Matcher, json_list
from akastats.api.models.stats import HistoryPoint
from akastats.api.problems import Problem, Route, describe_errors
from akastats.async_stats import available_stats, contexts, fetch_stats, fetch_stats_of, stat_history
from akastats.config import config
from akastats.errors import NotFoundError
from akastats.records import Stat, Summary
from akastats.redis import async_redis
from akastats.store import query

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["stats"], responses=describe_errors(422, 503))

# Maximum number of bytes in all contexts of a response. Memory holds each context as bytes, as text and as JSON.
MAX_CONTEXT_BYTES = 8 * 1024 * 1024


@router.get("/available-stats")
async def get_available_stats(matcher: Matcher = "*") -> list[str]:
    """List the labels that match a glob, in byte order."""
    return [label async for label in available_stats(matcher)]


@router.get("/stats/{label:akastats}", responses=describe_errors(404))
async def get_stats(label: Label) -> Summary:
    """Return the statistics of one label."""
    return await fetch_stats(label)


@router.post(
    "/stats",
    responses=describe_errors(408, 413, 415),
    openapi_extra=json_list("labels", "url-downloader", "errors__all", min_length=1),
)
async def post_stats(labels: Labels) -> dict[str, Summary]:
    """Return the statistics of several labels, read in one round trip. Unknown labels are omitted."""
    return await fetch_stats_of(labels)


@router.get("/stats-history/{label:akastats}", responses=describe_errors(404))
async def get_stats_history(label: Label) -> list[HistoryPoint]:
    """Return the points of one label, newest first."""
    points = await stat_history(label)
    if not points:
        raise NotFoundError(f"no history of label {label[:200]!r}")
    return [_point(stat) for stat in points]


@router.post(
    "/stat-contexts",
    dependencies=[requires_contexts],
    responses=describe_errors(408, 413, 415),
    openapi_extra=json_list("context ids", "06466bfef6e7e40e52d572902df6757d"),
)
async def post_stat_contexts(ids: Ids) -> dict[str, str]:
    """Return contexts by id, decoded as UTF-8 with replacement. Unknown and expired contexts are omitted.

    The contexts of one request may have at most 8 MiB together.
    """
    size = await async_redis.run(query.read_contexts_size(config.namespace, ids))
    if size > MAX_CONTEXT_BYTES:
        advice = "request fewer at a time" if len(ids) > 1 else "read it from the Redis server itself"
        detail = f"contexts: {size} bytes together, at most {MAX_CONTEXT_BYTES}: {advice}"
        raise Problem(413, detail, "body", MAX_CONTEXT_BYTES)
    return {id_: content.decode(errors="replace") for id_, content in (await contexts(ids)).items()}


@router.get(
    "/stats-prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_stats_prometheus(matcher: Matcher = "*") -> Response:
    """Return the statistics of matching labels in the Prometheus text format."""
    exposition = await prometheus.export(matcher)
    return Response(exposition.body, headers=exposition.headers)


def _point(stat: Stat) -> HistoryPoint:
    value = stat.value if math.isfinite(stat.value) else None
    return HistoryPoint(timestamp=stat.timestamp, label=stat.label, value=value, context_id=stat.context_id)
