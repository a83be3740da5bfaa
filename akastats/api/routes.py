"""Which routers there are, and how they come onto somebody's FastAPI application."""

from __future__ import annotations

from typing import TypeVar

from fastapi import APIRouter, FastAPI

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

#: The usage guide's endpoints: what `attach_routes` brings unless asked for everything.
STATS: tuple[APIRouter, ...] = (stats.router,)
#: What the ready application has. A new noun is one file and one entry here.
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
    """The endpoints of this package, to be attached to any FastAPI application or router."""

    def attach_routes(self, host: Host, prefix: str = "", everything: bool = False) -> Host:
        """Add the guide's endpoints to `host`, or all of them, below `prefix`; return `host`.

        Nothing else of the host changes: no middleware, no exception handler, no event. Errors are plain
        `HTTPException`s, answered as the host answers them: by default `{"detail": "..."}`.
        """
        for router in EVERYTHING if everything else STATS:
            host.include_router(router, prefix=prefix.rstrip("/"))
        return host


app = Routes()
