"""Run the longest tests first, by the durations of earlier runs: `--akastats-order=longest-first`.

Registered only with this option, in each process that runs tests, and in the controller of pytest-xdist. All
workers must collect the tests in the same order. So the controller waits for the durations and sends them to each
worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from akastats.analysis.schedule.order import sort_longest_first
from akastats.formatting import escape_unprintable
from akastats.spool import duration_list
from pytest_akastats.internal_errors import InternalErrors, note_errors
from pytest_akastats.quarantine import wait_for_list

#: Key of a worker's input with the durations, the number of workers and the `--dist` of pytest-xdist.
WORKER_INPUT = "akastats_order"

#: Durations by node id, number of workers, `--dist`.
Received = tuple[Mapping[str, float], int, str]

NO_DURATIONS = "no run is recorded"


class LongestFirst:
    """Sorts the collected tests of this process.

    problem: why the tests keep their order; empty otherwise.
    """

    def __init__(self, internal_errors: InternalErrors, received: Received | None = None) -> None:
        """Sort by the durations that a worker has `received`, or by those beside the spool."""
        self.internal_errors = internal_errors
        self._received = received
        self._spool: Path | None = None
        self.problem = ""

    def begin(self, spool: Path) -> None:
        """Set the spool beside which the durations will be."""
        self._spool = spool

    @pytest.hookimpl(trylast=True)
    @note_errors
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        durations, workers, dist = self._received or (self._wait(), 0, "no")
        if durations and items:
            typical = fmean(durations.values())
            seconds = [_find_duration(durations, item.nodeid, typical) for item in items]
            order = sort_longest_first(seconds, list(map(list_shared_values, items)), workers, dist)
            items[:] = [items[at] for at in order]

    def _wait(self) -> Mapping[str, float]:
        """Return the durations when they are written; none and a problem after the timeout."""
        if self._spool is None:
            self.problem = "this run is not delivered"
            return {}
        expected, self.problem = wait_for_list(duration_list.read, self._spool)
        if expected is None:
            return {}
        self.problem = expected.problem or ("" if expected.seconds else NO_DURATIONS)
        return expected.seconds


class ControllerLongestFirst(LongestFirst):
    """Sends the durations to the workers, and reports in the terminal why tests keep their order."""

    def __init__(self, config: pytest.Config, internal_errors: InternalErrors) -> None:
        super().__init__(internal_errors)
        self._config = config
        self._sent: Received | None = None

    @pytest.hookimpl(optionalhook=True)
    @note_errors
    def pytest_configure_node(self, node: Any) -> None:
        """Send a worker the durations, for which the first worker waits."""
        option = self._config.option
        if self._sent is None:
            self._sent = (self._wait(), len(option.tx or ()), str(option.dist))
            # Otherwise `loadscope` and `loadfile` begin with the scopes that have most tests.
            option.loadscopereorder = not self._sent[0] and getattr(option, "loadscopereorder", True)
        node.workerinput[WORKER_INPUT] = self._sent

    @pytest.hookimpl(trylast=True)
    @note_errors
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.problem:
            terminalreporter.write_line(f"akastats: tests keep their order ({escape_unprintable(self.problem)})")


def _find_duration(durations: Mapping[str, float], nodeid: str, typical: float) -> float:
    """Return the duration of a test; `typical` for a test that was not recorded."""
    if nodeid not in durations and nodeid.rfind("@") > nodeid.rfind("]"):
        # With `--dist loadgroup` pytest-xdist appends `@group`.
        nodeid = nodeid[: nodeid.rfind("@")]
    return durations.get(nodeid, typical)


def list_shared_values(item: pytest.Item) -> frozenset[str]:
    """Return the values of fixtures that a test shares with others, except fixtures of the whole session.

    Each has the class, module or package of the test, or the parameter with which pytest sets the fixture up.
    """
    return frozenset(_list_values(item))


def _list_values(item: pytest.Item) -> Iterator[str]:
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    indices = getattr(getattr(item, "callspec", None), "indices", {})
    path, _, rest = item.nodeid.partition("::")
    owners = {"class": f"{path}::{rest.rpartition('::')[0]}", "module": path, "package": path.rpartition("/")[0]}
    for name in getattr(item, "fixturenames", ()):
        scope = definitions[name][-1].scope if name in definitions else "function"
        if scope in owners:
            yield f"{name} {owners[scope]}"
        if scope != "function" and name in indices:
            yield f"{name} [{indices[name]}]"
