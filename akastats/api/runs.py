"""Runs: which there are, each with what failed and what was slow, its tests, its profile, and beside another."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse

from akastats.api.access import ReadsContexts
from akastats.api.limits import PAGE_DEFAULT, Cursor, PageSize
from akastats.api.models.profiles import PerfettoFile, Profile, SpeedscopeFile
from akastats.api.models.runs import Comparison, RunFilesPage, RunsPage, RunTestsPage
from akastats.api.problems import Problem, Route, documented
from akastats.config import config
from akastats.model import profile
from akastats.queries import run_comparison, run_details, run_files, run_tests
from akastats.queries import runs as reading
from akastats.queries.run_details import RunDetails
from akastats.queries.run_files import FileQuery
from akastats.queries.run_tests import ListQuery
from akastats.redis import async_redis
from akastats.report import trace_files
from akastats.store.runs import Position

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"], responses=documented(422, 503))

MAX_VALUE = 1000
RUNS_DEFAULT = 50

RunId = Annotated[
    str, Path(min_length=1, max_length=200, description="id of a run", examples=["20260801T101500123-6e913c"])
]


Outcome = Literal["", "passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun"]
Sort = Literal["order", "-order", "nodeid", "-nodeid", "seconds", "-seconds", "setup", "-setup"]
FileSort = Literal[
    "path", "-path", "collection", "-collection", "tests", "-tests", "failed", "-failed", "seconds", "-seconds"
]
WORDS = "words that all occur in the node id, whatever their case"

Format = Annotated[
    Literal["json", "speedscope", "perfetto"],
    Query(description="the profile itself, or a file for speedscope.app or ui.perfetto.dev"),
]
AnyProfile = Profile | SpeedscopeFile | PerfettoFile
_WRITTEN = {"speedscope": trace_files.speedscope, "perfetto": trace_files.perfetto}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def _filter(description: str, example: str) -> object:
    return Query(max_length=MAX_VALUE, description=description, examples=[example])


def _filters(
    branch: Annotated[str, _filter("the whole name", "main")] = "",
    suite: Annotated[str, _filter("the suite's name", "unit")] = "",
    status: Annotated[str, _filter("running, passed, failed, interrupted, crashed or empty", "failed")] = "",
    commit: Annotated[str, _filter("the whole id", "3af0983c0ffee3af0983c0ffee3af0983c0ffee0")] = "",
) -> dict[str, str]:
    return {"branch": branch, "suite": suite, "status": status, "commit": commit}


Filters = Annotated[dict[str, str], Depends(_filters)]


def _position(cursor: Cursor = "") -> Position | None:
    try:
        return reading.decode(cursor)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; it is `next` of the page before", "cursor") from error


After = Annotated[Position | None, Depends(_position)]


@router.get("/runs")
async def get_runs(
    filters: Filters,
    after: After,
    limit: PageSize = RUNS_DEFAULT,
) -> RunsPage:
    """List runs, newest first; filters combine. A page may be short and not the last: `next` says."""
    page = await async_redis.run(reading.page(config.namespace, filters, after, limit))
    return RunsPage(items=page.items, next=reading.encode(page.next))


@router.get("/runs/{id}", responses=documented(404))
async def get_run(id: RunId, reads_contexts: ReadsContexts) -> RunDetails:
    """Answer one run, what failed, what was slow against its own past, and what changed against its base.

    Messages and frames come out of tracebacks: a token without the scope `contexts` gets none.
    """
    found = await async_redis.run(run_details.details(config.namespace, id))
    if not reads_contexts:
        found = run_details.without_texts(found)
    return run_details.answer_details(found)


def _wanted(
    outcome: Annotated[
        Outcome, Query(description="only tests with this outcome; empty: all", examples=["failed"])
    ] = "",
    q: Annotated[str, Query(max_length=MAX_VALUE, description=WORDS, examples=["orders eur"])] = "",
    sort: Annotated[Sort, Query(description="`-` in front turns it round")] = "order",
) -> ListQuery:
    return ListQuery(outcome, q, sort)


def _place(cursor: Cursor = "") -> int:
    if not cursor:
        return 0
    # No profile has as many tests; int() reads signs, spaces and other scripts' digits too.
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 9):
        raise Problem(422, "cursor: not one of this list; it is `next` of the page before", "cursor")
    return int(cursor)


@router.get("/runs/{id}/tests", responses=documented(404))
async def get_run_tests(
    id: RunId,
    wanted: Annotated[ListQuery, Depends(_wanted)],
    start: Annotated[int, Depends(_place)],
    limit: PageSize = PAGE_DEFAULT,
) -> RunTestsPage:
    """List a run's tests, an attempt each; filters combine."""
    content = await async_redis.run(run_details.read_profile(config.namespace, id))
    page = run_tests.page(content, wanted, start, limit)
    return RunTestsPage(items=page.items, next=None if page.next is None else str(page.next), total=page.total)


def _file_query(
    q: Annotated[
        str, Query(max_length=MAX_VALUE, description="words that all occur in the path", examples=["orders"])
    ] = "",
    sort: Annotated[FileSort, Query(description="order; `-` in front: descending")] = "-seconds",
) -> FileQuery:
    return FileQuery(q, sort)


@router.get("/runs/{id}/files", responses=documented(404))
async def get_run_files(
    id: RunId,
    query: Annotated[FileQuery, Depends(_file_query)],
    start: Annotated[int, Depends(_place)],
    limit: PageSize = PAGE_DEFAULT,
) -> RunFilesPage:
    """List the test files of a run, with the durations of their collection and of their tests."""
    content = await async_redis.run(run_details.read_profile(config.namespace, id))
    page = run_files.page(content, query, start, limit)
    return RunFilesPage(items=page.items, next=None if page.next is None else str(page.next), total=page.total)


@router.get("/runs/{id}/compare/{base}", responses=documented(404))
async def get_comparison(id: RunId, base: RunId) -> Comparison:
    """Answer what differs between a run and another one, its base."""
    found = await async_redis.run(run_comparison.compare(config.namespace, id, base))
    return Comparison(**vars(found.changes), run=found.run, base=found.base, left_out=found.left_out)


@router.get("/runs/{id}/profile", response_model=AnyProfile, responses=documented(404))
async def get_run_profile(id: RunId, format: Format = "json") -> Any:
    """Answer every test, fixture and file of one run, or a file of them for another program."""
    content = await async_redis.run(run_details.read_profile(config.namespace, id))
    if format == "json":
        return profile.to_json(content)
    told = _WRITTEN[format](f"run {id}", content)
    disposition = f'attachment; filename="{_UNSAFE.sub("_", id)}.{format}.json"'
    return JSONResponse(told, headers={"content-disposition": disposition})
