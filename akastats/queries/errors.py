"""Failures over all runs, by fingerprint: listed, and each in full."""

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
# A record's listed fields are some 500 bytes: 100 KB a reply.
RECORDS_A_READ = 200
#: So many tests of a failure are named.
MAX_TESTS = 100


@dataclass(frozen=True, slots=True)
class ListedError:
    """One fingerprint as it is listed; `searched` is what a search looks through, in lower case."""

    fingerprint: str
    searched: str
    record: ErrorRecord


@dataclass(frozen=True)
class ListQuery:
    """What a list of failures is asked for: words that all occur, seen at `since` or later, an order.

    With `by_class_only` nothing of a message or traceback is looked through.
    """

    q: str = ""
    by_class_only: bool = False
    since: float | None = None
    sort: str = "-last_seen"


def refresh(namespace: str, seen: CachedList[ListedError]) -> Operation[CachedList[ListedError]]:
    """Return the failures of a namespace as they are known now."""
    return cached_lists.refresh(keys.errors_at(namespace), _fetch, namespace, seen)


def _fetch(namespace: str, fingerprints: Sequence[str]) -> Operation[Mapping[str, ListedError]]:
    found: dict[str, ListedError] = {}
    for at in range(0, len(fingerprints), RECORDS_A_READ):
        stored = yield from indexes.read_error_fields(namespace, fingerprints[at : at + RECORDS_A_READ], LISTED)
        records = ((print_, error_records.unpack(fields)) for print_, fields in stored.items())
        found.update({print_: _listed(print_, record) for print_, record in records if record is not None})
    return found


def _listed(fingerprint: str, record: ErrorRecord) -> ListedError:
    searched = "\n".join((record.exception, record.message, *record.frames, record.newest_test, fingerprint))
    return ListedError(fingerprint, searched.lower(), record)


def page(seen: CachedList[ListedError], wanted: ListQuery, after: SortKey | None, size: int) -> Page[ListedError]:
    """Return the failures that are wanted, behind the place `after`."""
    order = cached_lists.order_of(wanted.sort)
    placed = [
        (order.sort_key(getattr(each.record, order.field), each.fingerprint), each)
        for each in _matching(seen, wanted)
    ]
    return cached_lists.page(placed, order.is_descending, after, size)


def _matching(seen: CachedList[ListedError], wanted: ListQuery) -> Iterator[ListedError]:
    words = cached_lists.words_of(wanted.q)
    for each in seen.items.values():
        if wanted.since is not None and each.record.last_seen < wanted.since:
            continue
        searched = each.record.exception.lower() if wanted.by_class_only else each.searched
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
    suite: suite of the test; null without one
    count: failures of this test
    """

    nodeid: str
    suite: str | None
    count: int


@dataclass(frozen=True)
class OneError:
    """One fingerprint in full: its newest runs, and up to 100 of its tests."""

    fingerprint: str
    record: ErrorRecord
    in_runs: list[InRun]
    in_tests: list[InTest]


def one_error(namespace: str, fingerprint: str) -> Operation[OneError]:
    """Read one fingerprint; raises `NotFoundError` for an unknown one."""
    names = tuple(ErrorRecord.__dataclass_fields__)
    found = yield from indexes.read_error_fields(namespace, [fingerprint], names)
    record = error_records.unpack(found[fingerprint])
    if record is None:
        raise NotFoundError(f"no failures with fingerprint {fingerprint[:100]!r}: unknown, or long gone")
    origins = yield from runs.read_fields(namespace, list(record.in_runs), ("branch", "commit"))
    in_runs = [
        InRun(run, started, origins[run].get("branch"), origins[run].get("commit"), count)
        for run, (started, count) in record.in_runs.items()
    ]
    return OneError(fingerprint, record, in_runs, _in_tests(record))


def _in_tests(record: ErrorRecord) -> list[InTest]:
    named = ((test_of(label), count) for label, count in record.in_tests.items())
    found = [InTest(test.nodeid, test.suite or None, count) for test, count in named if test is not None]
    return sorted(found, key=lambda each: -each.count)[:MAX_TESTS]
