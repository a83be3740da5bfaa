"""Read how the time of one test in a run divides, and the changes of its duration."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.analysis.times_of_test import TimesOfTest, divide_time
from akastats.errors import NotFoundError
from akastats.model.results import label
from akastats.model.verdicts import DurationChange
from akastats.queries import verdicts
from akastats.queries.run_details import read_profile
from akastats.store.requests import Operation


@dataclass(frozen=True)
class TestInRun:
    """A test in one run.

    nodeid: node id of the test
    suite: its suite; empty if there is none
    run: id of the run
    times: parts of its time
    changes: changes of its duration in the newest verdicts, newest first
    """

    __test__ = False

    nodeid: str
    suite: str
    run: str
    times: TimesOfTest
    changes: list[DurationChange]


def read_times(namespace: str, nodeid: str, suite: str, run_id: str) -> Operation[TestInRun]:
    """Read the parts of a test's time; raise `NotFoundError` if the run has no profile or lacks the test."""
    content = yield from read_profile(namespace, run_id)
    times = divide_time(content, nodeid)
    if times is None:
        raise NotFoundError(f"run {run_id} has no test {nodeid!r}")
    newest = yield from verdicts.read_newest(namespace, suite, None)
    name = label("test", nodeid, suite)
    changes = [each.change for each in newest.changes if each.change.label == name] if newest else []
    return TestInRun(nodeid, suite, run_id, times, changes)
