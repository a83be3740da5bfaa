"""List the tests of one run, from its profile: filter, sort, paginate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from akastats.analysis.comparison import FAILING
from akastats.model.profile import ErrorColumns, Profile, TestColumns

SORTS = ("order", "nodeid", "seconds", "setup")
#: Outcomes of attempts that have a traceback.
_WITH_ERROR = (*FAILING, "rerun")


@dataclass(frozen=True)
class RunTest:
    """One attempt of a test in a run.

    nodeid: node id of the test
    outcome: passed, failed, error, skipped, xfailed, xpassed, or rerun (failed and tried again)
    start: seconds since the start of the run
    seconds: duration stored in the history: of the call, or of the setup if the call never ran
    setup: seconds of the setup
    call: seconds of the call
    teardown: seconds of the teardown
    worker: pytest-xdist worker; empty without workers
    error_id: context id of the traceback; null without a failure
    stats: labels of the numbers that the test recorded with `stat`
    peak_memory: peak resident memory of the process until the end of the attempt, in bytes; growth below 1 MiB is
        not recorded; null if unknown
    """

    nodeid: str
    outcome: str
    start: float
    seconds: float
    setup: float
    call: float
    teardown: float
    worker: str
    error_id: str | None
    stats: list[str]
    peak_memory: int | None


@dataclass(frozen=True)
class ListQuery:
    """Filter and order of a list.

    outcome: outcome of the attempts; empty for all
    q: words that must all occur in the node id; empty for all tests
    sort: one of `SORTS`, with a leading `-` for descending
    """

    outcome: str = ""
    q: str = ""
    sort: str = "order"


@dataclass(frozen=True)
class RunTests:
    """A page of tests.

    items: attempts of the page
    next: index of the first attempt of the next page; `None` on the last page
    total: number of attempts on all pages
    """

    items: list[RunTest]
    next: int | None
    total: int


def select_page(content: Profile, query: ListQuery, start: int, size: int) -> RunTests:
    """Return at most `size` attempts of a profile that match a query, from the match at index `start` on."""
    tests = content.tests
    positions = _sort(tests, _filter(tests, query), query.sort)
    shown = positions[start : start + size]
    errors = _errors(content.errors, {tests.nodeid[at] for at in shown})
    following = start + size if start + size < len(positions) else None
    return RunTests([_row(tests, at, errors) for at in shown], following, len(positions))


def _filter(tests: TestColumns, query: ListQuery) -> list[int]:
    words = query.q.casefold().split()
    matches = [at for at, outcome in enumerate(tests.outcome) if query.outcome in ("", outcome)]
    if words:
        nodeids = {at: tests.nodeid[at].casefold() for at in matches}
        matches = [at for at in matches if all(word in nodeids[at] for word in words)]
    return matches


def _sort(tests: TestColumns, positions: list[int], sort: str) -> list[int]:
    by = sort.removeprefix("-")
    keys: Sequence[Any] = {
        "order": range(len(tests.nodeid)),
        "nodeid": tests.nodeid,
        "seconds": tests.values_us() if by == "seconds" else (),
        "setup": tests.setup,
    }[by]
    # Equal keys keep the order in which the tests ran, even if the sort is descending.
    return sorted(positions, key=lambda at: keys[at], reverse=sort.startswith("-"))


def _errors(errors: ErrorColumns, nodeids: set[str]) -> dict[str, list[str]]:
    """Return the traceback ids by test, in the order of its failures."""
    by_test: dict[str, list[str]] = {}
    for nodeid, error in zip(errors.nodeid, errors.error, strict=True):
        if nodeid in nodeids:
            by_test.setdefault(nodeid, []).append(error)
    return by_test


def _row(tests: TestColumns, at: int, errors: Mapping[str, list[str]]) -> RunTest:
    return RunTest(
        nodeid=tests.nodeid[at],
        outcome=tests.outcome[at],
        start=tests.start[at] / 1e6,
        seconds=(tests.call[at] or tests.setup[at]) / 1e6,
        setup=tests.setup[at] / 1e6,
        call=tests.call[at] / 1e6,
        teardown=tests.teardown[at] / 1e6,
        worker=tests.worker[at],
        error_id=_error_of(tests, at, errors.get(tests.nodeid[at], [])),
        stats=tests.stats[at],
        peak_memory=tests.peak_memory[at] if tests.peak_memory else None,
    )


def _error_of(tests: TestColumns, at: int, errors: Sequence[str]) -> str | None:
    """Return the traceback id of an attempt; `None` without a failure.

    The last failure of a test belongs to its last attempt. The nth rerun attempt has the nth failure.
    """
    nodeid, outcome = tests.nodeid[at], tests.outcome[at]
    if outcome not in _WITH_ERROR or not errors:
        return None
    if outcome != "rerun":
        return errors[-1] or None
    return errors[min(tests.nodeid[:at].count(nodeid), len(errors) - 1)] or None
