"""List the tests that have a history, and read the details of one test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from akastats.errors import NotFoundError
from akastats.model import profile
from akastats.model import rows as test_rows
from akastats.model.fingerprint import Fingerprint, fingerprint, message_in
from akastats.model.profile import Profile
from akastats.model.results import label, test_of
from akastats.model.rows import LETTERS, SHOWN, UNKNOWN, Attempt, Row
from akastats.queries import cached_lists, history
from akastats.queries.cached_lists import CachedList, Page, SortKey
from akastats.queries.run_failures import Failure
from akastats.records import Stat, Summary
from akastats.store import indexes, keys, runs
from akastats.store import query as stored_query
from akastats.store.requests import Operation

#: Sort fields; a leading `-` means descending.
SORTS = ("nodeid", "last", "avg", "p50", "p95", "runs", "failure_rate", "last_time")

#: Maximum number of newest points of a test that are searched for failures.
SEARCHED = 200
#: Maximum number of tracebacks of a test, and of its fixtures.
MAX_TRACEBACKS = MAX_FIXTURES = 20


@dataclass(frozen=True, slots=True)
class RecordedTest:
    """A test that has a history.

    label: label of the test
    nodeid: node id of the test
    suite: suite of the test; empty if there is none
    searched: node id in lower case
    row: outcomes, durations and statistics of the test
    """

    label: str
    nodeid: str
    suite: str
    searched: str
    row: Row


@dataclass(frozen=True)
class ListQuery:
    """Filter and order of a list.

    q: words that must all occur in the node id
    suite: suite of the tests; empty for tests without a suite, `None` for all tests
    outcome: outcome of the newest attempt; empty for all
    sort: sort field, with a leading `-` for descending
    """

    q: str = ""
    suite: str | None = None
    outcome: str = ""
    sort: str = "-last_time"


def refresh(namespace: str, cached: CachedList[RecordedTest]) -> Operation[CachedList[RecordedTest]]:
    """Return the current tests of a namespace."""
    return cached_lists.refresh(keys.tests_at(namespace), _fetch, namespace, cached)


def _fetch(namespace: str, labels: Sequence[str]) -> Operation[Mapping[str, RecordedTest]]:
    rows = yield from indexes.read_rows(namespace, labels)
    tests = (recorded_test(name, test_rows.unpack(row)) for name, row in rows.items())
    return {test.label: test for test in tests if test is not None}


def recorded_test(name: str, row: Row | None) -> RecordedTest | None:
    """Return a test with the shown part of its row; `None` without a row, and for labels that name no test."""
    test = test_of(name)
    if row is None or test is None:
        return None
    shown = replace(row, outcomes=row.outcomes[:SHOWN], durations=row.durations[:SHOWN])
    return RecordedTest(name, test.nodeid, test.suite, test.nodeid.lower(), shown)


def with_rates(cached: CachedList[RecordedTest], rates: Mapping[str, float]) -> CachedList[RecordedTest]:
    """Return tests with the failure rates of their verdicts, by label, instead of the rates of their rows."""
    tests = {name: cached.items[name] for name in rates if name in cached.items}
    changed = {
        name: replace(test, row=replace(test.row, failure_rate=rates[name])) for name, test in tests.items()
    }
    return replace(cached, items={**cached.items, **changed}) if changed else cached


def select_page(
    cached: CachedList[RecordedTest], query: ListQuery, after: SortKey | None, size: int
) -> Page[RecordedTest]:
    """Return the page of matching tests after the sort key `after`."""
    order = cached_lists.order_of(query.sort)
    matches = _filter(cached.items.values(), query)
    if order.field == "nodeid":
        keyed = [(order.sort_key(test.nodeid, test.suite), test) for test in matches]
    else:
        keyed = [(order.sort_key(getattr(test.row, order.field), test.label), test) for test in matches]
    return cached_lists.select_page(keyed, order.is_descending, after, size)


def _filter(tests: Iterable[RecordedTest], query: ListQuery) -> Iterator[RecordedTest]:
    words = cached_lists.words_of(query.q)
    if not (words or query.outcome or query.suite is not None):
        yield from tests
        return
    for test in tests:
        if query.suite is not None and test.suite != query.suite:
            continue
        if query.outcome and test.row.last_outcome != query.outcome:
            continue
        if all(word in test.searched for word in words):
            yield test


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
    is_requested: whether the test requests a fixture with this name, directly or through other fixtures; `None` if
        not recorded
    """

    name: str
    baseid: str
    scope: str
    count: int
    setup: float
    teardown: float
    is_requested: bool | None


@dataclass(frozen=True)
class Details:
    """Details of one test.

    test: the test with its row
    numbers: statistics of its durations
    failures: its newest failures by fingerprint, newest first; `count` is the number of attempts
    latest: phases in its newest run; `None` without the profile of that run
    fixtures: fixtures of its newest run that are visible to the test: first the requested fixtures, then the
        others, each group with the slowest first; empty without the profile
    """

    test: RecordedTest
    numbers: Summary
    failures: list[Failure]
    latest: Phases | None
    fixtures: list[Fixture]


