"""Runs: which there are, each with what failed and what was slow, and their profiles."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from akastats.api.limits import Cursor, PageSize
from akastats.api.problems import Problem, Route, documented
from akastats.api.shapes import Profile, Run, RunDetails, RunsPage
from akastats.config import config
from akastats.operations.runs import Position
from akastats.reading import details
from akastats.reading import runs as reading
from akastats.redis import async_redis

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"], responses=documented(422, 503))

MAX_VALUE = 1000
RUNS_DEFAULT = 50

RunId = Annotated[str, Path(min_length=1, max_length=200, examples=["20260801T101500123-6e913c"])]


def _filter(description: str, example: str) -> object:
    return Query(max_length=MAX_VALUE, description=description, examples=[example])


def _filters(
    branch: Annotated[str, _filter("the whole name", "main")] = "",
    suite: Annotated[str, _filter("the suite's name", "unit")] = "",
    status: Annotated[str, _filter("running, passed, failed, interrupted, crashed or empty", "failed")] = "",
    commit: Annotated[str, _filter("the whole id", "3af0983c0ffee3af0983c0ffee3af0983c0ffee0")] = "",
) -> dict[str, str]:
    return {"branch": branch, "suite": suite, "status": status, "commit": commit}


def _position(cursor: Cursor = "") -> Position | None:
    try:
        return reading.decode(cursor)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; it is `next` of the page before", "cursor") from error


@router.get("/runs")
async def get_runs(
    filters: Annotated[dict[str, str], Depends(_filters)],
    after: Annotated[Position | None, Depends(_position)],
    limit: PageSize = RUNS_DEFAULT,
) -> RunsPage:
    """List runs, newest first; filters combine. A page may be short and not the last: `next` says."""
    page = await async_redis.run(reading.page(config.namespace, filters, after, limit))
    return RunsPage(items=[Run.model_validate(run) for run in page.items], next=reading.encode(page.next))


@router.get("/runs/{id}", responses=documented(404))
async def get_run(id: RunId) -> RunDetails:
    """Answer one run, its failures grouped by traceback, and its slowest tests against their own past."""
    found = await async_redis.run(details.details(config.namespace, id))
    return RunDetails.model_validate({**vars(found.run), **vars(found)})


@router.get("/runs/{id}/profile", responses=documented(404))
async def get_run_profile(id: RunId) -> Profile:
    """Answer every test, fixture and file of one run, column-wise, durations in microseconds."""
    return Profile.model_validate(await async_redis.run(details.read_profile(config.namespace, id)))
