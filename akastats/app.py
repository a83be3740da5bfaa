"""The ready application, API and page: `uvicorn akastats.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from akastats import __version__
from akastats.api.problems import answer_problems
from akastats.api.routes import EVERYTHING
from akastats.dashboard import page
from akastats.redis import async_redis


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    """Keep one connection open while the application serves; a server that is away fails no start."""
    async with async_redis():
        yield


def create_app(routers: Sequence[APIRouter] = EVERYTHING) -> FastAPI:
    """Return an application with these routers and the page that answers its errors as problem+json."""
    app = FastAPI(
        title="Akastats",
        version=__version__,
        description="Statistics kept in Redis or Valkey: numbers, histories and contexts of labels.",
        lifespan=connected,
    )
    for router in (*routers, page.router):
        app.include_router(router)
    return answer_problems(app)


app = create_app()
