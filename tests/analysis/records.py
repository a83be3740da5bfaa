"""Inputs of the analysis: profiles, facts and records of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from akastats.analysis.run_records import RunFacts, RunRecord, record_of
from akastats.model.profile import Profile
from tests.profiles import profile_with

#: A test: node id, outcome, seconds.
Row = tuple[str, str, float]
NONE: Mapping[str, Any] = MappingProxyType({})


def content(
    tests: Sequence[Row],
    columns: Mapping[str, Sequence[Any]] = NONE,
    fixtures: Mapping[str, Sequence[Any]] = NONE,
    files: Mapping[str, Sequence[Any]] = NONE,
) -> Profile:
    """Return a profile of tests on one worker, with some columns replaced."""
    of_tests = {
        "nodeid": [nodeid for nodeid, _, _ in tests],
        "outcome": [outcome for _, outcome, _ in tests],
        "call": [round(seconds * 1e6) for _, _, seconds in tests],
    }
    return profile_with({**of_tests, **columns}, fixtures=fixtures, files=files)


def facts(
    number: int,
    branch: str = "main",
    commit: str | None = "",
    environment: str = "e",
    duration: float = 10.0,
    **more: Any,
) -> RunFacts:
    """Return the facts about run `number`. Each run has its own commit, unless one is given."""
    commit = f"c{number}" if commit == "" else commit
    return RunFacts(f"r{number:03}", branch, commit, environment, 100.0 * number, duration, "passed", **more)


def run(number: int, tests: Sequence[Row], **more: Any) -> RunRecord:
    """Return a run with these tests; `more` are arguments of `facts`."""
    return record_of(facts(number, **more), content(tests), {})


def suite(outcomes: Mapping[str, str] = NONE, seconds: Mapping[str, float] = NONE) -> list[Row]:
    """Return twenty tests of 0.1 s that pass, except for these outcomes and durations."""
    names = [f"test_{number:02}" for number in range(20)]
    return [(name, outcomes.get(name, "passed"), seconds.get(name, 0.1)) for name in names]
