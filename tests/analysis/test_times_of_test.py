"""Where the time of one test goes: phases, CPU and waiting, fixtures."""

from __future__ import annotations

from akastats.analysis.times_of_test import FixtureTimes, PhaseTimes, divide_time
from akastats.model.profile import Profile
from tests.profiles import profile_with

A, B = "shop/test_a.py::test_a", "shop/test_a.py::test_b"


def profile() -> Profile:
    """Return a run of two tests; the first one was repeated, and requested the database first."""
    return profile_with(
        tests={
            "nodeid": [A, A, B],
            "worker": ["gw0", "gw1", "gw1"],
            "setup": [900_000, 100_000, 100_000],
            "call": [500_000, 500_000, 1],
            "cpu_call": [100_000, 200_000, None],
            "children_call": [250_000, None, None],
            "fixture_set": [0, 0, 0],
        },
        fixtures={
            "name": ["cart", "database", "database"],
            "baseid": ["shop", ".", "other"],
            "scope": ["function", "session", "session"],
            "count": [3, 1, 1],
            "setup": [300_000, 800_000, 1],
            "teardown": [0, 200_000, 1],
        },
        builds={"name": ["database"], "baseid": ["."], "nodeid": [A], "setup": [800_000]},
        fixture_sets=[["cart", "database"]],
    )


def test_attempts_are_summed():
    """A phase without a CPU time is not a phase that waited."""
    times = divide_time(profile(), A)

    assert times is not None
    assert (2, "gw1") == (times.attempts, times.worker)
    assert PhaseTimes(1.0, 0.3, 0.25, 0.45) == times.phases["call"]
    assert PhaseTimes(1.0, None, None, None) == times.phases["setup"]


def test_the_first_test_pays_for_a_shared_fixture():
    """Fixtures of other directories are not visible."""
    cart, database = ("cart", "shop", "function", 3, 0.1, 0.0), ("database", ".", "session", 1, 0.8, 0.2)
    of_first, of_second = (divide_time(profile(), nodeid) for nodeid in (A, B))

    assert of_first is not None
    assert [FixtureTimes(*database, 0.8), FixtureTimes(*cart, 0.2)] == of_first.fixtures
    assert of_second is not None
    assert [FixtureTimes(*cart, 0.1), FixtureTimes(*database, 0.0)] == of_second.fixtures


def test_an_unknown_test_has_no_times():
    """Nor has a run of an earlier release fixtures of a test."""
    assert divide_time(profile(), "nonesuch") is None
    assert [] == getattr(divide_time(profile_with(tests={"nodeid": [A]}), A), "fixtures", None)
