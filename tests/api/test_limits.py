"""Limits of a request's body, and clients that disconnect."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from akastats.api.limits import read_body
from akastats.api.problems import Problem


def test_a_client_that_leaves_during_its_body_is_a_problem_and_no_traceback() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)

    with pytest.raises(Problem, match="disconnected"):
        asyncio.run(read_body(request, 10))
