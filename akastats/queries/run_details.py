"""One run in full: what failed, grouped, what was slow against its own past, what changed against its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from heapq import nsmallest
from math import isfinite
from statistics import median

from akastats.analysis.comparison import compare, last_attempts
from akastats.errors import CorruptDataError, NotFoundError
from akastats.model import profile
from akastats.model.profile import Profile
from akastats.model.results import label
from akastats.model.verdicts import Verdicts
from akastats.queries import run_in_progress
from akastats.queries.base_run import base_of
from akastats.queries.run_comparison import Changes, in_short, without_noise
from akastats.queries.run_failures import WITHOUT_TEXTS, Failure, failures
from akastats.queries.runs import Run, one
from akastats.queries.verdict_answers import RunVerdicts, answer_run_verdicts
from akastats.queries.verdicts import of_run_if_any
from akastats.records import Stat
from akastats.store import keys, query, runs
from akastats.store.requests import Operation, send_reads

#: How many earlier points "its own past" is.
PAST = 100


@dataclass(frozen=True)
class SlowTest:
    """A slow test of one run.

    name: node id of the test
    seconds: duration in this run, in seconds
    usual: median duration of up to 100 earlier runs, in seconds; null for a new test
    outcome: outcome of the last attempt
    """

    name: str
    seconds: float
    usual: float | None
    outcome: str | None = None


@dataclass(frozen=True)
class Slow(SlowTest):
    """A slow test or fixture of one run.

    scope: scope of a fixture; `None` for a test
    count: number of setups of a fixture; `None` for a test
    baseid: directory, file or class that defines a fixture; `None` for a test
    """

    scope: str | None = None
    count: int | None = None
    baseid: str | None = None


@dataclass(frozen=True)
class SlowFixture:
    """A slow fixture of one run.

    name: name of the fixture
    baseid: directory, file or class that defines it; empty for plugins and the root directory
    scope: scope of the fixture
    count: number of setups
    seconds: duration of all setups and teardowns, in seconds
    usual: median duration of up to 100 earlier runs, in seconds; null for a new fixture
    """

    name: str
    baseid: str
    scope: str
    count: int
    seconds: float
    usual: float | None


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The failures of one run, its slowest fixtures, and its changes against its base run.

    has_profile: false while the run is in progress, and once its profile has expired
    failures: failures grouped by fingerprint, the most frequent first; at most 100
    failing_left_out: number of failing tests that no failure names
    slowest_fixtures: the 10 slowest fixtures; empty without a profile
    base: the base run: the newest earlier run of the same suite that passed or failed, of its branch or pull
        request, else of its base branch, else of any
    changes: differences from the base run; null if one of the two runs has no profile
    """

    has_profile: bool
    failures: list[Failure]
    failing_left_out: int
    slowest_fixtures: list[SlowFixture]
    base: Run | None
    changes: Changes | None


@dataclass(frozen=True, kw_only=True)
class Details(Findings):
    """One run in full.

    run: the run itself
    slowest: its slowest tests; empty without a profile
    verdicts: its verdicts; `None` until the run has been analysed
    """

    run: Run
    slowest: list[Slow]
    verdicts: Verdicts | None


@dataclass(frozen=True, kw_only=True)
class RunDetails(Findings, Run):
    """One run in full, in the form of the API's JSON. Without a profile its lists are empty.

    slowest: the 10 slowest tests; empty without a profile
    verdicts: verdicts in short; null until the run has been analysed, and once they have expired
    """

    slowest: list[SlowTest]
    verdicts: RunVerdicts | None


def answer_details(found: Details) -> RunDetails:
    """Return a run's details in the form of the API's JSON."""
    verdicts = answer_run_verdicts(found.verdicts, found.run.started) if found.verdicts else None
    return RunDetails(
        **vars(found.run),
        **{field.name: getattr(found, field.name) for field in fields(Findings)},
        slowest=[SlowTest(each.name, each.seconds, each.usual, each.outcome) for each in found.slowest],
        verdicts=verdicts,
    )


def details(namespace: str, run_id: str, size: int = 10) -> Operation[Details]:
    """Read one run with its failures and its `size` slowest tests; raises `NotFoundError` for an unknown one."""
    run = yield from one(namespace, run_id)
    base = yield from base_of(namespace, run)
    judged = yield from of_run_if_any(namespace, run_id)
    content = yield from _found_profile(namespace, run_id)
    if content is None:
        failed, left_out = yield from _failing_so_far(namespace, run)
        return Details(
            run=run,
            has_profile=False,
            failures=failed,
            failing_left_out=left_out,
            slowest=[],
            slowest_fixtures=[],
            base=base,
            changes=None,
            verdicts=judged,
        )
    failed, left_out = yield from failures(namespace, content, run.started or 0.0)
    slowest = yield from _against_past(namespace, run, "test", slowest_tests(content, size))
    fixtures = yield from _against_past(namespace, run, "fixture", slowest_fixtures(content, size))
    before = (yield from _found_profile(namespace, base.id)) if base else None
    changes: Changes | None = None
    if base and before:
        compared = compare(last_attempts(content), last_attempts(before))
        changes = in_short((yield from without_noise(namespace, run, base, compared)))
    return Details(
        run=run,
        has_profile=True,
        failures=failed,
        failing_left_out=left_out,
        slowest=slowest,
        slowest_fixtures=list(map(_fixture, fixtures)),
        base=base,
        changes=changes,
        verdicts=judged,
    )


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


def _found_profile(namespace: str, run_id: str) -> Operation[Profile | None]:
    try:
        return (yield from read_profile(namespace, run_id))
    except NotFoundError:
        return None


def read_profile(namespace: str, run_id: str) -> Operation[Profile]:
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


def slowest_tests(content: Profile, size: int) -> list[Slow]:
    """Return a profile's slowest tests by the time that their history holds; `usual` is not known here."""
    rows = zip(content.tests.nodeid, content.tests.values_us(), content.tests.outcome, strict=True)
    found = nsmallest(size, rows, key=lambda row: (-row[1], row[0]))
    return [Slow(nodeid, us / 1e6, None, outcome=outcome) for nodeid, us, outcome in found]


def slowest_fixtures(content: Profile, size: int) -> list[Slow]:
    """Return a profile's most costly fixtures; `usual` is not known here."""
    found = [
        Slow(
            f"{each.baseid}::{each.name}",
            each.setup + each.teardown,
            None,
            scope=each.scope,
            count=each.count,
            baseid=each.baseid,
        )
        for each in content.fixtures.rows()
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
