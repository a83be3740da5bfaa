"""Tests: their histories, with what became of each attempt."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator

from akastats.api.limits import PageSize
from akastats.api.problems import Route, documented
from akastats.api.shapes import TestHistory
from akastats.config import config
from akastats.points import MAX_LABEL_BYTES, check_label
from akastats.reading import tests
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["tests"], responses=documented(422, 503))

NodeId = Annotated[
    str,
    AfterValidator(check_label),
    Path(
        description=f"pytest's, percent-encoded, slashes may stay; 1 to {MAX_LABEL_BYTES} bytes in UTF-8",
        examples=["tests/test_orders.py::test_total[eur]"],
    ),
]
Suite = Annotated[str, Query(max_length=64, description="the run's suite, if it had one", examples=["unit"])]


@router.get("/tests/{nodeid:akastats}/history", responses=documented(404))
async def get_test_history(nodeid: NodeId, suite: Suite = "", limit: PageSize = 100) -> TestHistory:
    """Answer a test's newest attempts, newest first, each with its run, commit, branch, outcome and error."""
    items = await async_redis.run(tests.history(config.namespace, nodeid, suite, limit))
    return TestHistory.model_validate({"nodeid": nodeid, "suite": suite or None, "items": items})
