"""Read the details of one run: grouped failures, slowest tests and fixtures, and changes against the base run."""

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
from akastats.queries.base_run import find_base
from akastats.queries.run_comparison import Changes, separate_noise, summarize
from akastats.queries.run_failures import WITHOUT_TEXTS, Failure, read_failures
from akastats.queries.runs import Run, read_run
from akastats.queries.verdict_answers import RunVerdicts, answer_run_verdicts
from akastats.queries.verdicts import read_verdicts_if_any
from akastats.records import Stat
from akastats.store import keys, query, runs
from akastats.store.requests import Operation, send_reads

#: Maximum number of points from which a typical duration is computed.
TYPICAL_POINTS = 100


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
class RunContents:
    """The failures of one run, its slowest fixtures, and its changes against its base run.

    has_profile: false while the run is in progress, and once its profile has expired
    failures: failures grouped by fingerprint, the most frequent first; at most 100
    failing_left_out: number of failing tests that `failures` does not contain
    slowest_fixtures: the 10 slowest fixtures; empty without a profile
    base: the newest complete earlier run of the same suite: of its branch or pull request, otherwise of its base
        branch, otherwise of any branch
    changes: differences from the base run; null if one of the two runs has no profile
    """

    has_profile: bool
    failures: list[Failure]
    failing_left_out: int
    slowest_fixtures: list[SlowFixture]
    base: Run | None
    changes: Changes | None


@dataclass(frozen=True, kw_only=True)
class Details(RunContents):
    """Details of one run.

    run: the run itself
    slowest: its slowest tests; empty without a profile
    verdicts: its verdicts; `None` until the run has been analysed
    """

    run: Run
    slowest: list[Slow]
    verdicts: Verdicts | None


@dataclass(frozen=True, kw_only=True)
class RunDetails(RunContents, Run):
    """One run in full, in the form of the API's JSON. Without a profile its lists are empty.

    slowest: the 10 slowest tests; empty without a profile
    verdicts: summary of the verdicts; null until the run has been analysed, and once they have expired
    """

    slowest: list[SlowTest]
    verdicts: RunVerdicts | None


def answer_details(details: Details) -> RunDetails:
    """Return a run's details in the form of the API's JSON."""
    verdicts = answer_run_verdicts(details.verdicts, details.run.started) if details.verdicts else None
    return RunDetails(
        **vars(details.run),
        **{field.name: getattr(details, field.name) for field in fields(RunContents)},
        slowest=[SlowTest(each.name, each.seconds, each.usual, each.outcome) for each in details.slowest],
        verdicts=verdicts,
    )


def read_details(namespace: str, run_id: str, size: int = 10) -> Operation[Details]:
    """Read one run with its failures and its `size` slowest tests; raises `NotFoundError` for an unknown run."""
    run = yield from read_run(namespace, run_id)
    base = yield from find_base(namespace, run)
    verdicts = yield from read_verdicts_if_any(namespace, run_id)
    content = yield from _profile_if_any(namespace, run_id)
    if content is None:
        return (yield from _details_without_profile(namespace, run, base, verdicts))
    run_failures, left_out = yield from read_failures(namespace, content, run.started or 0.0)
    tests = yield from _with_typical(namespace, run, "test", find_slowest_tests(content, size))
    fixtures = yield from _with_typical(namespace, run, "fixture", find_slowest_fixtures(content, size))
    return Details(
        run=run,
        has_profile=True,
        failures=run_failures,
        failing_left_out=left_out,
        slowest=tests,
        slowest_fixtures=list(map(_fixture, fixtures)),
        base=base,
        changes=(yield from _changes(namespace, run, content, base)) if base else None,
        verdicts=verdicts,
    )


def _details_without_profile(
    namespace: str, run: Run, base: Run | None, verdicts: Verdicts | None
) -> Operation[Details]:
    run_failures, left_out = yield from _failures_so_far(namespace, run)
    return Details(
        run=run,
        has_profile=False,
        failures=run_failures,
        failing_left_out=left_out,
        slowest=[],
        slowest_fixtures=[],
        base=base,
        changes=None,
        verdicts=verdicts,
    )


def _failures_so_far(namespace: str, run: Run) -> Operation[tuple[list[Failure], int]]:
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
    return (yield from read_failures(namespace, content, run.started or 0.0))


