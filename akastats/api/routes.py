"""Attach the routers to a FastAPI application."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

from fastapi import APIRouter, FastAPI, params
from fastapi.routing import APIRoute

from akastats.api import (
    errors,
    events,
    health,
    labels,
    quarantine,
    regressions,
    runs,
    scopes,
    stats,
    tests,
    trends,
    verdicts,
)

Host = TypeVar("Host", bound=FastAPI | APIRouter)

#: The endpoints of the usage guide, which `attach_routes` adds by default.
STATS: tuple[APIRouter, ...] = (stats.router,)
#: All endpoints, as in the complete application.
EVERYTHING: tuple[APIRouter, ...] = (
    *STATS,
    runs.router,
    trends.router,
    events.router,
    tests.router,
    errors.router,
    verdicts.router,
    regressions.router,
    labels.router,
    quarantine.router,
    scopes.router,
    health.router,
)


class Routes:
    """The endpoints of this package, which any FastAPI application or router can attach."""

    def attach_routes(
        self,
        host: Host,
        prefix: str = "",
        everything: bool = False,
        *,
        dependencies: Sequence[params.Depends] | None = None,
        tags: Sequence[str | Enum] | None = None,
        include_in_schema: bool = True,
    ) -> Host:
        """Add the endpoints of the usage guide, or `everything`, to `host` below `prefix`; return `host`.

        `dependencies` run before each endpoint, such as a check of the caller. `tags` precede those of akastats in
        the host's OpenAPI document, which omits the endpoints if `include_in_schema` is false.

        The host gets no middleware, exception handler or event. Errors are plain `HTTPException`s, which the
        host's exception handlers return: by default `{"detail": "..."}`. A label may contain slashes, so a route
        of the host such as `/api/v1/stats/summary` takes precedence, whichever was declared first. The label of
        that name can be read with `POST /api/v1/stats`.
        """
        below = prefix.rstrip("/")
        for router in EVERYTHING if everything else STATS:
            host.include_router(
                router,
                prefix=below,
                dependencies=dependencies,
                tags=list(tags) if tags else None,
                include_in_schema=include_in_schema,
                generate_unique_id_function=_operation_ids(below),
            )
        return host


def _operation_ids(prefix: str) -> Callable[[APIRoute], str]:
    """Return the function that names operations uniquely: `get_stats`, below a prefix `inner_get_stats`."""
    words = re.findall("[A-Za-z0-9]+", prefix)
    return lambda route: "_".join([*words, route.name])


app = Routes()
