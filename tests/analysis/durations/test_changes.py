"""Verdicts on durations: which test, since when, by how much, and how surely."""

from __future__ import annotations

import random
from array import array
from math import exp

import pytest

from akastats.analysis.durations.changes import Durations, TimedRun, environment_class, find_changes
from akastats.model.verdicts import DurationChange

RUNS = 80


def runs(count: int = RUNS, environment: str = "one") -> list[TimedRun]:
    """Runs r0, r1 ... of one environment class."""
    return [TimedRun(f"r{at}", environment) for at in range(count)]


def noisy(seed: int, count: int = RUNS, base: float = 0.5) -> list[float]:
    """Durations with 5 % of noise."""
    chance = random.Random(seed)
    return [base * exp(chance.gauss(0, 0.05)) for _ in range(count)]


def suite(count: int = RUNS, tests: int = 20) -> dict[str, Durations]:
    """A suite in which nothing changes."""
    return {f"t{seed}": Durations(range(count), noisy(seed, count)) for seed in range(tests)}


def slowed(series: Durations, start: int, factor: float) -> Durations:
    """The same durations, `factor` times as long from a place on."""
    seconds = [value * (factor if at >= start else 1.0) for at, value in enumerate(series.seconds)]
    return Durations(series.runs, seconds)


def test_slower_test_is_told():
    """Its size, its interval of runs and its confidence are those of the step."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 1.5)

    (change,) = find_changes(runs(), durations).changes

    assert "t3" == change.label
    assert change.is_slower
    assert 1.45 < change.ratio < 1.55
    assert change.low < change.ratio < change.high
    assert "r50" == change.run
    assert ("r49", "r50") == (change.since, change.until)
    assert 0.45 < change.before < 0.55 < 0.7 < change.after < 0.8
    assert 30 == change.runs_after
    assert change.confidence > 0.999
    assert not change.is_suspected


def test_faster_test_is_told():
    """A duration that halves is a change too, and no slow-down."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 0.5)

    (change,) = find_changes(runs(), durations).changes

    assert not change.is_slower


def test_new_change_is_suspected():
    """With four runs after it a change is suspected, with five it is not."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], RUNS - 5, 1.5)
    earlier = {label: Durations(series.runs[:-1], series.seconds[:-1]) for label, series in durations.items()}

    (before,) = find_changes(runs(RUNS - 1), earlier).changes
    (after,) = find_changes(runs(), durations).changes

    assert (4, True) == (before.runs_after, before.is_suspected)
    assert (5, False) == (after.runs_after, after.is_suspected)


def test_slower_machine_is_not_the_tests():
    """What slows everything down is said of the suite, and of no test."""
    durations = {label: slowed(series, 40, 1.25) for label, series in suite().items()}

    found = find_changes(runs(), durations)

    assert () == found.changes
    (change,) = found.suite
    assert ("", "r40", True) == (change.label, change.run, change.is_slower)
    assert 1.2 < change.ratio < 1.3
    assert 9 < change.before < 11
    assert 1.1 < found.factors[-1] / found.factors[0] < 1.35


def test_few_milliseconds_are_no_change():
    """A test that doubles from 10 to 20 ms costs nobody anything."""
    durations = suite()
    durations["t3"] = slowed(Durations(range(RUNS), noisy(3, base=0.01)), 40, 2.0)

    assert () == find_changes(runs(), durations).changes


def test_few_percent_are_no_change():
    """5 % of a long test is under what is reported."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 40, 1.05)

    assert () == find_changes(runs(), durations).changes


def test_another_environment_is_no_change():
    """A test that is slower on another host class is compared with itself there only."""
    durations = {label: slowed(series, 40, 2.0) for label, series in suite().items()}
    durations["t3"] = slowed(durations["t3"], 40, 3.0)
    classes = [*runs(40, "laptop"), *(TimedRun(f"r{at}", "ci") for at in range(40, RUNS))]

    found = find_changes(classes, durations)

    assert () == found.changes
    assert () == found.suite


def test_alternating_environments_are_told_apart():
    """A change is found in both classes, in the runs of each."""
    durations = suite(160)
    durations["t3"] = slowed(durations["t3"], 100, 1.6)
    classes = [TimedRun(f"r{at}", "odd" if at % 2 else "even") for at in range(160)]

    found = find_changes(classes, durations).changes

    assert [("even", "r98", "r100"), ("odd", "r99", "r101")] == [
        (change.environment, change.since, change.run) for change in found
    ]


