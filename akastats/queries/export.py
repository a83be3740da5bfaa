"""Export stored data as rows: runs with their tests, and the points of all labels."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import Any

from akastats.analysis.ledger import make_ledger
from akastats.errors import NotFoundError
from akastats.model import profile
from akastats.queries import history
from akastats.queries.ledger import add_exit
from akastats.queries.runs import Run
from akastats.store import keys, query, runs
from akastats.store.requests import Operation, send_reads

#: Maximum number of labels per step. With 500 points per label, a step takes about 3 MB.
LABELS = 50
#: Maximum number of points per label. akastats stores 1,000 by default, but lists of other writers have no limit.
POINTS = 100_000

_TIMES = ("start", "setup", "call", "teardown")


def read_run_rows(namespace: str, run: Run) -> Operation[list[dict[str, Any]]]:
    """Read one run, its processes and its tests as rows, the run first; only the run if it has no profile."""
    rows = [{"type": "run", **asdict(run)}]
    try:
        content = profile.decode((yield from runs.read_profile(namespace, run.id)))
    except NotFoundError:
        return rows
    if content.processes.worker:
        processes = make_ledger(add_exit(content, run)).processes
        rows += [{"type": "process", "run": run.id, **asdict(each)} for each in processes]
    for row in profile.rows(profile.columns_to_json(content.tests)):
        seconds = {name: row[name] / 1e6 for name in _TIMES}
        rows.append({"type": "test", "run": run.id, **row, **seconds})
    return rows


def read_point_rows(namespace: str, after: str = "") -> Operation[tuple[list[dict[str, Any]], str]]:
    """Read the points of the labels after `after`, newest first; return them and the `after` of the next step.

    The returned `after` is empty at the end. A row includes run, outcome and error if the plugin wrote the context
    of the point.
    """
    labels, following = yield from query.read_label_page(namespace, "*", after, LABELS)
    replies = yield from send_reads(
        [("LRANGE", keys.history(namespace, label), 0, POINTS - 1) for label in labels]
    )
    points = [
        point for label, reply in zip(labels, replies, strict=True) for point in query.parse_points(label, reply)
    ]
    contexts = yield from history.read_contexts(namespace, points)
    rows = []
    for timestamp, label, value, context_id in points:
        context = contexts.get(context_id, {})
        row = {"label": label, "timestamp": timestamp, "value": value if isfinite(value) else None}
        origin = {name: context.get(name) for name in ("run", "outcome", "error")}
        rows.append({"type": "point", **row, "context_id": context_id or None, **origin})
    return rows, following
