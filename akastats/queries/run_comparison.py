"""Compare two runs, with the verdicts of their tests."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from akastats.analysis import comparison as comparing
from akastats.analysis import noise
from akastats.analysis.comparison import Comparison, Difference
from akastats.analysis.noise import Side
from akastats.model import profile
from akastats.model.results import label
from akastats.queries import runs, verdicts
from akastats.queries.runs import Run
from akastats.store import runs as stored_runs
from akastats.store.requests import Operation

#: Maximum number of changes per list of a comparison.
MAX_CHANGES = 1000
#: Maximum number of changes per list of a run's details.
MAX_IN_SHORT = 100


@dataclass(frozen=True)
class RunComparison:
    """Two runs and their differences.

    run: the newer run
    base: the run that it is compared with
    changes: differences, at most `MAX_CHANGES` per list
    left_out: number of changes that the lists do not contain
    """

    run: Run
    base: Run
    changes: Comparison
    left_out: int


@dataclass(frozen=True)
class Changes:
    """Differences between a run and its base run, at most 100 per list.

    newly_failing: tests that fail in the run and did not fail in the base run
    fixed: tests that failed in the base run and completed without a failure in the run
    slower: tests that took longer than their history explains, the largest difference first
    faster: tests that took less time than their history explains, the largest difference first
    added: number of tests that the base run does not have
    removed: number of tests that only the base run has
    noise: number of differences that the tests' history explains
    """

    newly_failing: list[Difference]
    fixed: list[Difference]
    slower: list[Difference]
    faster: list[Difference]
    added: int
    removed: int
    noise: int


def summarize(comparison: Comparison) -> Changes:
    """Return a comparison in the short form of a run's details."""
    cut, _ = shorten(comparison, MAX_IN_SHORT)
    return Changes(
        newly_failing=cut.newly_failing,
        fixed=cut.fixed,
        slower=cut.slower,
        faster=cut.faster,
        added=len(comparison.added),
        removed=len(comparison.removed),
        noise=len(comparison.noise),
    )


def compare(namespace: str, run_id: str, base_id: str) -> Operation[RunComparison]:
    """Compare two runs; raises `NotFoundError` if a run is unknown, or its profile is missing or has expired."""
    run = yield from runs.read_run(namespace, run_id)
    base = yield from runs.read_run(namespace, base_id)
    comparison = yield from read_changes(namespace, run, base)
    cut, left_out = shorten(comparison, MAX_CHANGES)
    return RunComparison(run, base, cut, left_out)


def read_changes(namespace: str, run: Run, base: Run) -> Operation[Comparison]:
    """Read the differences between two runs; raises `NotFoundError` if a profile is missing or has expired."""
    content = profile.decode((yield from stored_runs.read_profile(namespace, run.id)))
    base_content = profile.decode((yield from stored_runs.read_profile(namespace, base.id)))
    comparison = comparing.compare(comparing.last_attempts(content), comparing.last_attempts(base_content))
    return (yield from separate_noise(namespace, run, base, comparison))


def separate_noise(namespace: str, run: Run, base: Run, comparison: Comparison) -> Operation[Comparison]:
    """Read the verdicts of two runs; return their comparison, in which noise is separate from differences."""
    of_run = yield from verdicts.read_verdicts_if_any(namespace, run.id)
    of_base = yield from verdicts.read_verdicts_if_any(namespace, base.id)
    return noise.separate_noise(
        comparison, Side(run.id, of_run), Side(base.id, of_base), label("test", "", run.suite or "")
    )


def shorten(comparison: Comparison, size: int) -> tuple[Comparison, int]:
    """Return a comparison with at most `size` changes per list, and the number of omitted changes."""
    lists: dict[str, list[Difference]] = {
        field.name: getattr(comparison, field.name) for field in fields(comparison)
    }
    left_out = sum(max(0, len(each) - size) for each in lists.values())
    return replace(comparison, **{name: each[:size] for name, each in lists.items()}), left_out
