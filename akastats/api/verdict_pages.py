"""Paginate lists of verdicts; all pages of a list come from the verdicts of the same run."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends

from akastats.api.limits import LabelCursor
from akastats.api.problems import Problem
from akastats.errors import NotFoundError
from akastats.queries import cursors
from akastats.queries.verdicts import DatedVerdicts, PageStart
from akastats.redis import async_redis
from akastats.store.requests import Operation

T = TypeVar("T")

# Maximum index in a cursor plus one. The verdicts of a run have fewer tests and changes.
_MAX_INDEX = 1_000_000


def _decode_start(cursor: LabelCursor = "") -> PageStart | None:
    if not cursor:
        return None
    try:
        run, at = cursors.decode(cursor, str, int)
    except ValueError as error:
        raise _invalid_cursor(str(error)) from error
    if not (run and 0 <= at < _MAX_INDEX):
        raise _invalid_cursor("not a cursor of this list")
    return PageStart(run, at)


def _invalid_cursor(reason: str) -> Problem:
    return Problem(422, f"cursor: {reason}; use `next` of the previous page", "cursor")


#: Position where a page begins; `None` for the first page.
After = Annotated[PageStart | None, Depends(_decode_start)]


async def read_page(operation: Operation[T]) -> T:
    """Return a page of verdicts; raises `Problem` if the verdicts of the previous pages have expired."""
    try:
        return await async_redis.run(operation)
    except NotFoundError as error:
        raise Problem(422, f"cursor: {error}; start with the first page", "cursor") from error


def encode_next(source: DatedVerdicts | None, after: PageStart | None, size: int, total: int) -> str | None:
    """Return the cursor of the page that follows a page of `size` items; `None` at the end."""
    at = (after.at if after else 0) + size
    return cursors.encode([source.verdicts.run, at]) if source and at < total else None
