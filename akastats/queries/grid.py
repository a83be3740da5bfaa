"""Read a grid of tests and the newest runs, with the outcome of each test in each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from akastats.queries import recorded_tests, runs
from akastats.queries.base_branch import is_of_branch
from akastats.queries.cached_lists import CachedList, Page, SortKey
from akastats.queries.history import context_id_of, read_outcomes, time_of
from akastats.queries.recorded_tests import ListQuery, RecordedTest
from akastats.queries.runs import Run
from akastats.store import indexes
from akastats.store import runs as stored_runs
from akastats.store.requests import Operation

#: Maximum number of runs of a grid.
RUNS = 30
#: Maximum number of points per test that are searched for the runs. Reruns and other branches add points.
POINTS = 120
#: Cell of a test without an attempt in a run.
NOTHING = "."


@dataclass(frozen=True)
class Line:
    """One test of a grid.

    nodeid: node id of the test
    suite: suite of the test; empty if there is none
    cells: one letter per run, newest first; `.` without an attempt in that run
    """

    nodeid: str
    suite: str
    cells: str


@dataclass(frozen=True)
class Grid:
    """Outcomes of tests in the newest runs.

    runs: the runs, newest first
    page: a page of the tests
    """

    runs: list[Run]
    page: Page[Line]


def read_grid(
    namespace: str,
    cached: CachedList[RecordedTest],
    query: ListQuery,
    branch: str,
    after: SortKey | None,
    size: int,
) -> Operation[Grid]:
    """Read the outcomes of a page of tests in the newest runs of a branch and suite."""
    filters = {"branch": branch, "suite": query.suite or ""}
    newest = yield from runs.read_matching(namespace, filters, RUNS, lambda run: is_of_branch(run, branch))
    shown = [run for run in newest if query.suite is None or (run.suite or "") == query.suite]
    page = recorded_tests.select_page(cached, query, after, size)
    lines = yield from _lines(namespace, page.items, shown)
    return Grid(shown, Page(lines, page.next, page.total))


def _lines(namespace: str, tests: Sequence[RecordedTest], shown: Sequence[Run]) -> Operation[list[Line]]:
    oldest = min((run.started or 0.0 for run in shown), default=0.0)
    entries = yield from _entries_since(namespace, [test.label for test in tests], oldest)
    contexts = {label: [context_id_of(entry) for entry in each] for label, each in entries.items()}
    outcomes = yield from read_outcomes(namespace, {id_ for each in contexts.values() for id_ in each})
    columns = {run.id: at for at, run in enumerate(shown)}
    letters = {id_: (columns[run], letter) for id_, (run, letter) in outcomes.items() if run in columns}
    return [Line(test.nodeid, test.suite, _cells(contexts[test.label], letters, len(shown))) for test in tests]


def _entries_since(namespace: str, labels: Sequence[str], oldest: float) -> Operation[dict[str, list[bytes]]]:
    """Read the histories of labels back to the time `oldest`, newest first, at most `POINTS` points per label.

    Most tests have one point per run. Therefore the first read fetches few points, and a second read fetches more
    only for tests with reruns. Parsing 120 points of 50 tests takes 40 ms.
    """
    begun = yield from stored_runs.count_begun_since(namespace, oldest)
    size = min(begun + begun // 4 + 2, POINTS)
    entries = yield from indexes.read_newest_points(namespace, labels, size)
    longer = [label for label, each in entries.items() if len(each) == size and time_of(each[-1]) > oldest]
    if longer and size < POINTS:
        entries.update((yield from indexes.read_newest_points(namespace, longer, POINTS)))
    return entries


def _cells(contexts: Sequence[str], letters: Mapping[str, tuple[int, str]], width: int) -> str:
    cells = [NOTHING] * width
    # Process the oldest attempts first, so that the last attempt of a run overwrites earlier attempts.
    for at, letter in (letters[id_] for id_ in reversed(contexts) if id_ in letters):
        cells[at] = letter
    return "".join(cells)
