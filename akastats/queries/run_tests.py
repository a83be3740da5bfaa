"""The tests of one run, from its profile: filtered, sorted, a page of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from akastats.analysis.comparison import FAILING, values_us

SORTS = ("order", "nodeid", "seconds", "setup")
#: What ended an attempt with a traceback.
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


@dataclass(frozen=True)
class ListQuery:
    """What a list of tests is asked for: an outcome, words that all occur in the node id, an order."""

    outcome: str = ""
    q: str = ""
    sort: str = "order"


@dataclass(frozen=True)
class RunTests:
    """A page of tests, where the next begins (`None` at the end), and how many there are on all pages."""

    items: list[RunTest]
    next: int | None
    total: int


def page(content: Mapping[str, Any], wanted: ListQuery, start: int, size: int) -> RunTests:
    """Return the tests of a profile that are wanted, from place `start` on."""
    table = content["tests"]
    places = _sorted(table, _matching(table, wanted), wanted.sort)
    shown = places[start : start + size]
    errors = _errors(content, {table["nodeid"][place] for place in shown})
    following = start + size if start + size < len(places) else None
    return RunTests([_row(table, place, errors) for place in shown], following, len(places))


def _matching(table: Mapping[str, Sequence[Any]], wanted: ListQuery) -> list[int]:
    words = wanted.q.casefold().split()
    places = range(len(table["nodeid"]))
    found = [at for at in places if wanted.outcome in ("", table["outcome"][at])]
    if words:
        nodeids = {at: table["nodeid"][at].casefold() for at in found}
        found = [at for at in found if all(word in nodeids[at] for word in words)]
    return found


def _sorted(table: Mapping[str, Sequence[Any]], places: list[int], sort: str) -> list[int]:
    by = sort.removeprefix("-")
    keys: Sequence[Any] = {
        "order": range(len(table["nodeid"])),
        "nodeid": table["nodeid"],
        "seconds": values_us(table) if by == "seconds" else (),
        "setup": table["setup"],
    }[by]
    # Equal ones stand in the order they ran, whichever way.
    return sorted(places, key=lambda at: keys[at], reverse=sort.startswith("-"))


def _errors(content: Mapping[str, Any], nodeids: set[str]) -> dict[str, list[str]]:
    """Return the tracebacks of some tests, each attempt's newest, as they came."""
    table: Mapping[str, Sequence[str]] = content.get("errors", {"nodeid": [], "error": []})
    found: dict[str, list[str]] = {}
    for nodeid, error in zip(table["nodeid"], table["error"], strict=True):
        if nodeid in nodeids:
            found.setdefault(nodeid, []).append(error)
    return found


def _row(table: Mapping[str, Sequence[Any]], place: int, errors: Mapping[str, list[str]]) -> RunTest:
    row = {name: column[place] for name, column in table.items()}
    return RunTest(
        nodeid=row["nodeid"],
        outcome=row["outcome"],
        start=row["start"] / 1e6,
        seconds=(row["call"] or row["setup"]) / 1e6,
        setup=row["setup"] / 1e6,
        call=row["call"] / 1e6,
        teardown=row["teardown"] / 1e6,
        worker=row["worker"],
        error_id=_error_of(table, place, row, errors.get(row["nodeid"], [])),
        stats=row["stats"],
    )


def _error_of(
    table: Mapping[str, Sequence[Any]], place: int, row: Mapping[str, Any], errors: Sequence[str]
) -> str | None:
    """Return the traceback of one attempt: the last one's of its test, of one that was run again its own."""
    if row["outcome"] not in _WITH_ERROR or not errors:
        return None
    if row["outcome"] != "rerun":
        return errors[-1] or None
    before = sum(1 for nodeid in table["nodeid"][:place] if nodeid == row["nodeid"])
    return errors[min(before, len(errors) - 1)] or None
