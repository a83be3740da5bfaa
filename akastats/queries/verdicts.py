"""Verdicts as they are asked for: of one run, or the newest there are of a branch and suite."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from akastats.errors import CorruptDataError, NotFoundError
from akastats.model.verdicts import Verdicts, unpack
from akastats.queries import runs
from akastats.queries.base_branch import DEFAULT_BRANCHES, is_of_branch
from akastats.queries.runs import Run
from akastats.store import runs as stored_runs
from akastats.store import verdicts as stored_verdicts
from akastats.store.requests import Operation
from akastats.store.runs import Position

#: The newest verdicts are looked for in so many steps of so many runs.
STEPS, STEP = 4, 50
# Runs inside other runs do not count among them: of a suite that starts pytest there are hundreds.
_MOST_STEPS = 40
_NAMES = ("id", "suite", "branch", "started", "base", "pull_request", "nested", "default_branch")


class PageStart(NamedTuple):
    """Where in a list out of the verdicts of a run a page begins: all pages are out of the same ones."""

    run: str
    at: int


@dataclass(frozen=True)
class DatedVerdicts:
    """Verdicts, and when their run began, in epoch seconds; `None` where it has expired."""

    verdicts: Verdicts
    started: float | None


# Those of 1,000 tests take 70 ms, and a page, its next one and a look again are out of the same.
@lru_cache(maxsize=4)
def _readable(stored: bytes) -> Verdicts | None:
    """Return stored verdicts, `None` for those that are damaged or another release's."""
    try:
        return unpack(stored)
    except CorruptDataError:
        return None


def of_run(namespace: str, run_id: str) -> Operation[Verdicts]:
    """Read what one run means; raises `NotFoundError` where nobody has judged it (yet), or nobody can read it."""
    found = yield from stored_verdicts.read_verdicts(namespace, [run_id])
    if run_id not in found:
        raise NotFoundError(f"no verdicts of run {run_id[:100]!r}: unknown, expired, or not judged yet")
    verdicts = _readable(found[run_id])
    if verdicts is None:
        raise CorruptDataError(
            f"the verdicts of run {run_id[:100]!r} are damaged or another release's: update pytest-akastats"
        )
    return verdicts


def of_run_if_any(namespace: str, run_id: str) -> Operation[Verdicts | None]:
    """Read what one run means; `None` where nobody has judged it (yet), or this release cannot read it."""
    found = yield from stored_verdicts.read_verdicts(namespace, [run_id])
    return _readable(found[run_id]) if run_id in found else None


def newest(
    namespace: str, suite: str | None, branch: str = "", before: Run | None = None, is_base: bool = False
) -> Operation[Verdicts | None]:
    """Read the newest verdicts of a suite (empty: runs without one; `None`: any), of `branch` if it is not empty.

    `before` leaves out that run and later ones, `is_base` all pull requests. `None` where none of the newest
    200 runs has any. What cannot be read is passed over, so that the first run after an update is judged too.
    """
    for run_id in (yield from analysed_runs(namespace, suite, branch, before, is_base)):
        found = yield from of_run_if_any(namespace, run_id)
        if found is not None:
            return found
    return None


def newest_of(namespace: str, suite: str | None, branch: str | None) -> Operation[Verdicts | None]:
    """Read the newest verdicts of a suite; without a branch those of the default branch, else of any.

    What a pull request broke or slowed down is not how the suite stands.
    """
    branches = (*(yield from default_branches(namespace)), "") if branch is None else (branch,)
    for each in branches:
        found = yield from newest(namespace, suite, each, is_base=branch is None and bool(each))
        if found is not None:
            return found
    return None


def default_branches(namespace: str) -> Operation[list[str]]:
    """Read the candidates for the default branch: the newest run's, if it is recorded, then main, master."""
    page = yield from runs.page(namespace, {}, size=1, names=_NAMES)
    known = [run.default_branch for run in page.items if run.default_branch]
    return list(dict.fromkeys((*known, *DEFAULT_BRANCHES)))


def analysed_runs(
    namespace: str,
    suite: str | None = None,
    branch: str = "",
    before: Run | None = None,
    is_base: bool = False,
) -> Operation[list[str]]:
    """Read which runs were judged, newest first, of the newest 50, else of the 50 before, up to 200.

    Which ones are looked at is as for `newest`.
    """
    after = None if before is None else Position(before.started or 0.0, before.id)
    looked_at = 0
    for _ in range(_MOST_STEPS):
        page = yield from runs.page(namespace, {"suite": suite or "", "branch": branch}, after, STEP, _NAMES)
        counted = [run for run in page.items if is_of_branch(run, branch) and not (is_base and run.pull_request)]
        # There is no list of runs without a suite: others' stand between.
        ids = [run.id for run in counted if suite is None or (run.suite or "") == suite]
        # Verdicts of a large suite are some 100 KB, and mostly one is wanted.
        judged = yield from stored_verdicts.filter_with_verdicts(namespace, ids)
        looked_at += len(counted)
        if judged or page.next is None or looked_at >= STEPS * STEP:
            return judged
        after = page.next
    return []


def of_run_or_newest(namespace: str, run_id: str, suite: str | None, branch: str | None) -> Operation[Verdicts]:
    """Read what one run means, or where none is named, the newest there is; raises `NotFoundError` without any."""
    if run_id:
        return (yield from of_run(namespace, run_id))
    found = yield from newest_of(namespace, suite, branch)
    if found is None:
        raise NotFoundError(
            f"no verdicts: none of the newest {STEPS * STEP} runs of this suite and branch was judged"
        )
    return found


def of_page(
    namespace: str, place: PageStart | None, suite: str | None, branch: str | None
) -> Operation[DatedVerdicts | None]:
    """Read the verdicts that a page is out of: the newest of a suite and branch, or those of the page before."""
    if place is None:
        found = yield from newest_of(namespace, suite, branch)
        return None if found is None else (yield from with_start(namespace, found))
    return (yield from with_start(namespace, (yield from of_run(namespace, place.run))))


def with_start(namespace: str, verdicts: Verdicts) -> Operation[DatedVerdicts]:
    """Read what is to be told beside verdicts."""
    fields = yield from stored_runs.read_fields(namespace, [verdicts.run], ("started",))
    return DatedVerdicts(verdicts, runs.run_of({"id": verdicts.run, **fields[verdicts.run]}).started)
