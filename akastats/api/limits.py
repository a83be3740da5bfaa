"""What may come in: the limits on size, and the parameters and bodies that keep them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect

from akastats.api.problems import Problem, invalid
from akastats.model.points import MAX_LABEL_BYTES, check_label
from akastats.queries import cursors
from akastats.queries.cached_lists import SortKey

# One round trip for 1,000 labels takes the server some 25 ms, in commands of 3 ms.
MAX_LABELS = 1000
MAX_BODY_BYTES = 1024 * 1024
# A body of the size above in this time is 0.8 Mbit/s; one that never ends would hold its connection for good.
BODY_SECONDS = 10.0
MAX_MATCHER = 512
# A label of 4096 bytes in JSON and base64, some of it escaped; and a request's header stays below 32 KiB.
MAX_LABEL_CURSOR = 16_000
PAGE_DEFAULT = 100
PAGE_MAX = 1000


class LabelConvertor(Convertor[str]):
    """The rest of a path as a label: Starlette's own `path` stops at a newline."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """Return the label of a path, which the server has already decoded."""
        return value

    def to_string(self, value: str) -> str:
        """Return the path of a label."""
        return value


# `{label:akastats}` in the paths of routes.
register_url_convertor("akastats", LabelConvertor())

Label = Annotated[
    str,
    AfterValidator(check_label),
    Path(
        description=f"percent-encoded, slashes may stay; 1 to {MAX_LABEL_BYTES} bytes in UTF-8",
        examples=["url-downloader"],
    ),
]
Matcher = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_MATCHER,
        description="a Redis glob; `\\` before `*?[]\\` takes them literally",
        examples=["DEVICE::*"],
    ),
]
PageSize = Annotated[int, Query(ge=1, le=PAGE_MAX, description="items a page")]
Cursor = Annotated[
    str,
    Query(max_length=MAX_MATCHER, description="`next` of the page before; empty: the first page", examples=[""]),
]

LabelCursor = Annotated[
    str,
    Query(
        max_length=MAX_LABEL_CURSOR, description="`next` of the page before; empty: the first page", examples=[""]
    ),
]

_LABELS = TypeAdapter(Annotated[list[Annotated[str, AfterValidator(check_label)]], Field(max_length=MAX_LABELS)])
# An id may be empty: that is what a history's points without a context carry.
_IDS = TypeAdapter(
    Annotated[list[Annotated[str, Field(max_length=MAX_LABEL_BYTES)]], Field(max_length=MAX_LABELS)]
)


async def read_body(request: Request, most: int) -> bytes:
    """Return a request's body, reading at most `most` bytes of it and for at most 10 s; else raise a problem."""
    # Decompressed, a mebibyte may be a gigabyte.
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "content-encoding: a body is sent as it is, not compressed", "content-encoding")
    try:
        return await asyncio.wait_for(_read(request, most), BODY_SECONDS)
    except ClientDisconnect as error:
        # Nobody reads the answer: it keeps a traceback out of the log.
        raise Problem(400, "body: the client disconnected before its end", "body") from error
    except asyncio.TimeoutError as error:
        raise Problem(408, f"body: not here within {BODY_SECONDS:g} s", "body") from error


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Problem(413, f"body: more than {most} bytes", "body", most)
    return bytes(body)


async def _body(request: Request) -> bytes:
    return await read_body(request, MAX_BODY_BYTES)


def _strings(body: bytes, shape: TypeAdapter[list[str]]) -> list[str]:
    """Return the strings of a JSON list, each once."""
    # pydantic's parser, not the json module's: deep nesting and NaN are errors of the request there.
    try:
        return list(dict.fromkeys(shape.validate_json(body)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid([{**first, "loc": ("body", *first["loc"])}]) from error


async def _labels(body: Annotated[bytes, Depends(_body)]) -> list[str]:
    return _strings(body, _LABELS)


async def _ids(body: Annotated[bytes, Depends(_body)]) -> list[str]:
    return _strings(body, _IDS)


Labels = Annotated[list[str], Depends(_labels)]
Ids = Annotated[list[str], Depends(_ids)]


def json_list(description: str, *example: str, least: int = 0) -> dict[str, Any]:
    """Return OpenAPI's words for a body that is a list of strings, which we read ourselves.

    `least` is how many characters each has at least; at most they have `MAX_LABEL_BYTES`.
    """
    items = {"type": "string", "minLength": least, "maxLength": MAX_LABEL_BYTES}
    schema = {"type": "array", "items": items, "maxItems": MAX_LABELS, "examples": [example]}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def place_of(cursor: str, value: type) -> SortKey | None:
    """Return where a page begins in a list that is sorted by values of this type; `None`: at its beginning."""
    if not cursor:
        return None
    try:
        at, text, name = cursors.decode(cursor, bool, value, str)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; it is `next` of the page before", "cursor") from error
    return (at, text, name)
