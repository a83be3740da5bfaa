"""List and search labels in pages."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.queries import cached_lists
from akastats.store import query
from akastats.store.requests import Operation

#: Maximum number of steps per page; a step reads at most 1,000 labels.
STEPS = 5


@dataclass(frozen=True)
class Labels:
    """A page of labels.

    items: labels in byte order
    next: label after which the next page begins; empty on the last page
    """

    items: list[str]
    next: str


def read_page(namespace: str, prefix: str, q: str, after: str, size: int) -> Operation[Labels]:
    """Read labels that begin with `prefix` and contain all words of `q`.

    Further pages can follow a page with fewer than `size` labels.
    """
    matcher, words = f"{query.escape_matcher(prefix)}*", cached_lists.words_of(q)
    labels: list[str] = []
    for _ in range(STEPS):
        step = query.PAGE_LABELS if words else size + 1
        members, after = yield from query.read_label_page(namespace, matcher, after, step, words)
        labels += members
        if len(labels) > size:
            return Labels(labels[:size], labels[size - 1])
        if not after:
            break
    return Labels(labels, after)
