"""Shared fixtures: requests to an application without a socket, and an application that is really served."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

Call = Callable[..., httpx.Response]

SERVE = """
import socket, sys, uvicorn
listening = socket.socket(fileno=int(sys.argv[1]))
uvicorn.Server(uvicorn.Config("akastats.app:app", log_level="error")).run([listening])
"""


def call(app: Any, method: str, url: str, **options: Any) -> httpx.Response:
    """Send one request to `app` in a new event loop; an exception becomes a 500."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, url, **options)

    return asyncio.run(send())


@pytest.fixture(name="call")
def _call() -> Call:
    """Return the function that sends a request to any application."""
    return call


@pytest.fixture
def call_api(server: str) -> Call:
    """Return a function that sends requests to the complete application, with an empty server."""
    from akastats.app import app

    return partial(call, app)


def walk(call_api: Call, path: str) -> Iterator[Any]:
    """Yield the items of all pages of a list; `path` has a query."""
    cursor = ""
    while cursor is not None:
        answer = call_api("GET", f"{path}&cursor={cursor}").json()
        yield from answer["items"]
        cursor = answer["next"]


@contextmanager
def serving(server_url: str, *arguments: str, script: str = SERVE, **variables: str) -> Iterator[int]:
    """Run a script that serves the complete application in a separate process; yield its port.

    The socket listens already, so that clients wait until uvicorn has started.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = subprocess.Popen(
            [sys.executable, "-c", script, str(listening.fileno()), *arguments],
            pass_fds=[listening.fileno()],
            env={**os.environ, "AKA_STATS_REDIS_URL": server_url, **variables},
        )
        port = listening.getsockname()[1]
    try:
        yield port
    finally:
        service.terminate()
        service.wait(10)


@pytest.fixture(scope="module")
def service_port(server_url: str) -> Iterator[int]:
    """Port of the complete application, served by uvicorn in a separate process."""
    with serving(server_url) as port:
        yield port


@pytest.fixture
def served(service_port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection to the served application, new for each test, because uvicorn closes idle ones after 5 s."""
    connection = http.client.HTTPConnection("127.0.0.1", service_port, timeout=30)
    yield connection
    connection.close()
