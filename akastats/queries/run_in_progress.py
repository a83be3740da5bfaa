"""Read the tests of a run in progress, from the histories of its tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from akastats.model.results import test_of
from akastats.queries import tests
from akastats.queries.runs import Run
from akastats.records import Stat
from akastats.store import keys, query
from akastats.store.requests import Operation, send_read, send_reads

#: Labels with a newer point than the run's start that are looked through, of other runs among them.
MOST_LABELS = 50_000
#: The newest points that are read of each label: those of other runs and reruns are among them.
POINTS = 5
#: Labels per round trip: 500 replies of 5 points are some 100 KB.
STEP = 500
#: Seconds by which the clock of the machine that runs the tests may be ahead of the server's.
CLOCK_SKEW_S = 3600.0


@dataclass(frozen=True)
class Result:
    """The newest attempt of a test in a run, in seconds."""

    nodeid: str
    seconds: float
    outcome: str


def results(namespace: str, run: Run) -> Operation[list[Result]]:
    """Read the tests that have ended in a run so far."""
    since = (run.started or 0.0) - CLOCK_SKEW_S
    seen = yield from send_read("ZRANGEBYSCORE", keys.seen(namespace), since, "+inf", "LIMIT", 0, MOST_LABELS)
    labels = list(_labels(seen, run.suite or ""))
    found: list[Result] = []
    for at in range(0, len(labels), STEP):
        some = labels[at : at + STEP]
        replies = yield from send_reads(
            [("LRANGE", keys.history(namespace, each), 0, POINTS - 1) for each in some]
        )
        points = [
            point for each, reply in zip(some, replies, strict=True) for point in query.parse_points(each, reply)
        ]
        known = yield from tests.facts(namespace, points)
        own = [point for point in points if known.get(point.context_id, {}).get("run") == run.id]
        found += _newest(own, {id_: facts.get("outcome", "") for id_, facts in known.items()})
    return found


def _labels(members: Sequence[bytes], suite: str) -> Iterator[str]:
    for member in members:
        label = member.decode(errors="replace")
        test = test_of(label)
        if test is not None and test.suite == suite:
            yield label


def _newest(points: Sequence[Stat], outcomes: dict[str, str]) -> list[Result]:
    found: dict[str, Result] = {}
    # The newest point of a label comes first.
    for point in points:
        test = test_of(point.label)
        if test is not None and isfinite(point.value):
            found.setdefault(test.nodeid, Result(test.nodeid, point.value, outcomes.get(point.context_id, "")))
    return list(found.values())