def _changes(namespace: str, run: Run, content: Profile, base: Run) -> Operation[Changes | None]:
    """Compare a run with its base run; `None` if the base run has no profile."""
    base_content = yield from _profile_if_any(namespace, base.id)
    if base_content is None:
        return None
    comparison = compare(last_attempts(content), last_attempts(base_content))
    return summarize((yield from separate_noise(namespace, run, base, comparison)))


def without_texts(details: Details) -> Details:
    """Return details without texts from tracebacks, for callers without the scope to read tracebacks."""
    failed = [replace(failure, **WITHOUT_TEXTS) for failure in details.failures]
    return replace(details, failures=failed)


def _profile_if_any(namespace: str, run_id: str) -> Operation[Profile | None]:
    try:
        return (yield from read_profile(namespace, run_id))
    except NotFoundError:
        return None


def read_profile(namespace: str, run_id: str) -> Operation[Profile]:
    """Read the profile of a run; raises `NotFoundError` if it is missing or has expired."""
    return profile.decode((yield from runs.read_profile(namespace, run_id)))


def read_slowest(namespace: str, run: Run, kind: str, size: int) -> Operation[list[Slow]]:
    """Read the `size` slowest tests or fixtures of a run, slowest first; `kind` is `test` or `fixture`.

    For a run in progress, only tests that have ended count. Raises `NotFoundError` for its fixtures, because their
    durations are recorded at the end of the run.
    """
    if run.status == "running":
        candidates = yield from _slowest_so_far(namespace, run, kind, size)
    else:
        content = yield from read_profile(namespace, run.id)
        candidates = find_slowest_tests(content, size) if kind == "test" else find_slowest_fixtures(content, size)
    return (yield from _with_typical(namespace, run, kind, candidates))


def _slowest_so_far(namespace: str, run: Run, kind: str, size: int) -> Operation[list[Slow]]:
    if kind != "test":
        raise NotFoundError(f"run {run.id} is in progress: the durations of its fixtures are recorded at its end")
    results = yield from run_in_progress.read_results(namespace, run)
    tests = [Slow(each.nodeid, each.seconds, None, outcome=each.outcome) for each in results]
    return nsmallest(size, tests, key=lambda slow: (-slow.seconds, slow.name))


def find_slowest_tests(content: Profile, size: int) -> list[Slow]:
    """Return the `size` slowest tests of a profile, by the duration in their history; `usual` is `None`."""
    rows = zip(content.tests.nodeid, content.tests.values_us(), content.tests.outcome, strict=True)
    slowest_rows = nsmallest(size, rows, key=lambda row: (-row[1], row[0]))
    return [Slow(nodeid, us / 1e6, None, outcome=outcome) for nodeid, us, outcome in slowest_rows]


def find_slowest_fixtures(content: Profile, size: int) -> list[Slow]:
    """Return the `size` slowest fixtures of a profile, by setup and teardown; `usual` is `None`."""
    fixtures = [
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
    return nsmallest(size, fixtures, key=lambda slow: (-slow.seconds, slow.name))


def _fixture(slow: Slow) -> SlowFixture:
    baseid = slow.baseid or ""
    name = slow.name[len(baseid) + len("::") :]
    return SlowFixture(name, baseid, slow.scope or "", slow.count or 0, slow.seconds, slow.usual)


def _with_typical(namespace: str, run: Run, kind: str, items: list[Slow]) -> Operation[list[Slow]]:
    """Return tests or fixtures with their typical durations, which are read from their points before a run."""
    labels = [label(kind, slow.name, run.suite or "") for slow in items]
    histories = yield from _newest(namespace, labels, TYPICAL_POINTS)
    return [
        replace(slow, usual=_typical(points, before=run.started or 0.0))
        for slow, points in zip(items, histories, strict=True)
    ]


def _typical(points: Sequence[Stat], before: float) -> float | None:
    values = [point.value for point in points if point.timestamp < before and isfinite(point.value)]
    return median(values) if values else None


def _newest(namespace: str, labels: Sequence[str], size: int) -> Operation[list[list[Stat]]]:
    """Read the newest points of several histories, in one round trip."""
    replies = yield from send_reads([("LRANGE", keys.history(namespace, label), 0, size - 1) for label in labels])
    return [query.parse_points(label, reply) for label, reply in zip(labels, replies, strict=True)]
