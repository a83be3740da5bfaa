"""List tests: filtered and sorted pages, and a grid of tests and runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from akastats.model import rows as test_rows
from akastats.model.results import test_of
from akastats.model.rows import SHOWN, Row
from akastats.queries import cached_lists, runs
from akastats.queries.base_branch import is_of_branch
from akastats.queries.cached_lists import CachedList, Page, SortKey
from akastats.queries.runs import Run
from akastats.queries.tests import context_id_of, run_letters, time_of
from akastats.store import indexes, keys
from akastats.store import runs as stored_runs
from akastats.store.requests import Operation

SORTS = ("nodeid", "last", "avg", "p50", "p95", "runs", "failure_rate", "last_time")


@dataclass(frozen=True, slots=True)
class Listed:
    """One test of the list.

    label: label of the test
    nodeid: node id of the test
    suite: suite of the test; empty without one
    searched: node id in lower case
    row: numbers of the test
    """

    label: str
    nodeid: str
    suite: str
    searched: str
    row: Row


@dataclass(frozen=True)
class ListQuery:
    """Filter and order of the list.

    q: words that the node id must contain
    suite: suite of the tests; empty for tests without one, `None` for all
    outcome: last outcome; empty for all
    sort: sort field, with a leading `-` for descending
    """

    q: str = ""
    suite: str | None = None
    outcome: str = ""
    sort: str = "-last_time"


def refresh(namespace: str, seen: CachedList[Listed]) -> Operation[CachedList[Listed]]:
    """Return the current tests of a namespace."""
    return cached_lists.refresh(keys.tests_at(namespace), _fetch, namespace, seen)


def _fetch(namespace: str, labels: Sequence[str]) -> Operation[Mapping[str, Listed]]:
    rows = yield from indexes.read_rows(namespace, labels)
    listed = (listed_of(label, test_rows.unpack(row)) for label, row in rows.items())
    return {each.label: each for each in listed if each is not None}


def listed_of(label: str, row: Row | None) -> Listed | None:
    """Return a test with the part of its row that is shown; `None` for a label of another kind."""
    test = test_of(label)
    if row is None or test is None:
        return None
    shown = replace(row, outcomes=row.outcomes[:SHOWN], durations=row.durations[:SHOWN])
    return Listed(label, test.nodeid, test.suite, test.nodeid.lower(), shown)


def with_rates(seen: CachedList[Listed], rates: Mapping[str, float]) -> CachedList[Listed]:
    """Return tests with the failure rates of their verdicts, by label, in place of their rows' rates."""
    known = {name: seen.items[name] for name in rates if name in seen.items}
    changed = {
        name: replace(each, row=replace(each.row, failure_rate=rates[name])) for name, each in known.items()
    }
    return replace(seen, items={**seen.items, **changed}) if changed else seen


def page(seen: CachedList[Listed], wanted: ListQuery, after: SortKey | None, size: int) -> Page[Listed]:
    """Return the page of matching tests after the sort key `after`."""
    order = cached_lists.order_of(wanted.sort)
    found = _matching(seen.items.values(), wanted)
    if order.field == "nodeid":
        placed = [(order.sort_key(each.nodeid, each.suite), each) for each in found]
    else:
        placed = [(order.sort_key(getattr(each.row, order.field), each.label), each) for each in found]
    return cached_lists.page(placed, order.is_descending, after, size)


def _matching(items: Iterable[Listed], wanted: ListQuery) -> Iterator[Listed]:
    words = cached_lists.words_of(wanted.q)
    if not (words or wanted.outcome or wanted.suite is not None):
        yield from items
        return
    for each in items:
        if wanted.suite is not None and each.suite != wanted.suite:
            continue
        if wanted.outcome and each.row.last_outcome != wanted.outcome:
            continue
        if all(word in each.searched for word in words):
            yield each


#: Runs of a grid.
GRID_RUNS = 30
#: Points per test that are searched for these runs; points of other branches and reruns are among them.
GRID_POINTS = 120
#: Cell of a test without a point in a run.
NOTHING = "."


@dataclass(frozen=True)
class Line:
    """One test in a grid: an outcome's letter a run, `.` where it did not run."""

    nodeid: str
    suite: str
    cells: str


@dataclass(frozen=True)
class Grid:
    """Tests beside the newest runs."""

    runs: list[Run]
    page: Page[Line]


def grid(
    namespace: str, seen: CachedList[Listed], wanted: ListQuery, branch: str, after: SortKey | None, size: int
) -> Operation[Grid]:
    """Read a page of tests, by node id, beside the newest runs that are of this branch and suite."""
    filters = {"branch": branch, "suite": wanted.suite or ""}
    newest = yield from runs.newest_of(namespace, filters, GRID_RUNS, lambda run: is_of_branch(run, branch))
    shown = [run for run in newest if wanted.suite is None or (run.suite or "") == wanted.suite]
    tests = page(seen, wanted, after, size)
    labels = [each.label for each in tests.items]
    oldest = min((run.started or 0.0 for run in shown), default=0.0)
    entries = yield from _points_back_to(namespace, labels, oldest)
    contexts = {label: [context_id_of(entry) for entry in each] for label, each in entries.items()}
    told = yield from run_letters(namespace, {id_ for each in contexts.values() for id_ in each})
    columns = {run.id: at for at, run in enumerate(shown)}
    cells = {id_: (columns[run], letter) for id_, (run, letter) in told.items() if run in columns}
    lines = [
        Line(each.nodeid, each.suite, _cells(contexts[each.label], cells, len(shown))) for each in tests.items
    ]
    return Grid(shown, Page(lines, tests.next, tests.total))


def _points_back_to(namespace: str, labels: Sequence[str], oldest: float) -> Operation[dict[str, list[bytes]]]:
    """Read histories back to a time: a point a run, and where reruns made more of them, those too.

    GRID_POINTS of 50 tests are 6,000 replies, which take 40 ms to parse; 30 runs of a branch in two are 77 each.
    """
    begun = yield from stored_runs.count_begun_since(namespace, oldest)
    size = min(begun + begun // 4 + 2, GRID_POINTS)
    found = yield from indexes.read_newest_points(namespace, labels, size)
    longer = [label for label, each in found.items() if len(each) == size and time_of(each[-1]) > oldest]
    if longer and size < GRID_POINTS:
        found.update((yield from indexes.read_newest_points(namespace, longer, GRID_POINTS)))
    return found


def _cells(contexts: Sequence[str], cells: Mapping[str, tuple[int, str]], width: int) -> str:
    line = [NOTHING] * width
    # Oldest first, so that what a test came to in the end stands over the attempts before.
    for at, letter in (cells[id_] for id_ in reversed(contexts) if id_ in cells):
        line[at] = letter
    return "".join(line)
