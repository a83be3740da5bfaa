"""One run in full: what failed, grouped, and what was slow against its own past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from math import isfinite
from statistics import median
from typing import Any

from akastats import keys, profile
from akastats.analysis.compare import value_us
from akastats.errors import NotFoundError
from akastats.operations import query, runs
from akastats.operations.requests import Operation, ask_all
from akastats.outcomes import class_in, label
from akastats.reading import tests
from akastats.reading.runs import Run, one
from akastats.records import Stat

#: Of a run with more failing tests only so many are looked up; their histories are what is read for it.
MAX_FAILING = 100
#: So many points of each are read at first, then four times as many: most runs asked for are recent.
FIRST_POINTS = 50
#: How many earlier points "its own past" is.
PAST = 100
MAX_MESSAGE = 500
# Beyond this many seconds before the run no point is the run's: a server sets right clocks off by 5 minutes.
SKEW_S = 600


@dataclass(frozen=True)
class Failure:
    """Tests that failed with one traceback; `exception` and `message` are `None` once that has expired."""

    exception: str | None
    message: str | None
    error_id: str | None
    count: int
    tests: list[str]


@dataclass(frozen=True)
class Slow:
    """A test or fixture of one run: `seconds` then, `usual` the median before (`None`: new)."""

    name: str
    seconds: float
    usual: float | None
    outcome: str | None = None
    scope: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Details:
    """One run: its failures, the most frequent first, and its slowest tests.

    Both are empty while there is no profile. `failing_left_out` counts failing tests not looked up.
    """

    run: Run
    has_profile: bool
    failures: list[Failure]
    failing_left_out: int
    slowest: list[Slow]


def details(namespace: str, run_id: str, size: int = 10) -> Operation[Details]:
    """Read one run with its failures and its `size` slowest tests; raises `NotFoundError` for an unknown one."""
    run = yield from one(namespace, run_id)
    try:
        content = profile.decode((yield from runs.profile(namespace, run_id)))
    except NotFoundError:
        return Details(run, False, [], 0, [])
    failing = failing_tests(content)
    failures = yield from _failures(namespace, run, failing[:MAX_FAILING])
    slowest = yield from _against_past(namespace, run, "test", slowest_tests(content, size))
    return Details(run, True, failures, max(0, len(failing) - MAX_FAILING), slowest)


def read_profile(namespace: str, run_id: str) -> Operation[dict[str, Any]]:
    """Read one run's profile; raises `NotFoundError` where there is none, or no longer."""
    return profile.decode((yield from runs.profile(namespace, run_id)))


def slowest(namespace: str, run: Run, word: str, size: int) -> Operation[list[Slow]]:
    """Read the `size` slowest of a run, `word` being `test` or `fixture`, slowest first."""
    content = yield from read_profile(namespace, run.id)
    found = slowest_tests(content, size) if word == "test" else slowest_fixtures(content, size)
    return (yield from _against_past(namespace, run, word, found))


def failing_tests(content: dict[str, Any]) -> list[str]:
    """Return the node ids of a profile's failed tests, each once, in the order they ran."""
    rows = profile.rows(content["tests"])
    return list(dict.fromkeys(row["nodeid"] for row in rows if row["outcome"] in ("failed", "error")))


def slowest_tests(content: dict[str, Any], size: int) -> list[Slow]:
    """Return a profile's slowest tests by the time that their history holds; `usual` is not known here."""
    found = [
        Slow(row["nodeid"], value_us(row) / 1e6, None, outcome=row["outcome"])
        for row in profile.rows(content["tests"])
    ]
    return _slowest(found, size)


def slowest_fixtures(content: dict[str, Any], size: int) -> list[Slow]:
    """Return a profile's most costly fixtures; `usual` is not known here."""
    found = [
        Slow(
            f"{row['baseid']}::{row['name']}",
            (row["setup"] + row["teardown"]) / 1e6,
            None,
            scope=row["scope"],
            count=row["count"],
        )
        for row in profile.rows(content["fixtures"])
    ]
    return _slowest(found, size)


