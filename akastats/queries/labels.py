"""Labels as they are listed: a page at a time, some of them searched for."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.queries import cached_lists
from akastats.store import query
from akastats.store.requests import Operation

#: So many steps of 1,000 labels a page looks through for what is searched.
STEPS = 5


@dataclass(frozen=True)
class Labels:
    """A page of labels in byte order, and behind which the next begins: empty at the end."""

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
