"""Rules about processes: distribution, workers, shards, collection, time of plugins, and the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from heapq import nlargest

from akastats.analysis.findings.recorded_run import MAX_CANDIDATES, RecordedRun
from akastats.model.findings import FoundCost, Place

_DISTRIBUTIONS = ("load", "worksteal", "loadscope", "loadfile")
# Seconds that pytest and common plugins need per test, measured with 1,000 trivial tests. More time is a finding.
USUAL_AROUND_TEST_S = 0.001
# Seconds that pytest-xdist needs to end its workers, measured with two workers. More time is a finding.
USUAL_FINISH_S = 0.4
# Seconds until the interpreter has ended and the shipper has observed it. More time is a finding.
USUAL_EXIT_S = 0.125
# Minimum seconds of the tests of a run without workers for which workers are proposed, because each worker must
# start and collect.
MIN_TESTS_S = 4.0


def find_distribution(run: RecordedRun) -> Iterator[FoundCost]:
    """Find a `--dist` with which the same number of workers needs less time."""
    if run.costs.workers < 2:
        return
    savings = {dist: run.compute_saving(dist=dist) for dist in _DISTRIBUTIONS if dist != run.costs.dist}
    best = max(savings, key=lambda dist: savings[dist])
    busy = run.baseline.workers
    yield FoundCost(
        kind="distribution",
        title=f"--dist {best} would distribute the tests better over {run.costs.workers} workers than "
        f"--dist {run.costs.dist}",
        where=(Place(option=f"--dist {best}"),),
        tests=len(run.costs.tests),
        evidence={"longest_worker_s": round(max(busy), 6), "mean_worker_s": round(sum(busy) / len(busy), 6)},
        advice=_GROUP_ADVICE.format(best) if run.costs.dist == "loadgroup" else f"Run with --dist {best}.",
        saved=savings[best] + _measure_groups(run),
        claims=frozenset({"distribution"}),
    )


_GROUP_ADVICE = "Remove xdist_group from tests that may run in different workers, or run with --dist {}."


def _measure_groups(run: RecordedRun) -> float:
    """Return the seconds by which `xdist_group` kept the busiest worker longer.

    The replay ignores groups, which are not recorded.
    """
    if run.costs.dist != "loadgroup":
        return 0.0
    busy = (sum(process.spans.get(span, 0.0) for span in _TEST_SPANS) for process in run.ledger.processes)
    return max(0.0, max(busy, default=0.0) / run.machine_crowding - max(run.baseline.workers, default=0.0))


_TEST_SPANS = ("setup", "call", "teardown", "pytest")


def find_workers(run: RecordedRun) -> Iterator[FoundCost]:
    """Find a number of workers with which the run needs less time."""
    total = sum(test.seconds for test in run.costs.tests)
    if not run.costs.workers and total < MIN_TESTS_S:
        return
    dist = run.costs.dist if run.costs.workers else "load"
    savings = {
        workers: run.compute_saving(workers=workers, dist=dist)
        for workers in range(run.costs.cpus + 1)
        if workers not in (1, run.costs.workers) and (run.max_workers is None or workers <= run.max_workers)
    }
    if not savings:
        return
    best = max(savings, key=lambda workers: savings[workers])
    option = f"-n {best}" if best else "-n 0"
    yield FoundCost(
        kind="workers",
        title=f"{option} would be faster than {_describe_workers(run.costs.workers)} on {run.costs.cpus} CPUs",
        where=(Place(option=option),),
        tests=len(run.costs.tests),
        evidence={"cpus": run.costs.cpus, "tests_s": round(total, 6)},
        advice=f"Run with {option}" + (" (pytest-xdist)." if best else "."),
        saved=savings[best],
        claims=frozenset({"distribution"}),
    )


def _describe_workers(workers: int) -> str:
    return f"-n {workers}" if workers else "one process"


def find_shards(run: RecordedRun) -> Iterator[FoundCost]:
    """Find the slowest shard of a build, for which the other shards wait."""
    durations = (run.wall, *run.shards)
    if len(durations) < 2 or run.wall < max(durations):
        return
    mean = sum(durations) / len(durations)
    yield FoundCost(
        kind="shards",
        title=f"This shard takes {run.wall:.3g} s, the mean of {len(durations)} shards is {mean:.3g} s",
        where=(),
        tests=len(run.costs.tests),
        evidence={"shards": len(durations), "mean_s": round(mean, 6)},
        advice="Distribute the tests over the shards by their recorded durations instead of their number.",
        saved=run.wall - mean,
        claims=frozenset({"shards"}),
    )


def find_collection(run: RecordedRun) -> Iterator[FoundCost]:
    """Find directories whose files are imported although no test of them runs."""
    files = {nodeid.partition("::")[0] for nodeid in run.content.tests.nodeid}
    without: dict[str, list[float]] = defaultdict(list)
    for path, us in zip(run.content.files.path, run.content.files.seconds, strict=True):
        if path not in files and not any(file.startswith(path) for file in files if path.endswith("/")):
            without[path.rpartition("/")[0].partition("/")[0] or path].append(us / 1e6)
    for directory, seconds in nlargest(MAX_CANDIDATES, without.items(), key=lambda item: sum(item[1])):
        total = sum(seconds)
        yield FoundCost(
            kind="collection",
            title=f"Collecting {directory} takes {total:.3g} s, although no test of it runs",
            where=(Place(file=directory),),
            tests=0,
            evidence={"total_s": round(total, 6)},
            advice="Set testpaths to the directories with tests, or add this one to norecursedirs.",
            saved=run.compute_saving(replace(run.costs, collect=max(0.0, run.costs.collect - total))),
            cpu_saved=total * max(1, run.costs.workers),
            claims=frozenset({f"collection {directory}"}),
        )


def find_hooks(run: RecordedRun) -> Iterator[FoundCost]:
    """Find suites in which pytest and plugins need more than 1 ms per test around the tests."""
    count = len(run.content.tests.nodeid)
    running = [each for each in run.ledger.processes if each.worker or not run.costs.workers]
    around = sum(each.spans.get("pytest", 0.0) for each in running)
    if not count or around / count <= USUAL_AROUND_TEST_S:
        return
    excess = around / count - USUAL_AROUND_TEST_S
    yield FoundCost(
        kind="hooks",
        title=f"Hooks of pytest and plugins take {1000 * around / count:.3g} ms for each test, "
        f"{around:.3g} s in total",
        where=(Place(file="conftest.py"),),
        tests=count,
        evidence={"per_test_s": round(around / count, 6), "total_s": round(around, 6)},
        advice="Run with -p no:NAME for one plugin after the other, and look at the hooks in conftest.py.",
        saved=run.compute_saving(run.without({test.nodeid: excess for test in run.costs.tests})),
        cpu_saved=excess * count,
        claims=frozenset({"hooks"}),
    )


def find_end(run: RecordedRun) -> Iterator[FoundCost]:
    """Find a long time between the last test and the end of the process."""
    finish = run.costs.finish - run.delivery
    usual = (USUAL_FINISH_S if run.costs.workers else 0.0) + (USUAL_EXIT_S if run.delivery else 0.0)
    usual *= run.machine_crowding
    if finish <= usual:
        return
    yield FoundCost(
        kind="after-summary",
        title=f"The run takes {finish:.3g} s after its last test",
        where=(),
        tests=0,
        evidence={"finish_s": round(finish, 6)},
        advice="Look at hooks pytest_sessionfinish and pytest_terminal_summary, atexit functions and threads.",
        saved=run.compute_saving(replace(run.costs, finish=usual + run.delivery)),
        cpu_saved=finish - usual,
        claims=frozenset({"end"}),
    )
