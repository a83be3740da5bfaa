"""Find findings of earlier runs that a run no longer has, and compare the prediction with the measured saving."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from akastats.model.findings import Finding, FixedFinding, RecordedFinding, RunCosts, get_place

#: Maximum number of recorded findings of a run, and of recorded fixed findings.
MAX_RECORDED, MAX_FIXED = 10, 20
#: Maximum number of runs whose median wall time is that before a fix.
MAX_WALLS = 5
#: Maximum share of its predicted saving that a fixed finding may still save; more can be noise.
MAX_LEFT = 1 / 3
#: Minimum number of tests of a comparable run, as a share of that of the run before.
MIN_TESTS = 0.8
#: Kinds of findings whose advice changes the workers or the distribution.
_OF_WORKERS = frozenset({"workers", "distribution", "rebuilt-fixture", "memory"})

Identity = tuple[str, str]


def record_costs(
    run: str,
    costs: RunCosts,
    findings: Sequence[Finding],
    worth: Sequence[Finding],
    before: RunCosts | None,
    run_before: str,
) -> RunCosts:
    """Return the costs of a run with its findings and with those that it fixed.

    costs: workers, tests and wall time of the run
    findings: all its findings; `worth` are those that save enough to be named
    before: costs of the run before; `None` if there are none
    """
    recorded = tuple(map(_record, worth[:MAX_RECORDED]))
    fixed = tuple(_find_fixed(run, costs, findings, before, run_before)) if before else ()
    walls = costs.walls
    if before and not fixed and _has_same_workers(costs, before):
        walls = (*before.walls, *walls)[-MAX_WALLS:]
    earlier = before.fixed if before else ()
    return RunCosts(costs.workers, costs.dist, costs.tests, walls, recorded, (*fixed, *earlier)[:MAX_FIXED])


def _find_fixed(
    run: str, costs: RunCosts, findings: Sequence[Finding], before: RunCosts, run_before: str
) -> Iterator[FixedFinding]:
    """Yield the findings of the run before that this run no longer has.

    If the run fixes several, the measured saving is divided in proportion to the predictions.
    """
    if costs.tests < MIN_TESTS * before.tests:
        return
    left = {_identify(each): each.saving.seconds for each in findings}
    gone = [each for each in before.findings if _is_gone(each, left, costs, before)]
    predicted = sum(each.seconds for each in gone)
    measured = median(before.walls) - costs.walls[-1]
    for each in gone:
        yield FixedFinding(each, round(measured * each.seconds / predicted, 6), run_before, run)


def _is_gone(finding: RecordedFinding, left: Mapping[Identity, float], costs: RunCosts, before: RunCosts) -> bool:
    is_of_workers = finding.kind in _OF_WORKERS
    if _has_same_workers(costs, before) == is_of_workers or finding.seconds <= 0:
        # With other workers the costs of tests and fixtures cannot be compared.
        return False
    return left.get((finding.kind, finding.place), 0.0) <= MAX_LEFT * finding.seconds


def _has_same_workers(costs: RunCosts, before: RunCosts) -> bool:
    return (costs.workers, costs.dist) == (before.workers, before.dist)


def _record(finding: Finding) -> RecordedFinding:
    saving = finding.saving
    return RecordedFinding(*_identify(finding), finding.title, saving.seconds, saving.low, saving.high)


def _identify(finding: Finding) -> Identity:
    return finding.kind, get_place(finding)


def measure_errors(fixed: Sequence[FixedFinding]) -> float | None:
    """Return the median error of predictions, relative to the measured saving; `None` if there are none."""
    errors = [abs(each.finding.seconds / each.measured - 1.0) for each in fixed if each.measured > 0]
    return median(errors) if errors else None
