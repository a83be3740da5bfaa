"""What stands where a secret was, and how it is put there. Pure."""

from __future__ import annotations

from collections.abc import Iterable

MASK = "[redacted]"

# (start, end) in a text.
Span = tuple[int, int]


def cover(text: str, spans: Iterable[Span]) -> str:
    """Return `text` with the mask over `spans`, which are in order; those that overlap share one."""
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if start >= at:
            pieces += (text[at:start], MASK)
        at = max(at, end)
    return "".join([*pieces, text[at:]]) if pieces else text
