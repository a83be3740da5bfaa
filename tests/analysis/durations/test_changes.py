"""Changes of durations: test, position, size and confidence."""

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
    """A suite without changes."""
    return {f"t{seed}": Durations(range(count), noisy(seed, count)) for seed in range(tests)}


def slowed(series: Durations, start: int, factor: float) -> Durations:
    """The same durations, multiplied by `factor` from a position on."""
    seconds = [value * (factor if at >= start else 1.0) for at, value in enumerate(series.seconds)]
    return Durations(series.runs, seconds)


def test_slower_test_is_reported():
    """Size, interval of runs and confidence are those of the step."""
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


def test_only_the_reference_determines_the_machine_speed():
    """Slower imports and spans of a small suite do not make its machine slower."""
    durations = suite(tests=10)
    spans = {f"span{at}": slowed(Durations(range(RUNS), noisy(at)), RUNS - 1, 2.0) for at in range(20)}

    alone = find_changes(runs(), durations).factors
    together = find_changes(runs(), durations | spans, reference=[*durations]).factors

    assert alone == together
    assert 0.9 < together[-1] < 1.1
    assert find_changes(runs(), durations | spans).factors[-1] > 1.8


def test_faster_test_is_reported():
    """A halved duration is a change, but not a slower test."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 0.5)

    (change,) = find_changes(runs(), durations).changes

    assert not change.is_slower


def test_new_change_is_suspected():
    """With four runs after it a change is suspected, with five it is confirmed."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], RUNS - 5, 1.5)
    earlier = {label: Durations(series.runs[:-1], series.seconds[:-1]) for label, series in durations.items()}

    (before,) = find_changes(runs(RUNS - 1), earlier).changes
    (after,) = find_changes(runs(), durations).changes

    assert (4, True) == (before.runs_after, before.is_suspected)
    assert (5, False) == (after.runs_after, after.is_suspected)


def test_slower_machine_is_not_the_tests():
    """A slowdown of all tests is a change of the suite, not of a test."""
    durations = {label: slowed(series, 40, 1.25) for label, series in suite().items()}

    changes = find_changes(runs(), durations)

    assert () == changes.changes
    (change,) = changes.suite
    assert ("", "r40", True) == (change.label, change.run, change.is_slower)
    assert 1.2 < change.ratio < 1.3
    assert 9 < change.before < 11
    assert 1.1 < changes.factors[-1] / changes.factors[0] < 1.35


def test_few_milliseconds_are_no_change():
    """20 ms instead of 10 ms is below the limit."""
    durations = suite()
    durations["t3"] = slowed(Durations(range(RUNS), noisy(3, base=0.01)), 40, 2.0)

    assert () == find_changes(runs(), durations).changes


