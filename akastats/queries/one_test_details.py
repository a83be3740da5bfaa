"""One test in full: its row and numbers, what it failed with, what its fixtures cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from akastats.errors import NotFoundError
from akastats.model import profile, rows
from akastats.model.fingerprint import Fingerprint, fingerprint, message_in
from akastats.model.profile import Profile
from akastats.model.results import label
from akastats.model.rows import LETTERS, UNKNOWN, Attempt
from akastats.queries.run_failures import Failure
from akastats.queries.tests import facts
from akastats.queries.tests_list import Listed, listed_of
from akastats.records import Stat, Summary
from akastats.store import indexes, query, runs
from akastats.store.requests import Operation

#: Of a test's history so many of the newest points are searched for failures, and so many tracebacks told.
SEARCHED, MAX_TRACEBACKS = 200, 20
MAX_FIXTURES = 20


@dataclass(frozen=True)
class Phases:
    """Durations of a test's phases in its newest run.

    run: id of the run
    setup: seconds of the setup
    call: seconds of the call
    teardown: seconds of the teardown
    worker: pytest-xdist worker; empty without workers
    """

    run: str
    setup: float
    call: float
    teardown: float
    worker: str


@dataclass(frozen=True)
class Fixture:
    """Duration of a fixture in a test's newest run, summed over all workers.

    name: name of the fixture
    baseid: directory, file or class that defines it; empty for plugins and the root directory
    scope: scope of the fixture
    count: number of setups
    setup: seconds of all setups
    teardown: seconds of all teardowns
    """

    name: str
    baseid: str
    scope: str
    count: int
    setup: float
    teardown: float


@dataclass(frozen=True)
class OneTest:
    """A test; `latest` and `fixtures` are of its newest run, absent without its profile."""

    listed: Listed
    numbers: Summary
    failures: list[Failure]
    latest: Phases | None
    fixtures: list[Fixture]


def one_test(namespace: str, nodeid: str, suite: str) -> Operation[OneTest]:
    """Read one test; raises `NotFoundError` for one without a history."""
    name = label("test", nodeid, suite)
    points = yield from query.read_history(namespace, name, SEARCHED)
    numbers = yield from query.read_summary(namespace, name)
    told = yield from facts(namespace, points)
    listed = _listed(name, points, told, numbers)
    if listed is None:
        raise NotFoundError(
            f"no history of test {nodeid[:200]!r}: unknown, expired, only ever skipped, or of another suite"
        )
    failures = yield from _failures(namespace, nodeid, points, told)
    newest = told.get(points[0].context_id, {}).get("run", "")
    content = yield from _profile(namespace, newest)
    if content is None:
        return OneTest(listed, numbers, failures, None, [])
    return OneTest(listed, numbers, failures, latest_of(content, newest, nodeid), fixtures_of(content, nodeid))


def _listed(
    name: str, points: Sequence[Stat], told: Mapping[str, dict[str, str]], numbers: Summary
) -> Listed | None:
    attempts = [
        Attempt(
            point.timestamp,
            point.value if isfinite(point.value) else None,
            LETTERS.get(told.get(point.context_id, {}).get("outcome", ""), UNKNOWN),
        )
        for point in points
    ]
    return listed_of(name, rows.row_of(attempts, int(numbers.count or 0), numbers.avg))


def _failures(
    namespace: str, nodeid: str, points: Sequence[Stat], told: Mapping[str, dict[str, str]]
) -> Operation[list[Failure]]:
    """Read what a test failed with, the newest first, its attempts counted by fingerprint."""
    errors = Counter(told.get(point.context_id, {}).get("error", "") for point in points)
    ids = [id_ for id_ in errors if id_][:MAX_TRACEBACKS]
    texts = yield from query.read_contexts(namespace, ids)
    grouped: dict[str, Failure] = {}
    for id_ in ids:
        failure = _failure(nodeid, id_, texts.get(id_), errors[id_])
        known = grouped.setdefault(failure.fingerprint or "", replace(failure, count=0))
        grouped[failure.fingerprint or ""] = replace(known, count=known.count + failure.count)
    stored = yield from indexes.read_error_fields(
        namespace, [print_ for print_ in grouped if print_], ("first_seen",)
    )
    return [
        replace(failure, first_seen=query.parse_number(stored.get(print_, {}).get("first_seen")))
        for print_, failure in grouped.items()
    ]


def _failure(nodeid: str, error_id: str, stored: bytes | None, count: int) -> Failure:
    if stored is None:
        return Failure(None, None, None, [], None, count, [nodeid], None, None)
    text = stored.decode(errors="replace")
    print_: Fingerprint = fingerprint(text)
    message = message_in(text, print_.exception)
    frames = list(print_.frames)
    return Failure(print_.id, print_.exception, message, frames, error_id, count, [nodeid], None, None)


def _profile(namespace: str, run_id: str) -> Operation[Profile | None]:
    try:
        return profile.decode((yield from runs.read_profile(namespace, run_id)))
    except NotFoundError:
        return None


def latest_of(content: Profile, run_id: str, nodeid: str) -> Phases | None:
    """Return the phases of a test's last attempt in a profile."""
    tests = content.tests
    places = [at for at, name in enumerate(tests.nodeid) if name == nodeid]
    if not places:
        return None
    setup, call, teardown = (phase[places[-1]] / 1e6 for phase in (tests.setup, tests.call, tests.teardown))
    return Phases(run_id, setup, call, teardown, tests.worker[places[-1]])


def fixtures_of(content: Profile, nodeid: str) -> list[Fixture]:
    """Return the fixtures of a profile that a test can see, the costliest first."""
    visible = [
        Fixture(each.name, each.baseid, each.scope, each.count, each.setup, each.teardown)
        for each in content.fixtures.rows()
        if is_within(nodeid, each.baseid)
    ]
    return sorted(visible, key=lambda fixture: -(fixture.setup + fixture.teardown))[:MAX_FIXTURES]


def is_within(nodeid: str, baseid: str) -> bool:
    """Tell whether a test can see the fixtures of `baseid`: of everywhere, a directory, a file or a class."""
    return not baseid or nodeid == baseid or nodeid.startswith((f"{baseid}/", f"{baseid}::"))
