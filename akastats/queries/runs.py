"""Runs as they are listed: typed values, filters that combine, pages."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from akastats.errors import CorruptDataError, NotFoundError
from akastats.model.stored_values import MAX_INT, are_texts, json_of
from akastats.store import runs
from akastats.store.requests import Operation
from akastats.store.runs import Position


@dataclass(frozen=True)
class Run:
    """One run. A field is `None` if its value is unknown.

    id: id of the run; ids sort by time
    status: running, passed, failed, interrupted, crashed or empty
    suite: suite of the run; null without one
    branch: branch name
    commit: full commit id
    dirty: whether tracked files had changes that were not committed
    nested: whether it ran inside another recorded run
    base_branch: the branch to compare with: configured, or the target of the pull request
    pull_request: number of the pull request; true if the number is unknown
    default_branch: default branch of the repository
    started: start, epoch seconds
    finished: end, epoch seconds
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
    cpu_count: number of processors
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
    cpu_count: int | None = None
    argv: str | None = None
    quarantine: bool | None = None


@dataclass(frozen=True)
class Page:
    """Runs, newest first, and where the next page begins: `None` at the end."""

    items: list[Run]
    next: Position | None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _whole(text: str) -> int | None:
    number = _number(text)
    return None if number is None or abs(number) > MAX_INT else int(number)


def _yes(text: str) -> bool:
    return text in ("1", "true", "True")


def _names(text: str) -> list[str] | None:
    try:
        stored = json_of(text.encode(errors="replace"))
    except CorruptDataError:
        return None
    return stored if type(stored) is list and are_texts(stored) else None


# By the field's annotation, which is text here: `from __future__ import annotations`.
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "float | None": _number,
    "int | None": _whole,
    "bool | None": _yes,
    "list[str] | None": _names,
}
_FIELDS: Mapping[str, Callable[[str], Any]] = {
    field.name: _PARSERS.get(str(field.type), str) for field in dataclasses.fields(Run)
}
# Stored under another name: the API answers a whole run as `base`.
_STORED = {"base_branch": "base"}


def run_of(fields: Mapping[str, str]) -> Run:
    """Return a stored run with numbers as numbers; fields of a later version are left out."""
    stored = ((name, _STORED.get(name, name), parse) for name, parse in _FIELDS.items())
    return Run(**{name: parse(fields[field]) for name, field, parse in stored if field in fields})


def page(
    namespace: str,
    filters: Mapping[str, str],
    after: Position | None = None,
    size: int = 50,
    names: Sequence[str] = (),
) -> Operation[Page]:
    """Read the newest runs that pass all `filters` (dimension to value; empty values count as absent).

    With `names` only these fields of each are read, `id` among them.
    A page may be short and not the last, where few of many runs pass.
    """
    wanted = {dimension: value for dimension, value in filters.items() if value}
    found, following = yield from runs.find_runs(namespace, wanted, after, size, names)
    return Page([run_of(fields) for fields in found], following)


def one(namespace: str, run_id: str) -> Operation[Run]:
    """Read one run; raises `NotFoundError` for one that is unknown or has expired."""
    return run_of((yield from runs.read_run(namespace, run_id)))


def those_of(namespace: str, run_ids: Sequence[str]) -> Operation[list[Run]]:
    """Read some runs, without those that are unknown or have expired."""
    names = tuple(_STORED.get(name, name) for name in _FIELDS)
    stored = yield from runs.read_fields(namespace, run_ids, names)
    return [run_of(fields) for fields in stored.values() if "id" in fields]


def newest_of(
    namespace: str, filters: Mapping[str, str], size: int, is_wanted: Callable[[Run], bool]
) -> Operation[list[Run]]:
    """Read the newest `size` runs that pass `filters` and a check, of those of the newest 40 pages."""
    found: list[Run] = []
    after: Position | None = None
    for _ in range(_MOST_PAGES):
        following = yield from page(namespace, filters, after, max(size, _PAGE))
        found += filter(is_wanted, following.items)
        after = following.next
        if after is None or len(found) >= size:
            break
    return found[:size]


def _has_ended(run: Run) -> bool:
    """Return whether a run is over; false for a run inside another one, which does not belong to a build."""
    return run.status != "running" and not run.nested


def newest(namespace: str, filters: Mapping[str, str] | None = None) -> Operation[Run]:
    """Read the newest run that has ended and passes `filters`; raises `NotFoundError` where there is none."""
    for run in (yield from newest_of(namespace, filters or {}, 1, _has_ended)):
        return run
    among = "".join(f", {name} {value!r}" for name, value in (filters or {}).items() if value)
    raise NotFoundError(f"no finished run in namespace {namespace!r}{among}: record one with pytest --akastats")


def newest_or_running(namespace: str) -> Operation[Run]:
    """Read the newest run that has ended, else one in progress; raises `NotFoundError` if there is none."""
    found = yield from page(namespace, {})
    for run in sorted(found.items, key=lambda run: run.status == "running"):
        return run
    raise NotFoundError(f"no run in namespace {namespace!r}: record one with pytest --akastats")


def newest_of_build(namespace: str, filters: Mapping[str, str], build_id: str, job: str) -> Operation[Run]:
    """Read the newest run that has ended of a CI build, of this `job` of it if there is one.

    It is looked for among the newest 200 that pass `filters`; raises `NotFoundError` where there is none.
    """
    found = yield from newest_of(namespace, filters, _OF_BUILD, lambda run: not run.nested)
    ended = [run for run in found if run.build_id == build_id and _has_ended(run)]
    for run in (*(run for run in ended if run.job == job), *ended):
        return run
    raise NotFoundError(
        f"no finished run of build {build_id!r} in namespace {namespace!r}: name a run or a branch"
    )


# Jobs of one build end within minutes of each other.
_OF_BUILD = 200
# Of a suite that starts pytest there are hundreds of runs inside each of its runs.
_PAGE, _MOST_PAGES = 50, 40

#: So many runs are asked for their commits at once: a report names them where it has room.
MOST_COMMITS = 500


def commits(namespace: str, run_ids: Sequence[str]) -> Operation[dict[str, str]]:
    """Read the commits of some runs, the first 500, in one round trip; those without one are left out."""
    told = yield from runs.read_fields(namespace, run_ids[:MOST_COMMITS], ("commit",))
    return {run_id: fields["commit"] for run_id, fields in told.items() if fields.get("commit")}


def encode(position: Position | None) -> str | None:
    """Return a position as a cursor that fits into an address."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode(cursor: str) -> Position | None:
    """Return the position of a cursor, `None` of an empty one; raises `ValueError` for one that is not ours."""
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        started, run_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        # A lone surrogate, which JSON can spell, could not be sent.
        str(run_id).encode()
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise ValueError("not a cursor of this list") from error
    if not (isinstance(started, float) and isfinite(started) and isinstance(run_id, str)):
        raise ValueError("not a cursor of this list")
    return Position(started, run_id)
