"""Choose the earlier run that a run is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from akastats.queries import runs
from akastats.queries.base_branch import base_branches, can_be_base, is_same_work
from akastats.queries.runs import Run
from akastats.store.requests import Operation
from akastats.store.runs import Position

#: Statuses of a run that can be a base. Other runs, such as interrupted runs, lack tests.
COMPLETE = ("passed", "failed")
# Maximum number of earlier runs per branch that are searched for a base, and number of runs per round trip.
STEP_RUNS, STEP = 200, 20


def find_base(namespace: str, run: Run) -> Operation[Run | None]:
    """Return the newest complete earlier run of the same suite: of its branch, its base branch, or any branch.

    Runs of other pull requests do not count. Returns `None` if none of the newest 200 earlier runs of each branch
    qualifies, and for a run inside another run.
    """
    if run.nested:
        return None
    for filters, accepts in _filters(run):
        base = yield from _earlier(namespace, run, filters, accepts)
        if base is not None:
            return base
    return None


def _filters(run: Run) -> Iterator[tuple[dict[str, str], Callable[[Run], bool]]]:
    suite = {"suite": run.suite} if run.suite else {}
    branches = list(base_branches(run))
    if run.branch:
        # If the branch of a pull request has the name of its base, only runs of the pull request count.
        base = run.branch if run.branch in branches else ""
        yield {**suite, "branch": run.branch}, lambda other: is_same_work(run, other, base)
    for branch in branches:
        yield {**suite, "branch": branch}, can_be_base
    yield suite, can_be_base


def _earlier(
    namespace: str, run: Run, filters: dict[str, str], accepts: Callable[[Run], bool]
) -> Operation[Run | None]:
    after: Position | None = Position(run.started or 0.0, run.id)
    for _ in range(STEP_RUNS // STEP):
        page = yield from runs.read_page(namespace, filters, after, STEP)
        for earlier in page.items:
            if earlier.suite == run.suite and earlier.status in COMPLETE and accepts(earlier):
                return earlier
        after = page.next
        if after is None:
            break
    return None
