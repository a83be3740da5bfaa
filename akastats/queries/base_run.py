"""Choose the earlier run that a run is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from akastats.queries import runs
from akastats.queries.base_branch import base_branches, can_be_base, is_same_work
from akastats.queries.runs import Run
from akastats.store.requests import Operation
from akastats.store.runs import Position

#: Statuses of a base run; an interrupted run lacks tests.
COMPLETE = ("passed", "failed")
# Earlier runs of a branch that are searched for a base, and runs per step.
STEP_RUNS, STEP = 200, 20


def base_of(namespace: str, run: Run) -> Operation[Run | None]:
    """Return the newest earlier complete run of the same suite: of its own work, else of its base, else of any.

    `None` if none of the nearest 200 runs of each qualifies, and for a run inside another one. Runs of other pull
    requests do not count.
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
        # If a pull request's branch has the name of its base, only its own runs count.
        base = run.branch if run.branch in branches else ""
        yield {**suite, "branch": run.branch}, lambda other: is_same_work(run, other, base)
    for branch in branches:
        yield {**suite, "branch": branch}, can_be_base
    yield suite, can_be_base


def _earlier(
    namespace: str, run: Run, filters: dict[str, str], is_wanted: Callable[[Run], bool]
) -> Operation[Run | None]:
    after: Position | None = Position(run.started or 0.0, run.id)
    for _ in range(STEP_RUNS // STEP):
        page = yield from runs.page(namespace, filters, after, STEP)
        for found in page.items:
            if found.suite == run.suite and found.status in COMPLETE and is_wanted(found):
                return found
        after = page.next
        if after is None:
            break
    return None