def read_details(namespace: str, nodeid: str, suite: str) -> Operation[Details]:
    """Read one test; raises `NotFoundError` for a test without a history."""
    name = label("test", nodeid, suite)
    points = yield from stored_query.read_history(namespace, name, SEARCHED)
    numbers = yield from stored_query.read_summary(namespace, name)
    contexts = yield from history.read_contexts(namespace, points)
    test = recorded_test(name, _row(points, contexts, numbers))
    if test is None:
        raise history.unknown_test_error(nodeid, suite)
    failures = yield from _failures(namespace, nodeid, points, contexts)
    newest = contexts.get(points[0].context_id, {}).get("run", "")
    content = yield from _profile_if_any(namespace, newest)
    if content is None:
        return Details(test, numbers, failures, None, [])
    return Details(test, numbers, failures, phases_of(content, newest, nodeid), fixtures_of(content, nodeid))


def _row(points: Sequence[Stat], contexts: Mapping[str, Mapping[str, str]], numbers: Summary) -> Row | None:
    attempts = [
        Attempt(
            point.timestamp,
            point.value if isfinite(point.value) else None,
            LETTERS.get(contexts.get(point.context_id, {}).get("outcome", ""), UNKNOWN),
        )
        for point in points
    ]
    return test_rows.row_of(attempts, int(numbers.count or 0), numbers.avg)


def _failures(
    namespace: str, nodeid: str, points: Sequence[Stat], contexts: Mapping[str, Mapping[str, str]]
) -> Operation[list[Failure]]:
    """Read the failures of a test by fingerprint, newest first."""
    errors = Counter(contexts.get(point.context_id, {}).get("error", "") for point in points)
    error_ids = [id_ for id_ in errors if id_][:MAX_TRACEBACKS]
    texts = yield from stored_query.read_contexts(namespace, error_ids)
    by_fingerprint: dict[str, Failure] = {}
    for id_ in error_ids:
        failure = _failure(nodeid, id_, texts.get(id_), errors[id_])
        # Use message and traceback of the first failure with a fingerprint, which is the newest.
        newest = by_fingerprint.setdefault(failure.fingerprint or "", replace(failure, count=0))
        by_fingerprint[failure.fingerprint or ""] = replace(newest, count=newest.count + failure.count)
    stored = yield from indexes.read_error_fields(
        namespace, [print_ for print_ in by_fingerprint if print_], ("first_seen",)
    )
    return [
        replace(failure, first_seen=stored_query.parse_number(stored.get(print_, {}).get("first_seen")))
        for print_, failure in by_fingerprint.items()
    ]


def _failure(nodeid: str, error_id: str, stored: bytes | None, count: int) -> Failure:
    if stored is None:
        return Failure(None, None, None, [], None, count, [nodeid], None, None)
    text = stored.decode(errors="replace")
    print_: Fingerprint = fingerprint(text)
    message = message_in(text, print_.exception)
    frames = list(print_.frames)
    return Failure(print_.id, print_.exception, message, frames, error_id, count, [nodeid], None, None)


def _profile_if_any(namespace: str, run_id: str) -> Operation[Profile | None]:
    try:
        return profile.decode((yield from runs.read_profile(namespace, run_id)))
    except NotFoundError:
        return None


def phases_of(content: Profile, run_id: str, nodeid: str) -> Phases | None:
    """Return the phases of a test's last attempt in a profile; `None` if it has no attempt."""
    tests = content.tests
    last = _find_last_attempt(content, nodeid)
    if last is None:
        return None
    setup, call, teardown = (phase[last] / 1e6 for phase in (tests.setup, tests.call, tests.teardown))
    return Phases(run_id, setup, call, teardown, tests.worker[last])


def _find_last_attempt(content: Profile, nodeid: str) -> int | None:
    rows = [row for row, name in enumerate(content.tests.nodeid) if name == nodeid]
    return rows[-1] if rows else None


def fixtures_of(content: Profile, nodeid: str) -> list[Fixture]:
    """Return the fixtures of a profile that are visible to a test, at most 20.

    Fixtures that the test requests come first, then the others. Each group is sorted by time, the slowest first.
    """
    requested = requested_fixtures(content, nodeid)
    visible = [
        Fixture(
            each.name,
            each.baseid,
            each.scope,
            each.count,
            each.setup,
            each.teardown,
            None if requested is None else each.name in requested,
        )
        for each in content.fixtures.rows()
        if is_visible(nodeid, each.baseid)
    ]
    order = sorted(visible, key=lambda fixture: (not fixture.is_requested, -(fixture.setup + fixture.teardown)))
    return order[:MAX_FIXTURES]


def requested_fixtures(content: Profile, nodeid: str) -> frozenset[str] | None:
    """Return the names of the fixtures that a test requests, directly or through others; `None` if not recorded.

    Fixtures that it requests only with `getfixturevalue` are missing.
    """
    last = _find_last_attempt(content, nodeid)
    return None if last is None else content.get_fixture_set(last)


def is_visible(nodeid: str, baseid: str) -> bool:
    """Return whether fixtures of `baseid` are visible to a test.

    baseid: directory, file or class that defines the fixtures; empty for plugins and the root directory
    """
    return not baseid or nodeid == baseid or nodeid.startswith((f"{baseid}/", f"{baseid}::"))
