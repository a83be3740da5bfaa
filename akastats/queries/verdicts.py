"""Read verdicts: the verdicts of one run, or the newest verdicts of a suite and branch."""

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

#: Maximum number of steps of the search for the newest verdicts, and number of runs per step.
STEPS, STEP = 4, 50
# Maximum number of steps if runs inside other runs are skipped. A suite that starts pytest has hundreds of these.
_MOST_STEPS = 40
_NAMES = ("id", "suite", "branch", "started", "base", "pull_request", "nested", "default_branch")


class PageStart(NamedTuple):
    """Start of a page; all pages of a list come from the verdicts of one run.

    run: id of the run
    at: index of the first item
    """

    run: str
    at: int


@dataclass(frozen=True)
class DatedVerdicts:
    """Verdicts with the start of their run.

    verdicts: the verdicts
    started: start of the run, epoch seconds; `None` if the run has expired
    """

    verdicts: Verdicts
    started: float | None


# Cache verdicts, because decoding those of 1,000 tests takes 70 ms, and successive pages read the same verdicts.
@lru_cache(maxsize=4)
def _decode(stored: bytes) -> Verdicts | None:
    """Return stored verdicts; `None` if they are corrupt or from another release."""
    try:
        return unpack(stored)
    except CorruptDataError:
        return None


def read_verdicts(namespace: str, run_id: str) -> Operation[Verdicts]:
    """Read the verdicts of one run.

    Raises `NotFoundError` without verdicts, and `CorruptDataError` if this release cannot read them.
    """
    stored = yield from stored_verdicts.read_verdicts(namespace, [run_id])
    if run_id not in stored:
        raise NotFoundError(f"no verdicts of run {run_id[:100]!r}: unknown, expired, or not analysed yet")
    verdicts = _decode(stored[run_id])
    if verdicts is None:
        raise CorruptDataError(
            f"the verdicts of run {run_id[:100]!r} are corrupt or from another release: update pytest-akastats"
        )
    return verdicts


def read_verdicts_if_any(namespace: str, run_id: str) -> Operation[Verdicts | None]:
    """Read the verdicts of one run; `None` without verdicts, or if this release cannot read them."""
    stored = yield from stored_verdicts.read_verdicts(namespace, [run_id])
    return _decode(stored[run_id]) if run_id in stored else None


def read_newest_of_branch(
    namespace: str, suite: str | None, branch: str = "", before: Run | None = None, is_base: bool = False
) -> Operation[Verdicts | None]:
    """Read the newest verdicts of a suite, and of `branch` unless it is empty; `None` if there are none.

    Verdicts of another release are skipped, so that the first run after an update is analysed. Only the newest 200
    runs are searched.

    suite: empty for runs without a suite, `None` for all runs
    before: run that is excluded together with all later runs
    is_base: whether to exclude runs of pull requests
    """
    for run_id in (yield from read_analysed_run_ids(namespace, suite, branch, before, is_base)):
        verdicts = yield from read_verdicts_if_any(namespace, run_id)
        if verdicts is not None:
            return verdicts
    return None


def read_newest(namespace: str, suite: str | None, branch: str | None) -> Operation[Verdicts | None]:
    """Read the newest verdicts of a suite and branch.

    If `branch` is `None`, read the verdicts of the default branch, without pull requests. If there are none, read
    those of any branch.
    """
    branches = (*(yield from read_default_branches(namespace)), "") if branch is None else (branch,)
    for each in branches:
        verdicts = yield from read_newest_of_branch(namespace, suite, each, is_base=branch is None and bool(each))
        if verdicts is not None:
            return verdicts
    return None


def read_default_branches(namespace: str) -> Operation[list[str]]:
    """Read the candidates for the default branch: the branch that the newest run recorded, main, master."""
    page = yield from runs.read_page(namespace, {}, size=1, names=_NAMES)
    recorded = [run.default_branch for run in page.items if run.default_branch]
    return list(dict.fromkeys((*recorded, *DEFAULT_BRANCHES)))


def read_analysed_run_ids(
    namespace: str,
    suite: str | None = None,
    branch: str = "",
    before: Run | None = None,
    is_base: bool = False,
) -> Operation[list[str]]:
    """Read the ids of runs with verdicts, newest first; empty if none of the newest 200 runs has verdicts.

    The search ends after the first step of 50 runs in which a run has verdicts. The arguments select runs as in
    `read_newest_of_branch`.
    """
    after = None if before is None else Position(before.started or 0.0, before.id)
    searched = 0
    for _ in range(_MOST_STEPS):
        page = yield from runs.read_page(namespace, {"suite": suite or "", "branch": branch}, after, STEP, _NAMES)
        matches = [run for run in page.items if is_of_branch(run, branch) and not (is_base and run.pull_request)]
        # Runs without a suite have no index of their own.
        ids = [run.id for run in matches if suite is None or (run.suite or "") == suite]
        # Read only whether verdicts exist, because the verdicts of a large suite have about 100 KB.
        analysed = yield from stored_verdicts.filter_with_verdicts(namespace, ids)
        searched += len(matches)
        if analysed or page.next is None or searched >= STEPS * STEP:
            return analysed
        after = page.next
    return []


def read_verdicts_or_newest(
    namespace: str, run_id: str, suite: str | None, branch: str | None
) -> Operation[Verdicts]:
    """Read the verdicts of a run, or the newest if `run_id` is empty; raises `NotFoundError` without verdicts."""
    if run_id:
        return (yield from read_verdicts(namespace, run_id))
    verdicts = yield from read_newest(namespace, suite, branch)
    if verdicts is None:
        raise NotFoundError(
            f"no verdicts: none of the newest {STEPS * STEP} runs of this suite and branch was analysed"
        )
    return verdicts


def read_page_verdicts(
    namespace: str, start: PageStart | None, suite: str | None, branch: str | None
) -> Operation[DatedVerdicts | None]:
    """Read the verdicts of a page: the newest of a suite and branch, or those of the previous page."""
    if start is None:
        verdicts = yield from read_newest(namespace, suite, branch)
        return None if verdicts is None else (yield from add_start(namespace, verdicts))
    return (yield from add_start(namespace, (yield from read_verdicts(namespace, start.run))))


def add_start(namespace: str, verdicts: Verdicts) -> Operation[DatedVerdicts]:
    """Read the start of the run that verdicts belong to; return both."""
    fields = yield from stored_runs.read_fields(namespace, [verdicts.run], ("started",))
    return DatedVerdicts(verdicts, runs.run_of({"id": verdicts.run, **fields[verdicts.run]}).started)
