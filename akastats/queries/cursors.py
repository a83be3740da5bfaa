"""Encode positions in lists as cursors for URLs: a JSON list in base64."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

_INVALID = "not a cursor of this list"


def encode(position: Sequence[Any]) -> str:
    """Return a position as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(position, ensure_ascii=False).encode()).decode().rstrip("=")


def decode(cursor: str, *types: type) -> list[Any]:
    """Return the parts of a cursor; raise `ValueError` if it is invalid or its parts have other types."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise ValueError(_INVALID) from error
    if not isinstance(parts, list) or len(parts) != len(types) or not all(map(_fits, parts, types)):
        raise ValueError(_INVALID)
    return parts


def _fits(part: Any, expected: type) -> bool:
    if type(part) is not expected:
        return False
    if isinstance(part, float):
        return isfinite(part)
    # JSON can contain a lone surrogate, which cannot be sent to Redis.
    return not isinstance(part, str) or part.isprintable() or _is_utf8(part)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def of_label(label: str) -> str:
    """Return a label as a cursor; bytes that are not UTF-8 are surrogates in the label."""
    return base64.urlsafe_b64encode(label.encode(errors="surrogateescape")).decode().rstrip("=")


def label_of(cursor: str) -> str:
    """Return the label of a cursor, empty for an empty cursor; raises `ValueError` if it is invalid."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode(errors="surrogateescape")
    except (ValueError, binascii.Error) as error:
        raise ValueError(_INVALID) from error
