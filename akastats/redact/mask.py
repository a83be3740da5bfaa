"""Replace secrets by a mask."""

from __future__ import annotations

from collections.abc import Iterable

MASK = "[redacted]"

# (start, end) in a text.
Span = tuple[int, int]


def apply_mask(text: str, spans: Iterable[Span]) -> str:
    """Return `text` with the mask over `spans`, which are in order; overlapping spans share one mask."""
    pieces: list[str] = []
    at = 0
    for start, end in spans:
        if start >= at:
            pieces += (text[at:start], MASK)
        at = max(at, end)
    return "".join([*pieces, text[at:]]) if pieces else text
