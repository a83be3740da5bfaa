"""What the API's tests share: asking an application without a socket, and one that is really served."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

Ask = Callable[..., httpx.Response]

SERVE = """
import socket, sys, uvicorn
listening = socket.socket(fileno=int(sys.argv[1]))
uvicorn.Server(uvicorn.Config("akastats.app:app", log_level="error")).run([listening])
"""


def call(app: Any, method: str, url: str, **options: Any) -> httpx.Response:
    """Ask `app` once, in an event loop of its own; what it raises is its answer 500."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, url, **options)

    return asyncio.run(ask())


@pytest.fixture(name="call")
def _call() -> Ask:
    """The function that asks any application."""
    return call


@pytest.fixture
def ask(server: str) -> Ask:
    """Asks the ready application, on an empty server."""
    from akastats.app import app

    return partial(call, app)


@pytest.fixture(scope="module")
def service_port(server_url: str) -> Iterator[int]:
    """The port of the ready application, served by uvicorn in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Listening already, so that a client waits in the queue until uvicorn is there.
        service = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env={**os.environ, "AKA_STATS_REDIS_URL": server_url},
        )
        port = listening.getsockname()[1]
    yield port
    service.terminate()
    service.wait(10)


@pytest.fixture
def served(service_port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection to the served application, of this test's own: one that is idle for 5 s uvicorn closes."""
    connection = http.client.HTTPConnection("127.0.0.1", service_port, timeout=30)
    yield connection
    connection.close()