def test_few_percent_are_no_change():
    """5 % of a long test is below the limit."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 40, 1.05)

    assert () == find_changes(runs(), durations).changes


def test_another_environment_is_no_change():
    """A test that is slower on another class of hosts is compared only with itself there."""
    durations = {label: slowed(series, 40, 2.0) for label, series in suite().items()}
    durations["t3"] = slowed(durations["t3"], 40, 3.0)
    classes = [*runs(40, "laptop"), *(TimedRun(f"r{at}", "ci") for at in range(40, RUNS))]

    changes = find_changes(classes, durations)

    assert () == changes.changes
    assert () == changes.suite


def test_a_change_is_detected_in_each_environment():
    """A change in both classes is reported with the runs of each."""
    durations = suite(160)
    durations["t3"] = slowed(durations["t3"], 100, 1.6)
    classes = [TimedRun(f"r{at}", "odd" if at % 2 else "even") for at in range(160)]

    changes = find_changes(classes, durations).changes

    assert [("even", "r98", "r100"), ("odd", "r99", "r101")] == [
        (change.environment, change.since, change.run) for change in changes
    ]


def test_skipped_runs_widen_the_interval():
    """The interval includes runs in which the test did not run."""
    durations = suite()
    complete = slowed(durations["t3"], 50, 1.6)
    recorded = [*range(45), *range(52, RUNS)]
    durations["t3"] = Durations(recorded, [complete.seconds[at] for at in recorded])

    (change,) = find_changes(runs(), durations).changes

    assert ("r44", "r52") == (change.since, change.until)


def test_runs_of_few_tests_are_left_out():
    """A run of one test has no machine speed, and is ignored."""
    durations = suite()
    alone = [5 * value for value in noisy(99, 20)]
    durations["t3"] = Durations(range(RUNS + 20), [*durations["t3"].seconds, *alone])

    assert () == find_changes(runs(RUNS + 20), durations).changes


def test_small_suite_is_measured_in_seconds():
    """A suite with fewer than ten tests has no machine speed, and a slower test is still reported."""
    durations = suite(tests=2)
    durations["t1"] = slowed(durations["t1"], 50, 1.5)

    assert ["t1"] == [change.label for change in find_changes(runs(), durations).changes]


def test_short_history_is_not_enough_data():
    """Ten runs are too few, and the number of such series is reported."""
    durations = suite(10, tests=20)
    durations["t3"] = slowed(durations["t3"], 5, 10.0)

    changes = find_changes(runs(10), durations)

    assert () == changes.changes
    assert 20 == changes.too_short


@pytest.mark.parametrize("seconds", [[-1.0] * RUNS, [0.0] * RUNS, []], ids=["negative", "zero", "none"])
def test_what_is_no_duration_is_no_change(seconds):
    """A user's numbers may be of any kind."""
    durations = suite()
    durations["stat"] = Durations(range(len(seconds)), seconds)

    assert () == find_changes(runs(), durations).changes


def test_nothing_gives_nothing():
    """Without runs and tests there is no change and no error."""
    assert ((), (), (), 0) == tuple(getattr(find_changes([], {}), name) for name in find_changes([], {}).__slots__)


def test_verdict_is_the_same_from_compact_arrays():
    """Arrays of the standard library take a quarter of a list's memory, and give the same result."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 1.5)
    at = array("H", range(RUNS))
    compact = {label: Durations(at, array("d", series.seconds)) for label, series in durations.items()}

    assert find_changes(runs(), durations) == find_changes(runs(), compact)


def test_verdict_does_not_depend_on_order():
    """The order of the tests does not matter."""
    durations = suite()
    durations["t3"] = slowed(durations["t3"], 50, 1.5)
    reverse = dict(reversed(durations.items()))

    assert find_changes(runs(), durations).changes == find_changes(runs(), reverse).changes


def test_suites_of_noise_are_quiet_as_they_grow():
    """Twenty unchanged tests have no change after any of their runs."""
    durations = suite()

    changes: list[DurationChange] = []
    for length in range(1, RUNS):
        so_far = {label: Durations(range(length), one.seconds[:length]) for label, one in durations.items()}
        changes.extend(find_changes(runs(length), so_far).changes)

    assert [] == changes


def environment(**replaced: object) -> str:
    """Return the environment class of a typical run with some values replaced."""
    typical = {"suite": "", "workers": 1, "provider": None, "host": "a", "cpu_count": 4, "python": "3.12.1"}
    return environment_class(**(typical | replaced))


@pytest.mark.parametrize("other", [{"suite": "unit"}, {"workers": 2}, {"host": "b"}, {"python": "3.13.0"}])
def test_environments_differ(other):
    """Suite, workers, host and Python version each make another class."""
    assert environment() != environment(**other)


@pytest.mark.parametrize("other", [{"python": "3.12.9"}, {"cpu_count": 8}, {"workers": 0}])
def test_environments_are_one(other):
    """Values that do not affect durations do not change the class."""
    assert environment() == environment(**other)


def test_ci_machines_of_one_size_are_one_class():
    """A CI provider uses another host for each run; only its size counts."""
    some = {"provider": "github"}

    assert environment(**some) == environment(**some, host="b")
    assert environment(**some) != environment(**some, cpu_count=2)


@pytest.mark.parametrize(("suite", "expected"), [("", "n1/a/3.12"), ("unit", "unit/n1/a/3.12")])
def test_an_environment_is_named_by_what_it_has(suite, expected):
    """The name is shown beside a change: a run without a suite has no gap in it."""
    assert expected == environment(suite=suite)
