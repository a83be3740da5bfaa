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

#: A list of a comparison has at most this many changes, and beside a run's details this many.
MAX_CHANGES = 1000
MAX_IN_SHORT = 100


@dataclass(frozen=True)
class Compared:
    """Two runs and their differences; `left_out` counts changes beyond `MAX_CHANGES` per list."""

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


def in_short(found: Comparison) -> Changes:
    """Return a comparison in the form of a run's details."""
    cut, _ = shortened(found, MAX_IN_SHORT)
    return Changes(
        newly_failing=cut.newly_failing,
        fixed=cut.fixed,
        slower=cut.slower,
        faster=cut.faster,
        added=len(found.added),
        removed=len(found.removed),
        noise=len(found.noise),
    )


def compare(namespace: str, run_id: str, base_id: str) -> Operation[Compared]:
    """Compare two runs; raises `NotFoundError` for one that is unknown, or has no profile (any more)."""
    run = yield from runs.one(namespace, run_id)
    base = yield from runs.one(namespace, base_id)
    found = yield from changes(namespace, run, base)
    cut, left_out = shortened(found, MAX_CHANGES)
    return Compared(run, base, cut, left_out)


def changes(namespace: str, run: Run, base: Run) -> Operation[Comparison]:
    """Return the differences of two runs; raises `NotFoundError` if one has no profile (any more)."""
    now = profile.decode((yield from stored_runs.read_profile(namespace, run.id)))
    before = profile.decode((yield from stored_runs.read_profile(namespace, base.id)))
    found = comparing.compare(comparing.last_attempts(now), comparing.last_attempts(before))
    return (yield from without_noise(namespace, run, base, found))


def without_noise(namespace: str, run: Run, base: Run, found: Comparison) -> Operation[Comparison]:
    """Read the verdicts of both runs; return their comparison, with what the tests' history explains as noise."""
    of_run = yield from verdicts.of_run_if_any(namespace, run.id)
    of_base = yield from verdicts.of_run_if_any(namespace, base.id)
    return noise.separate_noise(
        found, Side(run.id, of_run), Side(base.id, of_base), label("test", "", run.suite or "")
    )


def shortened(found: Comparison, size: int) -> tuple[Comparison, int]:
    """Return a comparison with at most `size` changes per list, and how many were left out."""
    lists: dict[str, list[Difference]] = {field.name: getattr(found, field.name) for field in fields(found)}
    left_out = sum(max(0, len(each) - size) for each in lists.values())
    return replace(found, **{name: each[:size] for name, each in lists.items()}), left_out
