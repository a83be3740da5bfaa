"""List and search labels in pages."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.queries import cached_lists
from akastats.store import query
from akastats.store.requests import Operation

#: Steps of 1,000 labels that a page searches.
STEPS = 5


@dataclass(frozen=True)
class Labels:
    """A page of labels.

    items: labels in byte order
    next: last label of the page; empty at the end
    """

    items: list[str]
    next: str


def page(namespace: str, prefix: str, q: str, after: str, size: int) -> Operation[Labels]:
    """Read labels that begin with `prefix` and hold the words of `q`; a page may be short and not the last."""
    matcher, words = f"{query.escape_matcher(prefix)}*", cached_lists.words_of(q)
    found: list[str] = []
    for _ in range(STEPS):
        step = query.PAGE_LABELS if words else size + 1
        members, after = yield from query.read_label_page(namespace, matcher, after, step, words)
        found += members
        if len(found) > size:
            return Labels(found[:size], found[size - 1])
        if not after:
            break
    return Labels(found, after)
