"""The complete application with API and page: `uvicorn akastats.app:app`."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Any

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import HTTPBearer

from akastats import __version__
from akastats.api import events
from akastats.api.access import Access, policy_of
from akastats.api.compression import Compression
from akastats.api.problems import answer_problems, as_problems, describe_errors
from akastats.api.routes import EVERYTHING
from akastats.config import config
from akastats.dashboard import page
from akastats.redis import async_redis


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one connection open while the application serves.

    An unreachable server does not prevent the start. An invalid token prevents it, because the API would not be
    protected as configured.
    """
    policy_of(config.now())
    async with async_redis():
        with _end_streams_on_signal():
            yield


@contextmanager
def _end_streams_on_signal() -> Iterator[None]:
    """End event streams on Ctrl-C and SIGTERM, because uvicorn waits for every response before it stops."""
    is_main = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM) if is_main}

    def end(number: int, frame: FrameType | None) -> None:
        events.end_all()
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for each, handler in before.items():
        if callable(handler):
            signal.signal(each, end)
    try:
        yield
    finally:
        for each, handler in before.items():
            if signal.getsignal(each) is end:
                signal.signal(each, handler)


# This only documents the scheme in OpenAPI; the middleware `Access` checks the token.
_BEARER = HTTPBearer(auto_error=False, description="not required on this machine itself if no token is set")


class Service(FastAPI):
    """The complete application, whose OpenAPI document describes errors as problem+json."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, built at the first call."""
        if self.openapi_schema is None:
            self.openapi_schema = as_problems(super().openapi())
        return self.openapi_schema


def create_app(routers: Sequence[APIRouter] = EVERYTHING) -> FastAPI:
    """Return an application that serves these routers and the page, and reports errors as problem+json."""
    app = Service(
        title="Akastats",
        version=__version__,
        description="Statistics stored in Redis or Valkey: numbers, histories and contexts of labels.",
        lifespan=lifespan,
        dependencies=[Security(_BEARER)],
        responses=describe_errors(401, 403, 421, 429, 431),
        generate_unique_id_function=lambda route: route.name,
        # FastAPI's page would load scripts from a CDN.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Compression)
    app.add_middleware(Access)
    for router in (*routers, page.router):
        app.include_router(router)
    return answer_problems(app, page.answer_unmatched)


app = create_app()