def test_skipped_runs_widen_the_interval():
    """Where a test did not run, the commits of those runs are suspects too."""
    durations = suite()
    whole = slowed(durations["t3"], 50, 1.6)
    kept = [*range(45), *range(52, RUNS)]
    durations["t3"] = Durations(kept, [whole.seconds[at] for at in kept])

    (change,) = find_changes(runs(), durations).changes

    assert ("r44", "r52") == (change.since, change.until)


def test_runs_of_few_tests_are_left_out():
    """Runs of a single test, on a machine of unknown pace, say nothing of it."""
    durations = suite()
    alone = [5 * value for value in noisy(99, 20)]
    durations["t3"] = Durations(range(RUNS + 20), [*durations["t3"].seconds, *alone])

    assert () == find_changes(runs(RUNS + 20), durations).changes


def test_small_suite_is_judged_by_the_clock():
    """With fewer than ten tests there is no pace, and a slower test is told all the same."""
    durations = suite(tests=2)
    durations["t1"] = slowed(durations["t1"], 50, 1.5)

    assert ["t1"] == [change.label for change in find_changes(runs(), durations).changes]


def test_short_history_is_undecided():
    """Ten runs are too few to say anything, and it is said how many series have no more."""
    durations = suite(10, tests=20)
    durations["t3"] = slowed(durations["t3"], 5, 10.0)

    found = find_changes(runs(10), durations)

    assert () == found.changes
    assert 20 == found.too_short


@pytest.mark.parametrize("seconds", [[-1.0] * RUNS, [0.0] * RUNS, []], ids=["negative", "zero", "none"])
def test_what_is_no_duration_is_no_change(seconds):
    """A user's numbers need not be durations."""
    durations = suite()
    durations["stat"] = Durations(range(len(seconds)), seconds)

    assert () == find_changes(runs(), durations).changes


def test_nothing_gives_nothing():
    """No runs and no tests are no error."""
    assert ((), (), (), 0) == tuple(getattr(find_changes([], {}), name) for name in find_changes([], {}).__slots__)


def test_verdict_is_the_same_from_compact_arrays():
    """Arrays of the standard library, a quarter of a list's memory, are read like lists."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 1.5)
    at = array("H", range(RUNS))
    compact = {label: Durations(at, array("d", series.seconds)) for label, series in durations.items()}

    assert find_changes(runs(), durations) == find_changes(runs(), compact)


def test_verdict_does_not_depend_on_order():
    """The order in which tests are told changes nothing."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 1.5)
    reverse = dict(reversed(durations.items()))

    assert find_changes(runs(), durations).changes == find_changes(runs(), reverse).changes


def test_suites_of_noise_are_quiet_as_they_grow():
    """Judged after each run, twenty unchanged tests raise nothing."""
    durations = suite()

    found: list[DurationChange] = []
    for known in range(1, RUNS):
        so_far = {label: Durations(range(known), one.seconds[:known]) for label, one in durations.items()}
        found.extend(find_changes(runs(known), so_far).changes)

    assert [] == found


def environment(**given: object) -> str:
    """The class of an ordinary run, with what is given in place."""
    usual = {"suite": "", "workers": 1, "provider": None, "host": "a", "cpu_count": 4, "python": "3.12.1"}
    return environment_class(**(usual | given))


@pytest.mark.parametrize("other", [{"suite": "unit"}, {"workers": 2}, {"host": "b"}, {"python": "3.13.0"}])
def test_environments_differ(other):
    """Suite, workers, host and Python each make a class of their own."""
    assert environment() != environment(**other)


@pytest.mark.parametrize("other", [{"python": "3.12.9"}, {"cpu_count": 8}, {"workers": 0}])
def test_environments_are_one(other):
    """What does not matter for durations leaves the class as it is."""
    assert environment() == environment(**other)


def test_ci_machines_of_one_size_are_one_class():
    """A CI provider gives each run another host; the size of it is what counts."""
    some = {"provider": "github"}

    assert environment(**some) == environment(**some, host="b")
    assert environment(**some) != environment(**some, cpu_count=2)


@pytest.mark.parametrize(("suite", "expected"), [("", "n1/a/3.12"), ("unit", "unit/n1/a/3.12")])
def test_an_environment_is_named_by_what_it_has(suite, expected):
    """People read it beside a change: a suite that has no name leaves no gap."""
    assert expected == environment(suite=suite)
