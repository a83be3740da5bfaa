"""Hold a recorded run for the rules, and compute savings from its schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import nlargest
from statistics import median

from akastats.analysis.ledger import Ledger, make_ledger
from akastats.analysis.schedule.costs import SuiteCosts, TestCost, is_below, make_costs
from akastats.analysis.schedule.replay import Replay, replay
from akastats.model.profile import Profile
from akastats.model.results import FixtureResult

#: Maximum number of candidates that a rule replays.
MAX_CANDIDATES = 10
#: Maximum number of places that a finding names.
MAX_PLACES = 5
# Minimum share of its call in which a computing test uses a CPU.
MIN_COMPUTED = 0.1
# Maximum number of programs per CPU; a larger estimate is probably wrong.
MAX_CROWDING = 5.0
# Share of the machine's memory for the processes of a run; the rest is for the system and for servers.
USABLE_MEMORY = 0.9


@dataclass(frozen=True)
class RecordedRun:
    """A recorded run, its ledger and its costs.

    content: profile of the run.
    ledger: wall time of its processes.
    costs: costs of its suite.
    delivery: seconds at its end in which the process waited for akastats.
    memory: memory of the machine in bytes; `None` if unknown.
    shards: durations of the other shards of its build, in seconds.
    """

    content: Profile
    ledger: Ledger
    costs: SuiteCosts
    delivery: float = 0.0
    memory: int | None = None
    shards: tuple[float, ...] = ()

    @cached_property
    def baseline(self) -> Replay:
        """The replay of the run as it was."""
        return replay(self.costs, self.costs.workers, self.costs.dist)

    @cached_property
    def wall(self) -> float:
        """The measured wall time of the process in which pytest was started, in seconds."""
        return next((each.wall for each in self.ledger.processes if not each.worker), self.baseline.wall)

    @cached_property
    def replay_error(self) -> float:
        """The relative difference between the replay and the measured wall time."""
        return abs(self.baseline.wall - self.wall) / self.wall if self.wall else 0.0

    @property
    def crowding(self) -> float:
        """The number of workers for each CPU; at least 1."""
        return max(1.0, self.costs.workers / self.costs.cpus)

    @cached_property
    def machine_crowding(self) -> float:
        """The number of programs per CPU, including other programs, estimated from computing tests; at least 1.

        On a busy machine, tests that never wait used a CPU for only a quarter to a half of their calls.
        """
        tests = self.content.tests
        children = tests.children_call or [None] * len(tests.call)
        shares = [
            (cpu + (awaited or 0)) / wall
            for wall, cpu, awaited in zip(tests.call, tests.cpu_call or (), children, strict=False)
            if cpu is not None and wall > 0
        ]
        computed = [share for share in shares if share >= MIN_COMPUTED]
        typical = median(computed) if computed else 1.0
        return max(self.crowding, min(MAX_CROWDING, 1.0 / typical))

    @cached_property
    def worker_memory(self) -> int:
        """The largest peak memory of a process that ran tests, in bytes; 0 if unknown."""
        tests = self.content.tests
        peaks = (each.resources.peak_memory for each in self.ledger.processes if each.resources and each.worker)
        return max([*peaks, *(peak for peak in tests.peak_memory or () if peak is not None)], default=0)

    @cached_property
    def max_workers(self) -> int | None:
        """The number of workers for which memory suffices beside the main process; `None` if unknown.

        For a run without workers, the main process is assumed to need as much memory as at the end of the first
        test.
        """
        if self.memory is None or not self.worker_memory:
            return None
        controllers = [each.resources for each in self.ledger.processes if not each.worker and self.costs.workers]
        peaks = [each.peak_memory for each in controllers if each]
        controller = peaks[0] if peaks else min(filter(None, self.content.tests.peak_memory or ()), default=0)
        return max(0, int((USABLE_MEMORY * self.memory - controller) // self.worker_memory))

    @cached_property
    def repeated(self) -> Mapping[str, float]:
        """The seconds of failed attempts that a plugin repeated, by node id."""
        tests = self.content.tests
        repeated: dict[str, float] = defaultdict(float)
        for row, outcome in enumerate(tests.outcome):
            if outcome == "rerun":
                repeated[tests.nodeid[row]] += (tests.setup[row] + tests.call[row] + tests.teardown[row]) / 1e6
        return repeated

    @cached_property
    def costly_fixtures(self) -> Sequence[FixtureResult]:
        """The fixtures with the longest setups and teardowns; a replay for each of 1,000 would take a minute."""
        rows = self.content.fixtures.rows()
        return nlargest(MAX_CANDIDATES, rows, key=lambda fixture: fixture.setup + fixture.teardown)

    @cached_property
    def tests_of(self) -> Mapping[str, list[TestCost]]:
        """The tests that can use each fixture, by its base id and name."""
        nodeids = self.content.tests.nodeid
        names_of = {nodeid: self.content.get_fixture_set(row) or () for row, nodeid in enumerate(nodeids)}
        users: dict[str, list[TestCost]] = defaultdict(list)
        for fixture in self.content.fixtures.rows():
            key = name_fixture(fixture)
            users[key] = [
                test
                for test in self.costs.tests
                if fixture.name in names_of.get(test.nodeid, ()) and is_below(test.nodeid, fixture.baseid)
            ]
        return users

    @cached_property
    def implicit_tests(self) -> Mapping[str, frozenset[str]]:
        """The node ids of tests for which only `autouse` sets up a fixture, by its name."""
        tests: dict[str, set[str]] = defaultdict(set)
        for row, nodeid in enumerate(self.content.tests.nodeid):
            for name in self.content.get_implicit_set(row):
                tests[name].add(nodeid)
        return {name: frozenset(nodeids) for name, nodeids in tests.items()}

    def compute_saving(
        self, costs: SuiteCosts | None = None, workers: int | None = None, dist: str | None = None
    ) -> float:
        """Return the seconds that other costs, workers or `--dist` save; negative if they need more."""
        changed = replay(
            costs or self.costs,
            self.costs.workers if workers is None else workers,
            self.costs.dist if dist is None else dist,
        )
        return self.baseline.wall - changed.wall

    def with_tests(self, change: Callable[[TestCost], TestCost]) -> SuiteCosts:
        """Return the costs with each test changed."""
        return replace(self.costs, tests=tuple(map(change, self.costs.tests)))

    def without(self, seconds: Mapping[str, float]) -> SuiteCosts:
        """Return the costs without these seconds of tests, by node id."""
        return self.with_tests(
            lambda test: replace(test, seconds=max(0.0, test.seconds - seconds.get(test.nodeid, 0.0)))
        )


def make_recorded_run(
    content: Profile, workers: int, dist: str, cpus: int, delivery: float = 0.0, memory: int | None = None
) -> RecordedRun:
    """Return a run for the rules.

    workers: 0 without pytest-xdist
    cpus: number of CPUs
    delivery: seconds at its end in which the process waited for akastats
    memory: memory of the machine in bytes; `None` if unknown
    """
    ledger = make_ledger(content)
    costs = make_costs(content, ledger, workers, dist, cpus, delivery)
    return RecordedRun(content, ledger, costs, delivery, memory)


def name_fixture(fixture: FixtureResult) -> str:
    """Return base id and name of a fixture, as labels have them."""
    return f"{fixture.baseid}::{fixture.name}"


def name_function(nodeid: str) -> str:
    """Return a node id without its parameters."""
    path, colons, rest = nodeid.partition("::")
    return f"{path}{colons}{rest.partition('[')[0]}"


def count_files(tests: Iterable[TestCost]) -> int:
    """Return the number of files of some tests."""
    return len({test.nodeid.partition("::")[0] for test in tests})
