"""The shipper's answer to the test process: counts of the delivered run, slow tests, and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from akastats.analysis.findings.rules import find_first
from akastats.config import Config
from akastats.delivery.run_builder import RunBuilder
from akastats.delivery.run_profile import profile_of
from akastats.model import verdicts as model
from akastats.model.findings import Finding
from akastats.model.results import label, slowest
from akastats.model.verdicts import DurationChange, FailureLabel, Verdicts
from akastats.report.phrases import TEST_LISTS
from akastats.report.run_document import build_note, display_name
from akastats.spool.shipper_answer import (
    Answer,
    FailingTest,
    FlakyTest,
    OverBudgetTest,
    RunVerdicts,
    Slowdown,
    Timing,
)
from akastats.store import query
from akastats.store.requests import Operation

#: Maximum number of slowest tests, and of slowest fixtures, in a summary.
MAX_SLOWEST = 5
#: Maximum number of earlier durations whose median is the typical duration.
MAX_HISTORY = 100
#: Maximum number of entries per list of verdicts; the totals also count the omitted entries.
MAX_ENTRIES = 200
# Labels in the order of the listed failures, the most urgent first; `None` is a failure without a label.
_URGENCY: Sequence[FailureLabel | None] = ("new", None, "also failing on base", "known flaky", "quarantined")


def summarise_run(builder: RunBuilder, config: Config, execute: Callable[[Operation[Any]], Any]) -> Answer:
    """Return the run's counts and status, and its slowest tests and fixtures with their typical duration."""
    tests = [(result.nodeid, "test", result.value) for result in slowest(builder.results, MAX_SLOWEST)]
    costly = sorted(builder.fixtures.values(), key=lambda fixture: -(fixture.setup + fixture.teardown))
    fixtures = [
        (f"{fixture.baseid}::{fixture.name}", "fixture", fixture.setup + fixture.teardown)
        for fixture in costly[:MAX_SLOWEST]
    ]
    return Answer(
        run=builder.run_id,
        status=builder.status,
        counts=builder.counts(),
        tests=tuple(_timing(builder, config, execute, *each) for each in tests),
        fixtures=tuple(_timing(builder, config, execute, *each) for each in fixtures),
    )


def find_costs(builder: RunBuilder) -> tuple[Finding, ...]:
    """Return the first findings of a run; empty if its header was not read."""
    header = builder.header
    if header is None:
        return ()
    return find_first(
        profile_of(builder),
        header.workers or 0,
        header.dist or "load",
        header.cpu_count or 1,
        header.machine_memory,
    )


def _timing(
    builder: RunBuilder,
    config: Config,
    execute: Callable[[Operation[Any]], Any],
    name: str,
    kind: str,
    seconds: float,
) -> Timing:
    series = label(kind, name, builder.suite)
    started = builder.started
    points = execute(query.read_history(config.namespace, series, MAX_HISTORY))
    earlier = [point.value for point in points if point.timestamp < started]
    return Timing(name, seconds, median(earlier) if earlier else None, len(earlier))


def summarise_verdicts(verdicts: Verdicts) -> RunVerdicts:
    """Return the verdicts that the terminal shows, each list with at most `MAX_ENTRIES` entries."""
    slower, flaky = model.newly_slower(verdicts), model.newly_flaky(verdicts)
    failures = sorted(verdicts.failures, key=lambda failure: _URGENCY.index(failure.label))
    labels = [failure.label for failure in failures]
    lists: dict[str, tuple[str, ...]] = {name: getattr(verdicts, name) for name in TEST_LISTS}
    totals = {"flaky": len(flaky), "slower": len(slower), "over_budget": len(verdicts.over_budget)}
    return RunVerdicts(
        runs=verdicts.runs,
        base=verdicts.base,
        labels={str(each): labels.count(each) for each in dict.fromkeys(labels) if each},
        unlabelled=labels.count(None),
        failures=tuple(FailingTest(each.nodeid, each.label, each.rate) for each in failures[:MAX_ENTRIES]),
        flaky=tuple(FlakyTest(each.nodeid, each.rate) for each in flaky[:MAX_ENTRIES]),
        slower=tuple(map(_slowdown, slower[:MAX_ENTRIES])),
        suite=tuple(map(_slowdown, model.suite_newly_slower(verdicts))),
        over_budget=tuple(
            OverBudgetTest(display_name(each.nodeid), each.seconds, each.allowed, each.rule)
            for each in verdicts.over_budget[:MAX_ENTRIES]
        ),
        test_lists={name: tests[:MAX_ENTRIES] for name, tests in lists.items()},
        totals={**totals, **{name: len(tests) for name, tests in lists.items()}},
        seconds=verdicts.seconds,
        typical_seconds=verdicts.usual_seconds,
        speed_factor=verdicts.pace,
        causes=tuple((each.kind, each.name, each.seconds) for each in verdicts.causes),
        is_outage=model.looks_like_outage(verdicts),
        note=build_note(verdicts),
    )


def _slowdown(change: DurationChange) -> Slowdown:
    name = display_name(change.label)
    return Slowdown(name, change.before, change.after, change.ratio, change.run, change.is_suspected)
