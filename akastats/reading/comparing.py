"""A run beside another one: which is its base, and what differs between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

from akastats import profile
from akastats.analysis import compare as comparing
from akastats.analysis.compare import Change, Comparison
from akastats.operations import runs as stored_runs
from akastats.operations.requests import Operation
from akastats.operations.runs import Position
from akastats.reading import runs
from akastats.reading.base_branch import base_branches, can_be_base, is_same_work
from akastats.reading.runs import Run

#: Of each list of a comparison so many are told, and beside a run's details so many.
MAX_CHANGES = 1000
MAX_IN_SHORT = 100
#: What a base may have come to: of a run that was cut short tests are missing for no reason of theirs.
COMPLETE = ("passed", "failed")
# A base is looked for among so many earlier runs of a branch, in steps of so many.
LOOKED_AT, STEP = 200, 20


@dataclass(frozen=True)
class Compared:
    """Two runs and what differs; `left_out` counts changes beyond `MAX_CHANGES` a list."""

    run: Run
    base: Run
    changes: Comparison
    left_out: int


@dataclass(frozen=True)
class Changes:
    """What differs from a run's base, at most 100 a list; what was added and removed is only counted."""

    newly_failing: list[Change]
    fixed: list[Change]
    slower: list[Change]
    faster: list[Change]
    added: int
    removed: int


def in_short(found: Comparison) -> Changes:
    """Return a comparison as it stands beside a run's details."""
    cut, _ = shortened(found, MAX_IN_SHORT)
    return Changes(
        newly_failing=cut.newly_failing,
        fixed=cut.fixed,
        slower=cut.slower,
        faster=cut.faster,
        added=len(found.added),
        removed=len(found.removed),
    )


def compare(namespace: str, run_id: str, base_id: str) -> Operation[Compared]:
    """Compare two runs; raises `NotFoundError` for one that is unknown, or has no profile (any more)."""
    run = yield from runs.one(namespace, run_id)
    base = yield from runs.one(namespace, base_id)
    found = yield from changes(namespace, run, base)
    cut, left_out = shortened(found, MAX_CHANGES)
    return Compared(run, base, cut, left_out)


def changes(namespace: str, run: Run, base: Run) -> Operation[Comparison]:
    """Return what differs between two runs; raises `NotFoundError` where one has no profile (any more)."""
    now = profile.decode((yield from stored_runs.profile(namespace, run.id)))
    before = profile.decode((yield from stored_runs.profile(namespace, base.id)))
    return comparing.compare(comparing.verdicts(now), comparing.verdicts(before))


def shortened(found: Comparison, size: int) -> tuple[Comparison, int]:
    """Return a comparison with at most `size` changes a list, and how many were left out."""
    lists: dict[str, list[Change]] = {field.name: getattr(found, field.name) for field in fields(found)}
    left_out = sum(max(0, len(each) - size) for each in lists.values())
    return replace(found, **{name: each[:size] for name, each in lists.items()}), left_out


def base_of(namespace: str, run: Run) -> Operation[Run | None]:
    """Return the newest earlier complete run of the same suite: of its own work, else of its base, else of any.

    `None` where none of the nearest 200 of each will do, and for a run inside another one. Other pull requests are
    no base.
    """
    if run.nested:
        return None
    for filters, is_wanted in _filters(run):
        base = yield from _earlier(namespace, run, filters, is_wanted)
        if base is not None:
            return base
    return None


def _filters(run: Run) -> Iterator[tuple[dict[str, str], Callable[[Run], bool]]]:
    suite = {"suite": run.suite} if run.suite else {}
    branches = list(base_branches(run))
    if run.branch:
        # Of a pull request whose branch has the base's name only its own runs.
        base = run.branch if run.branch in branches else ""
        yield {**suite, "branch": run.branch}, lambda other: is_same_work(run, other, base)
    for branch in branches:
        yield {**suite, "branch": branch}, can_be_base
    yield suite, can_be_base


def _earlier(
    namespace: str, run: Run, filters: dict[str, str], is_wanted: Callable[[Run], bool]
) -> Operation[Run | None]:
    after: Position | None = Position(run.started or 0.0, run.id)
    for _ in range(LOOKED_AT // STEP):
        page = yield from runs.page(namespace, filters, after, STEP)
        for found in page.items:
            if found.suite == run.suite and found.status in COMPLETE and is_wanted(found):
                return found
        after = page.next
        if after is None:
            break
    return None