def _slowest(found: Iterable[Slow], size: int) -> list[Slow]:
    return sorted(found, key=lambda slow: (-slow.seconds, slow.name))[:size]


def _against_past(namespace: str, run: Run, word: str, found: list[Slow]) -> Operation[list[Slow]]:
    labels = [label(word, slow.name, run.suite or "") for slow in found]
    histories = yield from _pieces(namespace, labels, 0, PAST)
    began = run.started or 0.0
    return [
        _with_usual(slow, [point.value for point in points if point.timestamp < began and isfinite(point.value)])
        for slow, points in zip(found, histories, strict=True)
    ]


def _with_usual(slow: Slow, past: list[float]) -> Slow:
    usual = median(past) if past else None
    return Slow(slow.name, slow.seconds, usual, slow.outcome, slow.scope, slow.count)


def _pieces(namespace: str, labels: Sequence[str], start: int, size: int) -> Operation[list[list[Stat]]]:
    """Read so many points of several histories from `start` on, in one round trip."""
    commands = [("LRANGE", keys.history(namespace, label), start, start + size - 1) for label in labels]
    replies = yield from ask_all(commands)
    return [query.points(label, reply) for label, reply in zip(labels, replies, strict=True)]


def _failures(namespace: str, run: Run, failing: list[str]) -> Operation[list[Failure]]:
    errors = yield from _error_ids(namespace, run, failing)
    stored = yield from query.contexts(namespace, sorted({id_ for id_ in errors.values() if id_}))
    texts = {id_: content.decode(errors="replace") for id_, content in stored.items()}
    return group(errors, texts)


def _error_ids(namespace: str, run: Run, failing: list[str]) -> Operation[dict[str, str]]:
    """Find the traceback of each failing test in its history; empty where it is no longer there."""
    found = dict.fromkeys(failing, "")
    searched, start, size = failing, 0, FIRST_POINTS
    earliest = (run.started or 0.0) - SKEW_S
    while searched:
        labels = [label("test", nodeid, run.suite or "") for nodeid in searched]
        pieces = yield from _pieces(namespace, labels, start, size)
        facts = yield from tests.facts(namespace, (point for points in pieces for point in points))
        deeper = []
        for nodeid, points in zip(searched, pieces, strict=True):
            told = next(_failed_in(run.id, points, facts), None)
            found[nodeid] = told or ""
            if told is None and len(points) == size and points[-1].timestamp > earliest:
                deeper.append(nodeid)
        searched, start, size = deeper, start + size, 4 * size
    return found


def _failed_in(run_id: str, points: list[Stat], facts: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the error of each point of one run that is a failure, newest first."""
    for point in points:
        fact = facts.get(point.context_id, {})
        if fact.get("run") == run_id and fact.get("outcome") in ("failed", "error"):
            yield fact.get("error", "")


def group(errors: dict[str, str], texts: dict[str, str]) -> list[Failure]:
    """Group failing tests by traceback, the most frequent first; what has expired is one group."""
    grouped: dict[str, list[str]] = {}
    for nodeid, error_id in errors.items():
        grouped.setdefault(error_id, []).append(nodeid)
    failures = [_failure(error_id, texts.get(error_id), nodeids) for error_id, nodeids in grouped.items()]
    return sorted(failures, key=lambda failure: -failure.count)


def _failure(error_id: str, text: str | None, nodeids: list[str]) -> Failure:
    raised = class_in(text) if text else None
    message = message_in(text, raised) if text and raised else None
    return Failure(raised, message, error_id or None, len(nodeids), nodeids)


def message_in(text: str, raised: str) -> str:
    """Return what a traceback ends with, at most 500 characters: pytest's last `E` lines, else the last line."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    marked = takewhile(_is_marked, dropwhile(lambda line: not _is_marked(line), reversed(lines)))
    naming = [line for line in lines if raised in line] or lines
    first = next(reversed(list(marked)), naming[-1] if naming else "")
    return first.removeprefix("E ").strip()[:MAX_MESSAGE]


def _is_marked(line: str) -> bool:
    return line.startswith("E  ")
