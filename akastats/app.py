"""The ready application, API and page: `uvicorn akastats.app:app`."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from fastapi import APIRouter, FastAPI

from akastats import __version__
from akastats.api import events
from akastats.api.problems import answer_problems
from akastats.api.routes import EVERYTHING
from akastats.dashboard import page
from akastats.redis import async_redis


@asynccontextmanager
async def connected(app: FastAPI) -> AsyncIterator[None]:
    """Keep one connection open while the application serves; a server that is away fails no start."""
    async with async_redis():
        with _streams_ended():
            yield


@contextmanager
def _streams_ended() -> Iterator[None]:
    """Have answers that do not end by themselves end at Ctrl-C and SIGTERM: uvicorn waits for all of them."""
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
