"""Summary of an applied run for the terminal: its counts, and its slowest tests against their history."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from akastats.config import Config
from akastats.delivery.run_builder import RunBuilder
from akastats.model.results import label, slowest
from akastats.store import query
from akastats.store.requests import Operation

#: Number of slowest tests and fixtures in the summary.
SLOWEST = 5
#: How many earlier points "its own history" is.
PAST = 100


def answer(builder: RunBuilder, config: Config, execute: Callable[[Operation[Any]], Any]) -> dict[str, Any]:
    """Return the run's figures: counts, status, and the slowest with the median of their past (seconds)."""
    tests = [(result.nodeid, "test", result.value) for result in slowest(builder.results, SLOWEST)]
    costly = sorted(builder.fixtures.values(), key=lambda fixture: -(fixture.setup + fixture.teardown))
    fixtures = [
        (f"{fixture.baseid}::{fixture.name}", "fixture", fixture.setup + fixture.teardown)
        for fixture in costly[:SLOWEST]
    ]
    return {
        "run": builder.run_id,
        "status": builder.status,
        "counts": builder.counts(),
        "tests": [_against_past(builder, config, execute, *item) for item in tests],
        "fixtures": [_against_past(builder, config, execute, *item) for item in fixtures],
    }


def _against_past(
    builder: RunBuilder,
    config: Config,
    execute: Callable[[Operation[Any]], Any],
    name: str,
    word: str,
    seconds: float,
) -> dict[str, Any]:
    told = label(word, name, str(builder.header.get("suite", "")))
    began = float(builder.header.get("started", 0.0))
    points = execute(query.read_history(config.namespace, told, PAST))
    past = [point.value for point in points if point.timestamp < began]
    return {"name": name, "seconds": seconds, "usual": median(past) if past else None, "points": len(past)}
