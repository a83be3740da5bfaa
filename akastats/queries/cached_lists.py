"""Lists kept in memory: a reader fetches what has changed since it last looked, and takes pages of what it has.

10,000 rows are fetched once; after that a look costs one round trip.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest, nsmallest
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from akastats.store import indexes
from akastats.store.requests import Operation

T = TypeVar("T")

#: Reads members of a list; those that are there no more are left out.
Fetch = Callable[[str, Sequence[str]], Operation[Mapping[str, T]]]


@dataclass(frozen=True)
class CachedList(Generic[T]):
    """A list as a reader saw it last: its items by member, when each one changed, and the last of these."""

    items: Mapping[str, T] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    since: float = 0.0


def refresh(key: str, fetch: Fetch[T], namespace: str, seen: CachedList[T]) -> Operation[CachedList[T]]:
    """Return a list as it is now; `seen` itself where nothing has changed."""
    now = seen
    changed = yield from indexes.read_changes(key, now.since)
    if now.since > (changed.newest or 0.0):
        # Flushed, or a server that came back from older data.
        now = CachedList()
        changed = yield from indexes.read_changes(key, now.since)
    while changed.members:
        now = _with(now, changed.members, (yield from fetch(namespace, list(changed.members))))
        if not changed.more:
            break
        changed = yield from indexes.read_changes(key, now.since)
    if len(now.times) != changed.size:
        now = _without_older(now, changed.oldest or 0.0)
    if len(now.times) != changed.size and seen.since:
        # What went from its midst went unseen.
        return (yield from refresh(key, fetch, namespace, CachedList()))
    return now


def _with(seen: CachedList[T], times: Mapping[str, float], items: Mapping[str, T]) -> CachedList[T]:
    kept = {name: item for name, item in seen.items.items() if name not in times}
    return CachedList({**kept, **items}, {**seen.times, **times}, max(times.values()))


def _without_older(seen: CachedList[T], oldest: float) -> CachedList[T]:
    times = {name: time for name, time in seen.times.items() if time >= oldest}
    return CachedList({name: item for name, item in seen.items.items() if name in times}, times, seen.since)


#: Where an item stands in an order: a flag that puts what has no value last, its value, its name.
SortKey = tuple[bool, float | str, str]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list, where the next part begins (`None`: at the end), and how many there are in all parts."""

    items: list[T]
    next: SortKey | None
    total: int


class Order(NamedTuple):
    """By what a list is sorted, and whether the greatest comes first; what has no value stands last."""

    field: str
    is_descending: bool

    def sort_key(self, value: float | str | None, name: str) -> SortKey:
        """Return where an item with this value and name stands."""
        if value is None:
            return (not self.is_descending, 0.0, name)
        return (self.is_descending, value if isinstance(value, str) else float(value), name)


def order_of(sort: str) -> Order:
    """Return the order that a `sort` names: a field, with `-` before it in descending order."""
    return Order(sort.removeprefix("-"), sort.startswith("-"))


def page(placed: Sequence[tuple[SortKey, T]], is_descending: bool, after: SortKey | None, size: int) -> Page[T]:
    """Return the `size` items that come next behind the place `after`."""
    if after is None:
        behind = placed
    elif is_descending:
        behind = [each for each in placed if each[0] < after]
    else:
        behind = [each for each in placed if each[0] > after]
    # Sorting all for a page of 100 would be most of a request's time.
    first = (nlargest if is_descending else nsmallest)(size, behind, key=itemgetter(0))
    following = first[-1][0] if len(behind) > len(first) else None
    return Page([item for _, item in first], following, len(placed))


def words_of(q: str) -> list[str]:
    """Return the words of a search, in lower case."""
    return q.lower().split()
