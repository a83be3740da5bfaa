"""Routes for runs: the list, one run in full, its tests and files, its profile, and a comparison of two runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from akastats.api.access import ReadsContexts
from akastats.api.limits import PAGE_DEFAULT, Cursor, PageSize
from akastats.api.models.profiles import PerfettoFile, Profile, SpeedscopeFile
from akastats.api.models.runs import Comparison, RunFilesPage, RunsPage, RunTestsPage
from akastats.api.problems import Problem, Route, describe_errors
from akastats.config import config
from akastats.extensions import load_finding_rules
from akastats.model import profile
from akastats.queries import findings, ledger, plan, run_comparison, run_details, run_files, run_tests
from akastats.queries import runs as reading
from akastats.queries.findings import RunFindings
from akastats.queries.ledger import RunLedger
from akastats.queries.plan import MAX_WORKERS, RunPlan
from akastats.queries.run_details import RunDetails
from akastats.queries.run_files import FileQuery
from akastats.queries.run_tests import ListQuery
from akastats.redis import async_redis
from akastats.report import trace_files
from akastats.store.runs import Position

router = APIRouter(prefix="/api/v1", route_class=Route, tags=["runs"], responses=describe_errors(422, 503))

# Maximum number of characters in a filter.
MAX_VALUE = 1000
# Default number of runs per page.
RUNS_DEFAULT = 50

RunId = Annotated[
    str, Path(min_length=1, max_length=200, description="id of a run", examples=["20260801T101500123-6e913c"])
]


Outcome = Literal["", "passed", "failed", "error", "skipped", "xfailed", "xpassed", "rerun"]
Sort = Literal["order", "-order", "nodeid", "-nodeid", "seconds", "-seconds", "setup", "-setup"]
FileSort = Literal[
    "path", "-path", "collection", "-collection", "tests", "-tests", "failed", "-failed", "seconds", "-seconds"
]
WORDS = "words that must all occur in the node id; case-insensitive"

Format = Annotated[
    Literal["json", "speedscope", "perfetto"],
    Query(description="the profile as JSON, or a file for speedscope.app or ui.perfetto.dev"),
]
AllFindings = Annotated[bool, Query(description="also findings that save little", examples=[False])]
Workers = Annotated[
    Sequence[Annotated[int, Field(ge=0, le=MAX_WORKERS)]],
    Query(max_length=20, description="numbers of workers; default: powers of 2 up to the CPUs", examples=[[0, 2]]),
]
Distributions = Annotated[
    Sequence[Literal["load", "loadscope", "loadfile", "loadgroup", "worksteal", "each"]],
    Query(min_length=1, max_length=6, description="values of `--dist`", examples=[["load", "worksteal"]]),
]
WithoutFixtures = Annotated[
    Sequence[Annotated[str, Field(max_length=MAX_VALUE)]],
    Query(max_length=20, description="fixtures whose time is omitted", examples=[["database"]]),
]
Order = Annotated[
    Literal["collected", "longest-first"], Query(description="order of the tests", examples=["collected"])
]
Fixes = Annotated[
    Sequence[Annotated[str, Field(max_length=MAX_VALUE)]],
    Query(max_length=20, description="kinds of findings whose advice is followed", examples=[["fixture-scope"]]),
]
AnyProfile = Profile | SpeedscopeFile | PerfettoFile
_TRACE_FORMATS = {"speedscope": trace_files.speedscope, "perfetto": trace_files.perfetto}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def _filter(description: str, example: str) -> object:
    return Query(max_length=MAX_VALUE, description=description, examples=[example])


def _filters(
    branch: Annotated[str, _filter("full branch name", "main")] = "",
    suite: Annotated[str, _filter("suite name", "unit")] = "",
    status: Annotated[str, _filter("running, passed, failed, interrupted, crashed or empty", "failed")] = "",
    commit: Annotated[str, _filter("full commit id", "3af0983c0ffee3af0983c0ffee3af0983c0ffee0")] = "",
) -> dict[str, str]:
    return {"branch": branch, "suite": suite, "status": status, "commit": commit}


Filters = Annotated[dict[str, str], Depends(_filters)]


def _position(cursor: Cursor = "") -> Position | None:
    try:
        return reading.decode(cursor)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; use `next` of the previous page", "cursor") from error


After = Annotated[Position | None, Depends(_position)]


@router.get("/runs")
async def get_runs(
    filters: Filters,
    after: After,
    limit: PageSize = RUNS_DEFAULT,
) -> RunsPage:
    """List runs, newest first. Filters combine. A page may be short although more pages follow."""
    page = await async_redis.run(reading.read_page(config.namespace, filters, after, limit))
    return RunsPage(items=page.items, next=reading.encode(page.next))


@router.get("/runs/{id}", responses=describe_errors(404))
async def get_run(id: RunId, reads_contexts: ReadsContexts) -> RunDetails:
    """Return one run with its failures, slow tests, verdicts, and changes against its base run.

    Messages and frames come from tracebacks, so they are omitted without the scope `contexts`.
    """
    details = await async_redis.run(run_details.read_details(config.namespace, id))
    if not reads_contexts:
        details = run_details.without_texts(details)
    return run_details.answer_details(details)


def _test_query(
    outcome: Annotated[
        Outcome, Query(description="only tests with this outcome; empty: all outcomes", examples=["failed"])
    ] = "",
    q: Annotated[str, Query(max_length=MAX_VALUE, description=WORDS, examples=["orders eur"])] = "",
    sort: Annotated[Sort, Query(description="order; `-` in front: descending")] = "order",
) -> ListQuery:
    return ListQuery(outcome, q, sort)


def _decode_position(cursor: Cursor = "") -> int:
    if not cursor:
        return 0
    # No profile has more than 10**8 tests. int() also accepts signs, spaces and the digits of other scripts.
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 9):
        raise Problem(422, "cursor: not a cursor of this list; use `next` of the previous page", "cursor")
    return int(cursor)


@router.get("/runs/{id}/tests", responses=describe_errors(404))
async def get_run_tests(
    id: RunId,
    query: Annotated[ListQuery, Depends(_test_query)],
    start: Annotated[int, Depends(_decode_position)],
    limit: PageSize = PAGE_DEFAULT,
) -> RunTestsPage:
    """List the tests of a run, one item per attempt. Filters combine."""
    content = await async_redis.run(run_details.read_profile(config.namespace, id))
    page = run_tests.select_page(content, query, start, limit)
    return RunTestsPage(items=page.items, next=None if page.next is None else str(page.next), total=page.total)


def _file_query(
    q: Annotated[
        str, Query(max_length=MAX_VALUE, description="words that must all occur in the path", examples=["orders"])
    ] = "",
    sort: Annotated[FileSort, Query(description="order; `-` in front: descending")] = "-seconds",
) -> FileQuery:
    return FileQuery(q, sort)


@router.get("/runs/{id}/files", responses=describe_errors(404))
async def get_run_files(
    id: RunId,
    query: Annotated[FileQuery, Depends(_file_query)],
    start: Annotated[int, Depends(_decode_position)],
    limit: PageSize = PAGE_DEFAULT,
) -> RunFilesPage:
    """List the test files of a run, with the durations of their collection and of their tests."""
    content = await async_redis.run(run_details.read_profile(config.namespace, id))
    page = run_files.select_page(content, query, start, limit)
    return RunFilesPage(items=page.items, next=None if page.next is None else str(page.next), total=page.total)


@router.get("/runs/{id}/ledger", responses=describe_errors(404))
async def get_run_ledger(id: RunId) -> RunLedger:
    """Return where the wall time of each process of a run went."""
    return await async_redis.run(ledger.read_ledger(config.namespace, id))


@router.get("/runs/{id}/findings", responses=describe_errors(404))
async def get_run_findings(id: RunId, all: AllFindings = False) -> RunFindings:
    """Return what costs time in a run and what a change would save, the largest saving first."""
    return await async_redis.run(findings.read_findings(config.namespace, id, all, load_finding_rules()))


@router.get("/runs/{id}/plan", responses=describe_errors(404))
async def get_run_plan(
    id: RunId,
    workers: Workers = (),
    dist: Distributions = ("load", "worksteal", "loadscope", "loadfile"),
    without: WithoutFixtures = (),
    order: Order = "collected",
    fix: Fixes = (),
) -> RunPlan:
    """Predict the duration of a run with other numbers of workers and distributions."""
    is_longest_first = order == "longest-first"
    reading_plan = plan.read_plan(config.namespace, id, workers, dist, without, is_longest_first, fix)
    return await async_redis.run(reading_plan)


@router.get("/runs/{id}/compare/{base}", responses=describe_errors(404))
async def get_comparison(id: RunId, base: RunId) -> Comparison:
    """Return the differences between a run and another run, its base."""
    compared = await async_redis.run(run_comparison.compare(config.namespace, id, base))
    return Comparison(**vars(compared.changes), run=compared.run, base=compared.base, left_out=compared.left_out)


@router.get("/runs/{id}/profile", response_model=AnyProfile, responses=describe_errors(404))
async def get_run_profile(id: RunId, format: Format = "json") -> Any:
    """Return the tests, fixtures and files of one run, as JSON or as a file for another program."""
    content = await async_redis.run(run_details.read_profile(config.namespace, id))
    if format == "json":
        return profile.to_json(content)
    trace = _TRACE_FORMATS[format](f"run {id}", content)
    disposition = f'attachment; filename="{_UNSAFE.sub("_", id)}.{format}.json"'
    return JSONResponse(trace, headers={"content-disposition": disposition})
