"""Read the tests of a run in progress from their histories, because its profile is written at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from akastats.model.results import test_of
from akastats.queries import history
from akastats.queries.runs import Run
from akastats.records import Stat
from akastats.store import keys, query
from akastats.store.requests import Operation, send_read, send_reads

#: Maximum number of labels that are read. They have a point since the start of the run, also from other runs.
MAX_LABELS = 50_000
#: Maximum number of newest points per label that are read. Reruns and other runs add points.
POINTS = 5
#: Maximum number of labels per round trip. 500 replies of 5 points take about 100 KB.
STEP = 500
#: Maximum number of seconds that the clock of the test machine may be ahead of the server's clock.
CLOCK_SKEW_S = 3600.0


@dataclass(frozen=True)
class Result:
    """The newest attempt of a test in a run.

    nodeid: node id of the test
    seconds: duration in seconds
    outcome: outcome of the attempt; empty if unknown
    """

    nodeid: str
    seconds: float
    outcome: str


def read_results(namespace: str, run: Run) -> Operation[list[Result]]:
    """Read the tests of a run that have ended so far."""
    since = (run.started or 0.0) - CLOCK_SKEW_S
    members = yield from send_read("ZRANGEBYSCORE", keys.seen(namespace), since, "+inf", "LIMIT", 0, MAX_LABELS)
    labels = list(_labels(members, run.suite or ""))
    results: list[Result] = []
    for at in range(0, len(labels), STEP):
        chunk = labels[at : at + STEP]
        replies = yield from send_reads(
            [("LRANGE", keys.history(namespace, label), 0, POINTS - 1) for label in chunk]
        )
        points = [
            point
            for label, reply in zip(chunk, replies, strict=True)
            for point in query.parse_points(label, reply)
        ]
        contexts = yield from history.read_contexts(namespace, points)
        own = [point for point in points if contexts.get(point.context_id, {}).get("run") == run.id]
        results += _newest(own, {id_: facts.get("outcome", "") for id_, facts in contexts.items()})
    return results


def _labels(members: Sequence[bytes], suite: str) -> Iterator[str]:
    for member in members:
        label = member.decode(errors="replace")
        test = test_of(label)
        if test is not None and test.suite == suite:
            yield label


def _newest(points: Sequence[Stat], outcomes: dict[str, str]) -> list[Result]:
    by_nodeid: dict[str, Result] = {}
    # The newest point of a label comes first.
    for point in points:
        test = test_of(point.label)
        if test is not None and isfinite(point.value):
            by_nodeid.setdefault(test.nodeid, Result(test.nodeid, point.value, outcomes.get(point.context_id, "")))
    return list(by_nodeid.values())
