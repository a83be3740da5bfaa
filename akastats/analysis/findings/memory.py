"""Find the number of workers for which the memory of the machine suffices."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest

from akastats.analysis.findings.recorded_run import RecordedRun
from akastats.model.findings import FoundCost, Place

# Number of tests that the finding names.
PLACES = 5
GB = 1e9


def find_memory_limit(run: RecordedRun) -> Iterator[FoundCost]:
    """Find a faster number of workers for which the memory of the machine does not suffice."""
    limit = run.max_workers
    if limit is None or limit >= run.costs.cpus or run.memory is None:
        return
    dist = run.costs.dist if run.costs.workers else "load"
    savings = {
        workers: run.compute_saving(workers=workers, dist=dist)
        for workers in {0, *range(2, run.costs.cpus + 1), run.costs.workers}
    }
    best = max(savings, key=lambda workers: savings[workers])
    if best <= limit:
        return
    possible = max(saving for workers, saving in savings.items() if workers <= limit)
    growth = _measure_growth(run)
    peak = run.worker_memory
    yield FoundCost(
        kind="memory",
        title=f"Memory allows {_describe(limit)}: a worker needs {peak / GB:.3g} GB of {run.memory / GB:.3g} GB; "
        f"-n {best} would be faster",
        where=tuple(Place(nodeid=nodeid) for nodeid in nlargest(PLACES, growth, key=lambda each: growth[each])),
        tests=len(run.costs.tests),
        evidence={
            "worker_bytes": peak,
            "machine_bytes": run.memory,
            "max_workers": limit,
            "workers_without_limit": best,
        },
        advice="Free the memory of these tests and of shared fixtures, or run them in a separate job.",
        saved=savings[best] - possible,
        claims=frozenset({"memory"}),
    )


def _describe(limit: int) -> str:
    return f"at most -n {limit}" if limit > 1 else "no workers"


def _measure_growth(run: RecordedRun) -> dict[str, int]:
    """Return the bytes by which tests raised the peak memory of their process. Other tests are omitted."""
    tests, growth = run.content.tests, dict[str, int]()
    peaks: dict[str, int] = {}
    for nodeid, worker, peak in zip(tests.nodeid, tests.worker, tests.peak_memory or (), strict=False):
        if peak is not None:
            # The peak of the first test of a process is that of imports and collection.
            if peak > peaks.get(worker, peak):
                growth[nodeid] = max(growth.get(nodeid, 0), peak - peaks[worker])
            peaks[worker] = max(peak, peaks.get(worker, 0))
    return growth
