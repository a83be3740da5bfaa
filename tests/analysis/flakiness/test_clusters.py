"""Groups of tests that fail together."""

from __future__ import annotations

from random import Random

from akastats.analysis.flakiness.clusters import clusters

RUNS = [f"r{at}" for at in range(200)]


def some(share, seed):
    """Return some of the runs."""
    random = Random(seed)
    return {run for run in RUNS if random.random() < share}


def test_tests_that_fail_in_the_same_runs_are_a_group():
    """The largest group is first. Tests that fail alone or at random are in no group."""
    failures = {
        "a": {"r1", "r7", "r9"},
        "b": {"r1", "r7", "r9"},
        "c": {"r20", "r30", "r40", "r50"},
        "d": {"r20", "r30", "r40", "r50"},
        "e": {"r20", "r30", "r40", "r51"},
        "alone": {"r2", "r3", "r4"},
        "random": some(0.3, 1),
    }

    assert clusters(failures, RUNS) == [("c", "d", "e"), ("a", "b")]


def test_often_failing_tests_overlap_by_chance():
    """Two tests that each fail in nine of ten runs share most of them, but are not a group."""
    assert clusters({"a": some(0.9, 1), "b": some(0.9, 2)}, RUNS) == []


def test_two_shared_runs_are_too_few():
    """Among many tests some pair shares two failures by chance."""
    assert clusters({"a": {"r1", "r2"}, "b": {"r1", "r2"}}, RUNS) == []


def test_runs_outside_of_the_selection_do_not_count():
    """Tests that failed together only in outages are not a group."""
    out = {"o1", "o2", "o3"}

    assert clusters({"a": out | {"r1"}, "b": out | {"r2"}}, RUNS) == []


def test_nothing_gives_nothing():
    """Without tests, runs or failures there is no group."""
    assert clusters({}, []) == clusters({"a": [], "b": []}, RUNS) == []
