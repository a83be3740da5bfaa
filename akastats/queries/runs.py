"""Read runs: one run, a filtered page, the newest run, or the runs of a CI build."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from akastats.errors import CorruptDataError, NotFoundError
from akastats.model.stored_values import MAX_INT, are_texts, json_of
from akastats.queries import cursors
from akastats.store import runs
from akastats.store.requests import Operation
from akastats.store.runs import Position


@dataclass(frozen=True)
class Run:
    """One run. A field is `None` if its value is unknown.

    id: id of the run; ids sort by time
    status: running, passed, failed, interrupted, crashed or empty
    suite: suite of the run; null if there is none
    branch: branch name
    commit: full commit id
    dirty: whether tracked files had uncommitted changes
    nested: whether it ran inside another recorded run
    base_branch: the branch to compare with: configured, or the target of the pull request
    pull_request: number of the pull request; true if the number is unknown
    default_branch: default branch of the repository
    started: start, epoch seconds
    finished: end, epoch seconds
    answered: end of the delivery, for which the process waits, epoch seconds; null if `exited` is
    exited: end of the process, epoch seconds; null if it was not observed
    duration: seconds from start to end
    exit_code: exit code of pytest
    died_in: node ids of the tests that were running when the process died; null for a run that did not crash
    tests: number of tests that have ended
    planned: number of tests that the run will execute; known after collection
    passed: tests that passed
    failed: tests that failed
    errors: tests with an error in setup or teardown
    skipped: tests that were skipped
    xfailed: tests that failed as expected
    xpassed: tests that passed although a failure was expected
    reruns: failed attempts that were repeated
    collect_errors: files that could not be collected
    provider: CI provider
    build_id: build number of the CI provider
    build_url: address of the build
    job: job name of the CI provider
    attempt: attempt of the build
    host: host name of the machine
    platform: operating system and processor
    python: Python version
    pytest: pytest version
    workers: number of pytest-xdist workers
    dist: `--dist` of pytest-xdist; `no` without workers
    cpu_count: number of processors
    machine_memory: memory of the machine, or of its container, in bytes
    argv: arguments of pytest, secrets redacted
    quarantine: whether the run ignored failures of quarantined tests
    """

    id: str
    status: str | None = None
    suite: str | None = None
    branch: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    nested: bool | None = None
    base_branch: str | None = None
    pull_request: str | None = None
    default_branch: str | None = None
    started: float | None = None
    finished: float | None = None
    answered: float | None = None
    exited: float | None = None
    duration: float | None = None
    exit_code: int | None = None
    died_in: list[str] | None = None
    tests: int | None = None
    planned: int | None = None
    passed: int | None = None
    failed: int | None = None
    errors: int | None = None
    skipped: int | None = None
    xfailed: int | None = None
    xpassed: int | None = None
    reruns: int | None = None
    collect_errors: int | None = None
    provider: str | None = None
    build_id: str | None = None
    build_url: str | None = None
    job: str | None = None
    attempt: str | None = None
    host: str | None = None
    platform: str | None = None
    python: str | None = None
    pytest: str | None = None
    workers: int | None = None
    dist: str | None = None
    cpu_count: int | None = None
    machine_memory: int | None = None
    argv: str | None = None
    quarantine: bool | None = None


@dataclass(frozen=True)
class Page:
    """A page of runs.

    items: runs, newest first
    next: position of the last run that was read; `None` on the last page
    """

    items: list[Run]
    next: Position | None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _integer(text: str) -> int | None:
    number = _number(text)
    return None if number is None or abs(number) > MAX_INT else int(number)


def _boolean(text: str) -> bool:
    return text in ("1", "true", "True")


def _names(text: str) -> list[str] | None:
    try:
        stored = json_of(text.encode(errors="replace"))
    except CorruptDataError:
        return None
    return stored if type(stored) is list and are_texts(stored) else None


# Converters by annotation, which is a string because of `from __future__ import annotations`.
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "float | None": _number,
    "int | None": _integer,
    "bool | None": _boolean,
    "list[str] | None": _names,
}
_FIELDS: Mapping[str, Callable[[str], Any]] = {
    field.name: _PARSERS.get(str(field.type), str) for field in dataclasses.fields(Run)
}
# Fields that are stored under another name. In the API's JSON, `base` is a run.
_STORED = {"base_branch": "base"}


def run_of(fields: Mapping[str, str]) -> Run:
    """Return a stored run as typed values; fields of a later version are omitted."""
    stored = ((name, _STORED.get(name, name), parse) for name, parse in _FIELDS.items())
    return Run(**{name: parse(fields[field]) for name, field, parse in stored if field in fields})


def read_page(
    namespace: str,
    filters: Mapping[str, str],
    after: Position | None = None,
    size: int = 50,
    names: Sequence[str] = (),
) -> Operation[Page]:
    """Read the newest runs that match all `filters` (value by dimension; empty values are ignored).

    `names` are the fields to read, which must include `id`; empty for all fields. Further pages can follow a page
    with fewer than `size` runs.
    """
    criteria = {dimension: value for dimension, value in filters.items() if value}
    matches, following = yield from runs.find_runs(namespace, criteria, after, size, names)
    return Page([run_of(fields) for fields in matches], following)


def read_run(namespace: str, run_id: str) -> Operation[Run]:
    """Read one run; raises `NotFoundError` if it is unknown or has expired."""
    return run_of((yield from runs.read_run(namespace, run_id)))


def read_runs(namespace: str, run_ids: Sequence[str]) -> Operation[list[Run]]:
    """Read several runs; unknown and expired ones are omitted."""
    names = tuple(_STORED.get(name, name) for name in _FIELDS)
    stored = yield from runs.read_fields(namespace, run_ids, names)
    return [run_of(fields) for fields in stored.values() if "id" in fields]


def read_matching(
    namespace: str, filters: Mapping[str, str], size: int, accepts: Callable[[Run], bool]
) -> Operation[list[Run]]:
    """Read the newest `size` runs that match `filters` and a predicate, from at most 40 pages."""
    matches: list[Run] = []
    after: Position | None = None
    for _ in range(_MOST_PAGES):
        following = yield from read_page(namespace, filters, after, max(size, _PAGE))
        matches += filter(accepts, following.items)
        after = following.next
        if after is None or len(matches) >= size:
            break
    return matches[:size]


def _has_ended(run: Run) -> bool:
    """Return whether a run is over; false for a run inside another run."""
    return run.status != "running" and not run.nested


def read_newest(namespace: str, filters: Mapping[str, str] | None = None) -> Operation[Run]:
    """Read the newest finished run that matches `filters`; raises `NotFoundError` if there is none."""
    for run in (yield from read_matching(namespace, filters or {}, 1, _has_ended)):
        return run
    among = "".join(f", {name} {value!r}" for name, value in (filters or {}).items() if value)
    raise NotFoundError(f"no finished run in namespace {namespace!r}{among}: record one with pytest --akastats")


def read_newest_complete(namespace: str, suite: str) -> Operation[Run]:
    """Read the newest run of a suite that ran almost all tests; raise `NotFoundError` if there is none.

    The run has at least 80 % of the largest number of tests among the newest ten finished runs. A run with `-k`
    usually has fewer tests.

    suite: name of the suite; empty for runs without a suite
    """
    newest = yield from read_matching(
        namespace, {"suite": suite}, _NEWEST, lambda run: _is_finished(run) and (run.suite or "") == suite
    )
    largest = max((run.tests or 0 for run in newest), default=0)
    for run in newest:
        if (run.tests or 0) >= _MIN_TESTS * largest:
            return run
    raise NotFoundError(
        f"no finished run of suite {suite!r} in namespace {namespace!r}: record one with pytest --akastats"
    )


# Maximum number of finished runs that are compared, and minimum share of the largest number of tests.
_NEWEST, _MIN_TESTS = 10, 0.8


def _is_finished(run: Run) -> bool:
    return run.status in ("passed", "failed") and not run.nested and bool(run.tests)


def read_newest_or_running(namespace: str) -> Operation[Run]:
    """Read the newest finished run, otherwise the newest run in progress; raise `NotFoundError` without a run."""
    newest_page = yield from read_page(namespace, {})
    for run in sorted(newest_page.items, key=lambda run: run.status == "running"):
        return run
    raise NotFoundError(f"no run in namespace {namespace!r}: record one with pytest --akastats")


def read_newest_of_build(namespace: str, filters: Mapping[str, str], build_id: str, job: str) -> Operation[Run]:
    """Read the newest finished run of a CI build: of `job` if this job has a run, otherwise of any job.

    Only the newest 200 runs that match `filters` are searched. Raises `NotFoundError` if none of them matches.
    """
    recent = yield from read_matching(namespace, filters, _OF_BUILD, lambda run: not run.nested)
    ended = [run for run in recent if run.build_id == build_id and _has_ended(run)]
    for run in (*(run for run in ended if run.job == job), *ended):
        return run
    raise NotFoundError(
        f"no finished run of build {build_id!r} in namespace {namespace!r}: give the id of a run or a branch"
    )


# Maximum number of runs that are searched for a build. The jobs of a build end within minutes of each other.
_OF_BUILD = 200
# Minimum number of runs per page, and maximum number of pages. A suite that starts pytest records hundreds of runs
# inside each of its runs.
_PAGE, _MOST_PAGES = 50, 40

#: Maximum number of runs whose commits a report reads.
MAX_COMMITS = 500


def read_commits(namespace: str, run_ids: Sequence[str]) -> Operation[dict[str, str]]:
    """Read the commits of the first 500 runs, by run id, in one round trip; runs without a commit are omitted."""
    stored = yield from runs.read_fields(namespace, run_ids[:MAX_COMMITS], ("commit",))
    return {run_id: fields["commit"] for run_id, fields in stored.items() if fields.get("commit")}


def encode(position: Position | None) -> str | None:
    """Return a position as a cursor for URLs; `None` for `None`."""
    return cursors.encode(position) if position else None


def decode(cursor: str) -> Position | None:
    """Return the position of a cursor, `None` for an empty one; raises `ValueError` if it is invalid."""
    return Position(*cursors.decode(cursor, float, str)) if cursor else None
