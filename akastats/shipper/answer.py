"""What the terminal is told when a run is applied: what was recorded, and what was slow against its own past."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from akastats.config import Config
from akastats.operations import query
from akastats.operations.requests import Operation
from akastats.outcomes import Story, label, slowest

#: How many of the slowest tests and fixtures are told.
SLOWEST = 5
#: How many earlier points "its own history" is.
PAST = 100


def answer(story: Story, config: Config, carry: Callable[[Operation[Any]], Any]) -> dict[str, Any]:
    """Return the run's figures: counts, status, and the slowest with the median of their past (seconds)."""
    tests = [(result.nodeid, "test", result.value) for result in slowest(story.results, SLOWEST)]
    costly = sorted(story.fixtures.values(), key=lambda fixture: -(fixture.setup + fixture.teardown))
    fixtures = [
        (f"{fixture.baseid}::{fixture.name}", "fixture", fixture.setup + fixture.teardown)
        for fixture in costly[:SLOWEST]
    ]
    return {
        "run": story.run_id,
        "status": story.status,
        "counts": story.counts(),
        "tests": [_against_past(story, config, carry, *item) for item in tests],
        "fixtures": [_against_past(story, config, carry, *item) for item in fixtures],
    }


def _against_past(
    story: Story, config: Config, carry: Callable[[Operation[Any]], Any], name: str, word: str, seconds: float
) -> dict[str, Any]:
    told = label(word, name, str(story.header.get("suite", "")))
    began = float(story.header.get("started", 0.0))
    points = carry(query.history(config.namespace, told, PAST))
    past = [point.value for point in points if point.timestamp < began]
    return {"name": name, "seconds": seconds, "usual": median(past) if past else None, "points": len(past)}
