"""The whole OpenAPI document, asked in ways nobody would think of: nothing is an error of ours.

`FUZZ_EXAMPLES` says how many examples an operation gets: few with all other tests, 300 where everything is
tried, 1,000 in `make fuzz`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from schemathesis.checks import load_all_checks

from akastats.app import create_app
from tests.api.conftest import SERVE

TOKEN = "correct-horse-battery"
FEW, MANY = 8, int(os.environ.get("FUZZ_EXAMPLES", "300"))
OPERATIONS = [
    f"{method.upper()} {path}" for path, methods in create_app().openapi()["paths"].items() for method in methods
]

load_all_checks()


@pytest.fixture(scope="module")
def url(server_url: str) -> Iterator[str]:
    """The ready application, served to whoever has the token."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env={**os.environ, "AKA_STATS_REDIS_URL": server_url, "AKA_STATS_TOKEN": TOKEN},
        )
        port = listening.getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    service.terminate()
    service.wait(10)
