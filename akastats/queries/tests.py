"""Read the histories of tests: points with their run, outcome and error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

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


def facts_of(context: bytes | None) -> dict[str, str]:
    """Return run, outcome and error from the context of a point; empty for an expired or foreign context."""
    try:
        facts = json_of(context or b"{}")
    except CorruptDataError:
        return {}
    if not isinstance(facts, dict):
        return {}
    return {name: fact for name, fact in facts.items() if isinstance(fact, str)}


# Keys per MGET, which takes the server about 3 ms.
CONTEXTS_A_READ = 1000

#: Outcome letters by context id; the text of a context never changes.
Letters = dict[str, str]


def letters(namespace: str, entries: Iterable[bytes], known: Letters) -> Operation[None]:
    """Read the outcomes of history entries and add their letters to `known`."""
    ids = dict.fromkeys(context_id_of(entry) for entry in entries)
    missing = [id_ for id_ in ids if id_ and id_ not in known]
    told = yield from run_letters(namespace, missing)
    for id_ in missing:
        known[id_] = told.get(id_, ("", UNKNOWN))[1]


def run_letters(namespace: str, ids: Iterable[str]) -> Operation[dict[str, tuple[str, str]]]:
    """Read the run and the outcome letter of contexts; missing contexts are left out."""
    wanted = [id_ for id_ in ids if id_]
    told: dict[str, tuple[str, str]] = {}
    for at in range(0, len(wanted), CONTEXTS_A_READ):
        contexts = yield from query.read_contexts(namespace, wanted[at : at + CONTEXTS_A_READ])
        for id_, content in contexts.items():
            facts = facts_of(content)
            told[id_] = (facts.get("run", ""), LETTERS.get(facts.get("outcome", ""), UNKNOWN))
    return told


def context_id_of(entry: bytes) -> str:
    """Return the context id of a history entry; empty without one."""
    return entry.rpartition(b";")[2].decode(errors="replace")


def time_of(entry: bytes) -> float:
    """Return the time of a history entry, epoch seconds; 0 if it is invalid."""
    try:
        return float(entry.partition(b";")[0])
    except ValueError:
        return 0.0


def attempts_of(entries: Iterable[bytes], known: Letters) -> list[rows.Attempt]:
    """Return the history entries of a test as attempts, with outcome letters from `known`."""
    return [
        rows.Attempt(
            point.timestamp,
            point.value if isfinite(point.value) else None,
            known.get(point.context_id, UNKNOWN),
        )
        for point in query.parse_points("", entries)
    ]


def facts(namespace: str, points: Iterable[Stat]) -> Operation[dict[str, dict[str, str]]]:
    """Read the facts in the contexts of `points`, by context id, in one round trip."""
    ids = list(dict.fromkeys(point.context_id for point in points if point.context_id))
    contexts = yield from query.read_contexts(namespace, ids)
    return {id_: facts_of(content) for id_, content in contexts.items()}


def history(namespace: str, nodeid: str, suite: str = "", size: int = 100) -> Operation[list[Attempt]]:
    """Read the newest `size` attempts of a test, newest first, in three round trips.

    Raises `NotFoundError` for a test that has no history, or no longer.
    """
    points = yield from query.read_history(namespace, label("test", nodeid, suite or ""), size)
    if not points:
        within = f" in suite {suite!r}" if suite else ""
        raise NotFoundError(
            f"no history of test {nodeid[:200]!r}{within}: unknown, expired, only ever skipped, "
            "or recorded under another suite name"
        )
    known = yield from facts(namespace, points)
    told = [known.get(point.context_id, {}) for point in points]
    of_runs = list(dict.fromkeys(fact["run"] for fact in told if "run" in fact))
    origins = yield from runs.read_fields(namespace, of_runs, ("commit", "branch"))
    return _attempts(points, told, origins)


def _attempts(
    points: Sequence[Stat], told: Sequence[dict[str, str]], origins: dict[str, dict[str, str]]
) -> list[Attempt]:
    return [
        Attempt(
            timestamp=point.timestamp,
            value=point.value if isfinite(point.value) else None,
            outcome=fact.get("outcome"),
            run=fact.get("run"),
            error_id=fact.get("error"),
            **origins.get(fact.get("run", ""), {}),
        )
        for point, fact in zip(points, told, strict=True)
    ]
