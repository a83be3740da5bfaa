"""One run in full: what failed, grouped, what was slow against its own past, what changed against its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from math import isfinite
from statistics import median
from typing import Any

from akastats.analysis.comparison import compare, values_us, verdicts
from akastats.errors import CorruptDataError, NotFoundError
from akastats.model import profile
from akastats.model.results import label
from akastats.model.verdicts import Verdicts
from akastats.queries import run_in_progress
from akastats.queries.base_run import base_of
from akastats.queries.run_comparison import Changes, in_short, without_noise
from akastats.queries.run_failures import WITHOUT_TEXTS, Failure, failures
from akastats.queries.runs import Run, one
from akastats.queries.verdicts import of_run_if_any
from akastats.records import Stat
from akastats.store import keys, query, runs
from akastats.store.requests import Operation, send_reads

#: How many earlier points "its own past" is.
PAST = 100


@dataclass(frozen=True)
class Slow:
    """A test or fixture of one run: `seconds` then, `usual` the median before (`None`: new)."""

    name: str
    seconds: float
    usual: float | None
    outcome: str | None = None
    scope: str | None = None
    count: int | None = None
    baseid: str | None = None


@dataclass(frozen=True)
class SlowFixture:
    """A fixture of one run: `seconds` of all its set-ups and teardowns, `usual` the median before."""

    name: str
    baseid: str
    scope: str
    count: int
    seconds: float
    usual: float | None


@dataclass(frozen=True)
class Details:
    """One run: its failures, the most frequent first, its slowest tests, and its changes against its base.

    All but the base are empty while there is no profile, except the failures of a run in progress.
    `failing_left_out` counts failing tests that no failure names. `changes` are `None` without two profiles,
    `verdicts` until the run is judged.
    """

    run: Run
    has_profile: bool
    failures: list[Failure]
    failing_left_out: int
    slowest: list[Slow]
    slowest_fixtures: list[SlowFixture]
    base: Run | None
    changes: Changes | None
    verdicts: Verdicts | None


def details(namespace: str, run_id: str, size: int = 10) -> Operation[Details]:
    """Read one run with its failures and its `size` slowest tests; raises `NotFoundError` for an unknown one."""
    run = yield from one(namespace, run_id)
    base = yield from base_of(namespace, run)
    judged = yield from of_run_if_any(namespace, run_id)
    content = yield from _found_profile(namespace, run_id)
    if content is None:
        failed, left_out = yield from _failing_so_far(namespace, run)
        return Details(run, False, failed, left_out, [], [], base, None, judged)
    failed, left_out = yield from failures(namespace, content, run.started or 0.0)
    slowest = yield from _against_past(namespace, run, "test", slowest_tests(content, size))
    fixtures = yield from _against_past(namespace, run, "fixture", slowest_fixtures(content, size))
    before = (yield from _found_profile(namespace, base.id)) if base else None
    changes: Changes | None = None
    if base and before:
        compared = compare(verdicts(content), verdicts(before))
        changes = in_short((yield from without_noise(namespace, run, base, compared)))
    return Details(run, True, failed, left_out, slowest, list(map(_fixture, fixtures)), base, changes, judged)


def _failing_so_far(namespace: str, run: Run) -> Operation[tuple[list[Failure], int]]:
    """Read the failures of a run in progress; empty for a run that has ended."""
    if run.status != "running":
        return [], 0
    stored = yield from runs.read_fields(namespace, [run.id], (runs.FAILING,))
    text = stored[run.id].get(runs.FAILING, "")
    try:
        content = profile.decode_failing(text) if text else None
    except CorruptDataError:
        content = None
    if content is None:
        return [], 0
    return (yield from failures(namespace, content, run.started or 0.0))


def without_texts(found: Details) -> Details:
    """Return details without what comes out of tracebacks, for those who may not read them."""
    failed = [replace(failure, **WITHOUT_TEXTS) for failure in found.failures]
    return replace(found, failures=failed)


def _found_profile(namespace: str, run_id: str) -> Operation[dict[str, Any] | None]:
    try:
        return (yield from read_profile(namespace, run_id))
    except NotFoundError:
        return None


def read_profile(namespace: str, run_id: str) -> Operation[dict[str, Any]]:
    """Read one run's profile; raises `NotFoundError` where there is none, or no longer."""
    return profile.decode((yield from runs.read_profile(namespace, run_id)))


def slowest(namespace: str, run: Run, word: str, size: int) -> Operation[list[Slow]]:
    """Read the `size` slowest tests or fixtures of a run, slowest first; `word` is `test` or `fixture`.

    Of a run in progress those that have ended so far; fixtures are summed up at its end.
    """
    if run.status == "running":
        if word != "test":
            raise NotFoundError(f"run {run.id} is in progress: the times of its fixtures are known when it ends")
        ended = yield from run_in_progress.results(namespace, run)
        so_far = [Slow(each.nodeid, each.seconds, None, outcome=each.outcome) for each in ended]
        found = nsmallest(size, so_far, key=lambda slow: (-slow.seconds, slow.name))
        return (yield from _against_past(namespace, run, word, found))
    content = yield from read_profile(namespace, run.id)
    found = slowest_tests(content, size) if word == "test" else slowest_fixtures(content, size)
    return (yield from _against_past(namespace, run, word, found))


def slowest_tests(content: dict[str, Any], size: int) -> list[Slow]:
    """Return a profile's slowest tests by the time that their history holds; `usual` is not known here."""
    table = content["tests"]
    rows = zip(table["nodeid"], values_us(table), table["outcome"], strict=True)
    found = nsmallest(size, rows, key=lambda row: (-row[1], row[0]))
    return [Slow(nodeid, us / 1e6, None, outcome=outcome) for nodeid, us, outcome in found]


def slowest_fixtures(content: dict[str, Any], size: int) -> list[Slow]:
    """Return a profile's most costly fixtures; `usual` is not known here."""
    found = [
        Slow(
            f"{row['baseid']}::{row['name']}",
            (row["setup"] + row["teardown"]) / 1e6,
            None,
            scope=row["scope"],
            count=row["count"],
            baseid=row["baseid"],
        )
        for row in profile.rows(content["fixtures"])
    ]
    return nsmallest(size, found, key=lambda slow: (-slow.seconds, slow.name))


def _fixture(slow: Slow) -> SlowFixture:
    baseid = slow.baseid or ""
    name = slow.name[len(baseid) + len("::") :]
    return SlowFixture(name, baseid, slow.scope or "", slow.count or 0, slow.seconds, slow.usual)


def _against_past(namespace: str, run: Run, word: str, found: list[Slow]) -> Operation[list[Slow]]:
    labels = [label(word, slow.name, run.suite or "") for slow in found]
    histories = yield from _newest(namespace, labels, PAST)
    began = run.started or 0.0
    return [
        _with_usual(slow, [point.value for point in points if point.timestamp < began and isfinite(point.value)])
        for slow, points in zip(found, histories, strict=True)
    ]


def _with_usual(slow: Slow, past: list[float]) -> Slow:
    return replace(slow, usual=median(past) if past else None)


def _newest(namespace: str, labels: Sequence[str], size: int) -> Operation[list[list[Stat]]]:
    """Read the newest points of several histories, in one round trip."""
    replies = yield from send_reads([("LRANGE", keys.history(namespace, label), 0, size - 1) for label in labels])
    return [query.parse_points(label, reply) for label, reply in zip(labels, replies, strict=True)]
