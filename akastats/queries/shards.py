"""Read the other shards of a build: runs of the same build that ran other tests of the suite."""

from __future__ import annotations

from akastats.errors import NotFoundError
from akastats.model.profile import Profile
from akastats.queries.run_details import read_profile
from akastats.queries.runs import Run, read_page
from akastats.store.requests import Operation
from akastats.store.runs import Position

#: Maximum number of runs of a suite that are searched for the shards of a build, newest first.
MAX_RUNS = 100
#: Maximum number of seconds from the start of a run to the start of another shard of its build.
MAX_DELAY_S = 6 * 3600.0

_SAME = ("build_id", "attempt", "python", "platform")
_FIELDS = ("id", "status", "suite", "started", "duration", *_SAME)


def read_shards(namespace: str, run: Run, content: Profile) -> Operation[tuple[float, ...]]:
    """Return the durations of the other shards of a run's build, in seconds; empty if the run is not a shard.

    Jobs that run the same tests, for example with other versions of a library, are not shards.

    content: profile of the run
    """
    if not run.build_id or run.started is None:
        return ()
    start = Position(run.started + MAX_DELAY_S, "")
    page = yield from read_page(namespace, {"suite": run.suite or ""}, start, MAX_RUNS, _FIELDS)
    others = [each for each in page.items if each.id != run.id and each.duration and _is_same_build(each, run)]
    for other in others:
        if not (yield from _has_other_tests(namespace, other, content)):
            return ()
    return tuple(each.duration for each in others if each.duration)


def _is_same_build(other: Run, run: Run) -> bool:
    is_same = all(getattr(other, name) == getattr(run, name) for name in _SAME)
    return is_same and other.suite == run.suite and other.status != "running"


def _has_other_tests(namespace: str, other: Run, content: Profile) -> Operation[bool]:
    try:
        tests = (yield from read_profile(namespace, other.id)).tests
    except NotFoundError:
        return False
    return set(tests.nodeid).isdisjoint(content.tests.nodeid)
