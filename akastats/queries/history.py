"""Read the histories of tests: attempts with their run, outcome and error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from akastats.errors import CorruptDataError, NotFoundError
from akastats.model import rows
from akastats.model.results import label
from akastats.model.rows import LETTERS, UNKNOWN
from akastats.model.stored_values import json_of
from akastats.records import Stat
from akastats.store import query, runs
from akastats.store.requests import Operation


@dataclass(frozen=True)
class Attempt:
    """One attempt of a test. A field is `None` if its value has expired.

    timestamp: end of the attempt, epoch seconds
    value: duration in seconds; null if it is not a finite number
    outcome: passed, failed, error, xfailed, xpassed, or rerun (failed and tried again)
    run: id of the run
    commit: full commit id
    branch: branch name
    error_id: context id of the traceback; null without a failure
    """

    timestamp: float
    value: float | None
    outcome: str | None = None
    run: str | None = None
    commit: str | None = None
    branch: str | None = None
    error_id: str | None = None


class RunOutcome(NamedTuple):
    """Outcome of an attempt in its run.

    run: id of the run; empty if unknown
    letter: letter of the outcome; `?` if unknown
    """

    run: str
    letter: str


#: Outcome letters by context id; the content of a context never changes.
Letters = dict[str, str]

# Maximum number of contexts per MGET, which takes the server about 3 ms.
CONTEXTS_PER_READ = 1000


def parse_context(content: bytes | None) -> dict[str, str]:
    """Return run, outcome and error from the context of a point; empty if it has expired or has another format."""
    try:
        fields = json_of(content or b"{}")
    except CorruptDataError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def read_contexts(namespace: str, points: Iterable[Stat]) -> Operation[dict[str, dict[str, str]]]:
    """Read run, outcome and error of `points`, by context id, in one round trip."""
    ids = list(dict.fromkeys(point.context_id for point in points if point.context_id))
    contexts = yield from query.read_contexts(namespace, ids)
    return {id_: parse_context(content) for id_, content in contexts.items()}


def read_outcomes(namespace: str, context_ids: Iterable[str]) -> Operation[dict[str, RunOutcome]]:
    """Read run and outcome by context id; contexts that have expired are omitted."""
    ids = [id_ for id_ in context_ids if id_]
    outcomes: dict[str, RunOutcome] = {}
    for at in range(0, len(ids), CONTEXTS_PER_READ):
        contexts = yield from query.read_contexts(namespace, ids[at : at + CONTEXTS_PER_READ])
        for id_, content in contexts.items():
            fields = parse_context(content)
            letter = LETTERS.get(fields.get("outcome", ""), UNKNOWN)
            outcomes[id_] = RunOutcome(fields.get("run", ""), letter)
    return outcomes


def read_letters(namespace: str, entries: Iterable[bytes], letters: Letters) -> Operation[None]:
    """Read the outcomes of history entries that are missing in `letters`, and add them to `letters`."""
    ids = dict.fromkeys(context_id_of(entry) for entry in entries)
    missing = [id_ for id_ in ids if id_ and id_ not in letters]
    outcomes = yield from read_outcomes(namespace, missing)
    for id_ in missing:
        letters[id_] = outcomes[id_].letter if id_ in outcomes else UNKNOWN


def context_id_of(entry: bytes) -> str:
    """Return the context id of a history entry; empty if there is none."""
    return entry.rpartition(b";")[2].decode(errors="replace")


def time_of(entry: bytes) -> float:
    """Return the time of a history entry, epoch seconds; 0 if it is invalid."""
    try:
        return float(entry.partition(b";")[0])
    except ValueError:
        return 0.0


def attempts_of(entries: Iterable[bytes], letters: Letters) -> list[rows.Attempt]:
    """Return the history entries of a test as attempts, with their outcomes from `letters`."""
    return [
        rows.Attempt(
            point.timestamp,
            point.value if isfinite(point.value) else None,
            letters.get(point.context_id, UNKNOWN),
        )
        for point in query.parse_points("", entries)
    ]


def read_attempts(namespace: str, nodeid: str, suite: str = "", size: int = 100) -> Operation[list[Attempt]]:
    """Read the newest `size` attempts of a test, newest first, in three round trips.

    Raises `NotFoundError` for a test without a history.
    """
    points = yield from query.read_history(namespace, label("test", nodeid, suite or ""), size)
    if not points:
        raise unknown_test_error(nodeid, suite)
    contexts = yield from read_contexts(namespace, points)
    fields = [contexts.get(point.context_id, {}) for point in points]
    run_ids = list(dict.fromkeys(each["run"] for each in fields if "run" in each))
    origins = yield from runs.read_fields(namespace, run_ids, ("commit", "branch"))
    return _attempts(points, fields, origins)


def unknown_test_error(nodeid: str, suite: str) -> NotFoundError:
    """Return the error for a test without a history."""
    within = f" in suite {suite!r}" if suite else ""
    return NotFoundError(
        f"no history of test {nodeid[:200]!r}{within}: unknown, expired, only ever skipped, "
        "or recorded under another suite name"
    )


def _attempts(
    points: Sequence[Stat], fields: Sequence[Mapping[str, str]], origins: Mapping[str, Mapping[str, str]]
) -> list[Attempt]:
    return [
        Attempt(
            timestamp=point.timestamp,
            value=point.value if isfinite(point.value) else None,
            outcome=each.get("outcome"),
            run=each.get("run"),
            error_id=each.get("error"),
            **origins.get(each.get("run", ""), {}),
        )
        for point, each in zip(points, fields, strict=True)
    ]
