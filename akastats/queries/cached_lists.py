"""Cache lists in memory and refresh them with the changes since the last read.

The first read fetches all rows. A later read without changes takes one round trip.
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

#: Function that reads items of a list by the names of its members. Deleted items are missing in the result.
Fetch = Callable[[str, Sequence[str]], Operation[Mapping[str, T]]]


@dataclass(frozen=True)
class CachedList(Generic[T]):
    """A list as of the last read.

    items: items by member
    times: time of the last change by member, epoch seconds
    since: time of the newest change
    """

    items: Mapping[str, T] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    since: float = 0.0


def refresh(key: str, fetch: Fetch[T], namespace: str, cached: CachedList[T]) -> Operation[CachedList[T]]:
    """Return the current list; if nothing has changed, return `cached` itself."""
    now = cached
    changed = yield from indexes.read_changes(key, now.since)
    if now.since > (changed.newest or 0.0):
        # The server was flushed, or restarted with older data.
        now = CachedList()
        changed = yield from indexes.read_changes(key, now.since)
    while changed.members:
        now = _with(now, changed.members, (yield from fetch(namespace, list(changed.members))))
        if not changed.more:
            break
        changed = yield from indexes.read_changes(key, now.since)
    if len(now.times) != changed.size:
        now = _without_older(now, changed.oldest or 0.0)
    if len(now.times) != changed.size and cached.since:
        # A member in the middle was deleted.
        return (yield from refresh(key, fetch, namespace, CachedList()))
    return now


def _with(cached: CachedList[T], times: Mapping[str, float], items: Mapping[str, T]) -> CachedList[T]:
    unchanged = {name: item for name, item in cached.items.items() if name not in times}
    return CachedList({**unchanged, **items}, {**cached.times, **times}, max(times.values()))


def _without_older(cached: CachedList[T], oldest: float) -> CachedList[T]:
    times = {name: time for name, time in cached.times.items() if time >= oldest}
    return CachedList({name: item for name, item in cached.items.items() if name in times}, times, cached.since)


#: Sort key of an item: a flag that sorts missing values last, the value, and the name.
SortKey = tuple[bool, float | str, str]


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of a list.

    items: items of the page
    next: sort key of the last item of the page; `None` on the last page
    total: number of items on all pages
    """

    items: list[T]
    next: SortKey | None
    total: int


class Order(NamedTuple):
    """Order of a list; items without a value come last.

    field: sort field
    is_descending: whether the greatest value comes first
    """

    field: str
    is_descending: bool

    def sort_key(self, value: float | str | None, name: str) -> SortKey:
        """Return the sort key of an item."""
        if value is None:
            return (not self.is_descending, 0.0, name)
        return (self.is_descending, value if isinstance(value, str) else float(value), name)


def order_of(sort: str) -> Order:
    """Return the order of a `sort` parameter: a field, with a leading `-` for descending order."""
    return Order(sort.removeprefix("-"), sort.startswith("-"))


def select_page(
    keyed: Sequence[tuple[SortKey, T]], is_descending: bool, after: SortKey | None, size: int
) -> Page[T]:
    """Return the page of at most `size` items after the sort key `after`; `keyed` can be in any order."""
    if after is None:
        remaining = keyed
    elif is_descending:
        remaining = [each for each in keyed if each[0] < after]
    else:
        remaining = [each for each in keyed if each[0] > after]
    # Do not sort all items: for a page of 100, that would take most of the time of a request.
    selected = (nlargest if is_descending else nsmallest)(size, remaining, key=itemgetter(0))
    following = selected[-1][0] if len(remaining) > len(selected) else None
    return Page([item for _, item in selected], following, len(keyed))


def words_of(q: str) -> list[str]:
    """Return the words of a search query, in lower case."""
    return q.lower().split()
