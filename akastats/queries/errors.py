"""List the failures of all runs by fingerprint, and read all fields of one fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from akastats.errors import NotFoundError
from akastats.model import error_records
from akastats.model.error_records import LISTED, ErrorRecord
from akastats.model.results import test_of
from akastats.queries import cached_lists
from akastats.queries.cached_lists import CachedList, Page, SortKey
from akastats.store import indexes, keys, runs
from akastats.store.requests import Operation

SORTS = ("last_seen", "first_seen", "count", "runs", "tests")
# Maximum number of records per round trip. The listed fields of a record take about 500 bytes, a reply 100 KB.
RECORDS_PER_READ = 200
#: Maximum number of tests per fingerprint in an answer.
MAX_TESTS = 100


@dataclass(frozen=True, slots=True)
class ListedError:
    """One fingerprint in a list.

    fingerprint: id of a group of equal failures
    searched: text that is searched for the words of a query, in lower case
    record: exception, message, frames and counts
    """

    fingerprint: str
    searched: str
    record: ErrorRecord


@dataclass(frozen=True)
class ListQuery:
    """Filter and order of a list.

    q: words that must all occur
    by_class_only: whether to search only the exception class, not the message and the traceback
    since: earliest time of the last failure, epoch seconds; `None` for all
    sort: sort field, with a leading `-` for descending
    """

    q: str = ""
    by_class_only: bool = False
    since: float | None = None
    sort: str = "-last_seen"


def refresh(namespace: str, cached: CachedList[ListedError]) -> Operation[CachedList[ListedError]]:
    """Return the current failures of a namespace."""
    return cached_lists.refresh(keys.errors_at(namespace), _fetch, namespace, cached)


def _fetch(namespace: str, fingerprints: Sequence[str]) -> Operation[Mapping[str, ListedError]]:
    items: dict[str, ListedError] = {}
    for at in range(0, len(fingerprints), RECORDS_PER_READ):
        stored = yield from indexes.read_error_fields(namespace, fingerprints[at : at + RECORDS_PER_READ], LISTED)
        records = ((print_, error_records.unpack(fields)) for print_, fields in stored.items())
        items.update(
            {print_: _make_listed_error(print_, record) for print_, record in records if record is not None}
        )
    return items


def _make_listed_error(fingerprint: str, record: ErrorRecord) -> ListedError:
    searched = "\n".join((record.exception, record.message, *record.frames, record.newest_test, fingerprint))
    return ListedError(fingerprint, searched.lower(), record)


def select_page(
    cached: CachedList[ListedError], query: ListQuery, after: SortKey | None, size: int
) -> Page[ListedError]:
    """Return the page of matching failures after the sort key `after`."""
    order = cached_lists.order_of(query.sort)
    keyed = [
        (order.sort_key(getattr(each.record, order.field), each.fingerprint), each)
        for each in _filter(cached, query)
    ]
    return cached_lists.select_page(keyed, order.is_descending, after, size)


def _filter(cached: CachedList[ListedError], query: ListQuery) -> Iterator[ListedError]:
    words = cached_lists.words_of(query.q)
    for each in cached.items.values():
        if query.since is not None and each.record.last_seen < query.since:
            continue
        searched = each.record.exception.lower() if query.by_class_only else each.searched
        if all(word in searched for word in words):
            yield each


@dataclass(frozen=True)
class InRun:
    """Failures with one fingerprint in one run.

    run: id of the run
    started: start of the run, epoch seconds
    branch: branch name; null once the run has expired
    commit: full commit id; null once the run has expired
    count: failures in this run
    """

    run: str
    started: float
    branch: str | None
    commit: str | None
    count: int


@dataclass(frozen=True)
class InTest:
    """Failures with one fingerprint of one test, over all runs.

    nodeid: node id of the test
    suite: suite of the test; null if there is none
    count: failures of this test
    """

    nodeid: str
    suite: str | None
    count: int


@dataclass(frozen=True)
class OneError:
    """All fields of one fingerprint.

    fingerprint: id of a group of equal failures
    record: exception, message, frames and counts
    in_runs: failures per run, of the newest 100 runs
    in_tests: failures per test, at most 100 tests, the most frequent first
    """

    fingerprint: str
    record: ErrorRecord
    in_runs: list[InRun]
    in_tests: list[InTest]


def read_error(namespace: str, fingerprint: str) -> Operation[OneError]:
    """Read one fingerprint; raise `NotFoundError` if it is unknown."""
    names = tuple(ErrorRecord.__dataclass_fields__)
    stored = yield from indexes.read_error_fields(namespace, [fingerprint], names)
    record = error_records.unpack(stored[fingerprint])
    if record is None:
        raise NotFoundError(f"no failures with fingerprint {fingerprint[:100]!r}: unknown or expired")
    origins = yield from runs.read_fields(namespace, list(record.in_runs), ("branch", "commit"))
    in_runs = [
        InRun(run, started, origins[run].get("branch"), origins[run].get("commit"), count)
        for run, (started, count) in record.in_runs.items()
    ]
    return OneError(fingerprint, record, in_runs, _in_tests(record))


def _in_tests(record: ErrorRecord) -> list[InTest]:
    named = ((test_of(label), count) for label, count in record.in_tests.items())
    in_tests = [InTest(test.nodeid, test.suite or None, count) for test, count in named if test is not None]
    return sorted(in_tests, key=lambda each: -each.count)[:MAX_TESTS]
