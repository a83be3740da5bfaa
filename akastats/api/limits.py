"""Limits on the size of requests, and the parameters and bodies that enforce them."""

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

# Maximum number of labels or context ids in a request. The server needs 25 ms for 1,000, in commands of 3 ms.
MAX_LABELS = 1000
# Maximum number of bytes in a list of labels or context ids.
MAX_BODY_BYTES = 1024 * 1024
# Maximum number of seconds for the body of a request, because an endless body would occupy its connection.
BODY_SECONDS = 10.0
# Maximum number of characters in a glob, and in a cursor without a label.
MAX_MATCHER = 512
# Maximum number of characters in a cursor with a label of 4096 bytes, which is partly escaped in JSON and base64.
MAX_LABEL_CURSOR = 16_000
# Default and maximum number of items per page.
PAGE_DEFAULT = 100
PAGE_MAX = 1000


class LabelConvertor(Convertor[str]):
    """Convert the rest of a path to a label; Starlette's `path` convertor stops at a newline."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """Return the label; the server has already decoded the path."""
        return value

    def to_string(self, value: str) -> str:
        """Return the path of a label."""
        return value


# Paths of routes contain this convertor as `{label:akastats}`.
register_url_convertor("akastats", LabelConvertor())

Label = Annotated[
    str,
    AfterValidator(check_label),
    Path(
        description=f"label, percent-encoded except for slashes; 1 to {MAX_LABEL_BYTES} bytes in UTF-8",
        examples=["url-downloader"],
    ),
]
Matcher = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MAX_MATCHER,
        description="Redis glob; `\\` escapes each of `*?[]\\`",
        examples=["DEVICE::*"],
    ),
]
PageSize = Annotated[int, Query(ge=1, le=PAGE_MAX, description="items per page")]
Cursor = Annotated[
    str,
    Query(max_length=MAX_MATCHER, description="`next` of the previous page; empty: first page", examples=[""]),
]

LabelCursor = Annotated[
    str,
    Query(
        max_length=MAX_LABEL_CURSOR, description="`next` of the previous page; empty: first page", examples=[""]
    ),
]

_LABELS = TypeAdapter(Annotated[list[Annotated[str, AfterValidator(check_label)]], Field(max_length=MAX_LABELS)])
# An id may be empty: points without a context have an empty id.
_IDS = TypeAdapter(
    Annotated[list[Annotated[str, Field(max_length=MAX_LABEL_BYTES)]], Field(max_length=MAX_LABELS)]
)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request.

    Raises `Problem` if the body is compressed, exceeds `max_bytes` bytes or takes more than 10 s.
    """
    # One compressed mebibyte can decompress to a gigabyte.
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(
            415,
            "content-encoding: compressed bodies are not accepted; send the body uncompressed",
            "content-encoding",
        )
    try:
        return await asyncio.wait_for(_read(request, max_bytes), BODY_SECONDS)
    except ClientDisconnect as error:
        # The client does not receive this response. Without the `Problem`, the log would contain a traceback.
        raise Problem(400, "body: the client disconnected before the end of the body", "body") from error
    except asyncio.TimeoutError as error:
        raise Problem(408, f"body: not received within {BODY_SECONDS:g} s", "body") from error


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Problem(413, f"body: more than {max_bytes} bytes", "body", max_bytes)
    return bytes(body)


async def _body(request: Request) -> bytes:
    return await read_body(request, MAX_BODY_BYTES)


def _strings(body: bytes, adapter: TypeAdapter[list[str]]) -> list[str]:
    """Return the strings of a JSON list without duplicates."""
    # Unlike the json module, pydantic's parser rejects deep nesting and NaN as invalid.
    try:
        return list(dict.fromkeys(adapter.validate_json(body)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise invalid([{**first, "loc": ("body", *first["loc"])}]) from error


async def _labels(body: Annotated[bytes, Depends(_body)]) -> list[str]:
    return _strings(body, _LABELS)


async def _ids(body: Annotated[bytes, Depends(_body)]) -> list[str]:
    return _strings(body, _IDS)


Labels = Annotated[list[str], Depends(_labels)]
Ids = Annotated[list[str], Depends(_ids)]


def json_list(description: str, *example: str, min_length: int = 0) -> dict[str, Any]:
    """Return the OpenAPI description of a body that is a list of strings.

    Each string has at least `min_length` and at most `MAX_LABEL_BYTES` characters.
    """
    items = {"type": "string", "minLength": min_length, "maxLength": MAX_LABEL_BYTES}
    schema = {"type": "array", "items": items, "maxItems": MAX_LABELS, "examples": [example]}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def decode_position(cursor: str, value: type) -> SortKey | None:
    """Return the sort key in a cursor, for a list sorted by values of this type; `None` for the first page."""
    if not cursor:
        return None
    try:
        at, text, name = cursors.decode(cursor, bool, value, str)
    except ValueError as error:
        raise Problem(422, f"cursor: {error}; use `next` of the previous page", "cursor") from error
    return (at, text, name)
