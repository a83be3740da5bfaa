"""Places in lists as text that fits into an address: a JSON list, base64. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from math import isfinite
from typing import Any

_NOT_OURS = "not a cursor of this list"


def encode(place: Sequence[Any]) -> str:
    """Return a place as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place, ensure_ascii=False).encode()).decode().rstrip("=")


def decode(cursor: str, *types: type) -> list[Any]:
    """Return the place of a cursor, its parts of these types; raises `ValueError` for one that is not ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise ValueError(_NOT_OURS) from error
    if not isinstance(parts, list) or len(parts) != len(types) or not all(map(_fits, parts, types)):
        raise ValueError(_NOT_OURS)
    return parts


def _fits(part: Any, wanted: type) -> bool:
    if type(part) is not wanted:
        return False
    if isinstance(part, float):
        return isfinite(part)
    # A lone surrogate, which JSON can spell, could not be sent.
    return not isinstance(part, str) or part.isprintable() or _is_utf8(part)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def of_label(label: str) -> str:
    """Return a place in a list of labels as a cursor; what is no UTF-8 stands in it as surrogates."""
    return base64.urlsafe_b64encode(label.encode(errors="surrogateescape")).decode().rstrip("=")


def label_of(cursor: str) -> str:
    """Return the label of such a cursor, empty of an empty one; raises `ValueError` for one that is not ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode(errors="surrogateescape")
    except (ValueError, binascii.Error) as error:
        raise ValueError(_NOT_OURS) from error
