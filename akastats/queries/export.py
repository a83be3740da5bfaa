"""All that is stored, piece by piece: runs with their tests, then every point of every label."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Any

from akastats.errors import NotFoundError
from akastats.model import profile
from akastats.queries import tests
from akastats.queries.runs import Run
from akastats.store import keys, query, runs
from akastats.store.requests import Operation, send_reads

#: Labels whose histories are read in one step: of 500 points each some 3 MB.
LABELS = 50
#: The newest points of a label that are read. Ours keep 1,000 by default; another writer's list has no bound.
POINTS = 100_000

_TIMES = ("start", "setup", "call", "teardown")


def of_run(namespace: str, run: Run) -> Operation[list[dict[str, Any]]]:
    """Read one run and its tests as rows, the run first; alone where there is no profile."""
    rows = [{"type": "run", **asdict(run)}]
    try:
        content = profile.decode((yield from runs.read_profile(namespace, run.id)))
    except NotFoundError:
        return rows
    for row in profile.rows(profile.columns_to_json(content.tests)):
        seconds = {name: row[name] / 1e6 for name in _TIMES}
        rows.append({"type": "test", "run": run.id, **row, **seconds})
    return rows


def of_labels(namespace: str, after: str = "") -> Operation[tuple[list[dict[str, Any]], str]]:
    """Read the points of the labels behind `after`, newest first; returns where the next step begins.

    That is empty at the end. Of a point's context it says run, outcome and error, where the plugin wrote it.
    """
    labels, following = yield from query.read_label_page(namespace, "*", after, LABELS)
    replies = yield from send_reads(
        [("LRANGE", keys.history(namespace, label), 0, POINTS - 1) for label in labels]
    )
    points = [at for label, reply in zip(labels, replies, strict=True) for at in query.parse_points(label, reply)]
    facts = yield from tests.facts(namespace, points)
    rows = []
    for timestamp, label, value, context_id in points:
        fact = facts.get(context_id, {})
        row = {"label": label, "timestamp": timestamp, "value": value if isfinite(value) else None}
        told = {name: fact.get(name) for name in ("run", "outcome", "error")}
        rows.append({"type": "point", **row, "context_id": context_id or None, **told})
    return rows, following
