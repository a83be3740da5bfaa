"""Mean costs of the processes of a run."""

from __future__ import annotations

from typing import Any

import pytest

from akastats.analysis.process_costs import average_imports, average_spans
from akastats.model.profile import Profile
from tests.profiles import profile_with

SECOND = 1_000_000


def make_profile(workers: int) -> Profile:
    """Return a run whose processes start in 1 s, collect in 3 s, and run tests of 2 s in 4 s."""
    names = ["", *(f"gw{at}" for at in range(workers))] if workers else [""]
    moments = {"start": 0, "configured": 1, "collection": 1, "collected": 4, "finished": 8, "end": 9}
    columns: dict[str, list[Any]] = {name: [at * SECOND] * len(names) for name, at in moments.items()}
    running = names[1:] or names
    return profile_with(
        tests={"nodeid": running, "worker": running, "call": [2 * SECOND] * len(running)},
        fixtures={"name": ["db"], "scope": ["session"], "count": [1], "setup": [len(running) * SECOND // 2]},
        processes={
            "worker": names,
            **columns,
            "conftest": [SECOND // 4] * len(names),
            "wait": [SECOND // 2] * len(names),
        },
        imports={
            "worker": running * 3,
            "phase": ["collect"] * len(running) + ["conftest"] * len(running) + ["tests"] * len(running),
            "package": ["numpy"] * len(running) + ["tiny"] * len(running) + ["late"] * len(running),
            "own": [2 * SECOND] * len(running) + [1000] * len(running) + [SECOND] * len(running),
        },
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_spans_are_those_of_one_process_without_other_costs(workers: int) -> None:
    """Imports, calls and fixtures are no part of them."""
    expected = {"startup": 0.75, "conftest": 0.25, "collect": 1.0, "wait": 0.5, "pytest": 1.0, "finish": 1.0}

    assert expected == average_spans(make_profile(workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_slow_imports_before_the_tests_are_averaged(workers: int) -> None:
    """Fast ones and those of tests are omitted."""
    assert {"numpy": 2.0} == average_imports(make_profile(workers))


def test_a_run_of_an_earlier_release_has_no_spans() -> None:
    """Its processes were not recorded."""
    assert {} == average_spans(profile_with(tests={"nodeid": ["a"], "call": [SECOND]}))
