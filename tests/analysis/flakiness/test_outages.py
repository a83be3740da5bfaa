"""Runs that are no evidence."""

from __future__ import annotations

from random import Random

import pytest

from akastats.analysis.flakiness.outages import RunFailures, outages


def quiet(tests, runs=60, failing=frozenset()):
    """Return runs in which only these tests fail."""
    return [RunFailures(f"r{at}", tests, frozenset(failing)) for at in range(runs)]


def names(*numbers):
    """Return the names of tests."""
    return frozenset(f"t{number}" for number in numbers)


def failing(tests, share, seed=1):
    """Return about this share of a suite."""
    random = Random(seed)
    return names(*(number for number in range(tests) if random.random() < share))


@pytest.mark.parametrize("tests", [100, 400, 10_000])
@pytest.mark.parametrize("share", [0.06, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("usual", [0.0, 0.01])
def test_an_outage_is_seen(tests, share, usual):
    """Of 6 % of a suite as of all of it, and whatever fails in it usually."""
    often = names(*range(int(usual * tests)))
    runs = quiet(tests, failing=often)
    runs[30] = RunFailures("r30", tests, often | names(*range(tests - int(share * tests), tests)))

    assert outages(runs).about("t0") == {"r30"}


def test_one_at_the_end_is_seen():
    """The newest run is judged by those before it."""
    runs = [*quiet(400), RunFailures("new", 400, failing(400, 0.3))]

    assert outages(runs).about("t0") == {"new"}


@pytest.mark.parametrize(("tests", "count"), [(10, 2), (50, 1), (1000, 25)])
def test_a_few_failures_are_no_outage(tests, count):
    """In a small suite one test is a large share; in a large one a change breaks some tests."""
    runs = quiet(tests)
    runs[30] = RunFailures("r30", tests, names(*range(count)))

    assert outages(runs).about("t0") == frozenset()


def test_three_tests_of_ten_are_an_outage():
    """In a small suite it takes three tests: two are a breakage, as above."""
    runs = quiet(10)
    runs[30] = RunFailures("r30", 10, names(0, 1, 2))

    assert outages(runs).about("t9") == {"r30"}


def test_five_runs_have_a_usual():
    """The fifth run is the first that can be judged."""
    runs = [*quiet(400, runs=4), RunFailures("r4", 400, failing(400, 0.5))]

    assert outages(runs).about("t0") == {"r4"}


def test_a_suite_that_fails_a_lot_has_no_outage_each_time():
    """Where a tenth of the suite fails at random in each run, that is its usual."""
    runs = [RunFailures(f"r{at}", 400, failing(400, 0.1, seed=at)) for at in range(100)]

    assert len(outages(runs).about("t0")) <= 1


def test_tests_that_fail_often_hide_no_outage():
    """Where a quarter of the suite fails in every second run, 6 % of the others failing at once are seen."""
    runs = [RunFailures(f"r{at}", 400, names(*(n for n in range(100) if (n * 7 + at) % 2))) for at in range(40)]
    noisy = [run._replace(failing=run.failing - failing(100, 0.3, seed=at)) for at, run in enumerate(runs)]
    noisy[20] = noisy[20]._replace(failing=names(*range(0, 100, 4), *range(200, 224)))

    assert outages(noisy).about("t0") == {"r20"}


def test_a_new_level_becomes_the_usual():
    """What is broken since twenty runs is no outage any longer."""
    runs = quiet(400, runs=60)
    runs += [RunFailures(f"n{at}", 400, failing(400, 0.2)) for at in range(60)]

    assert outages(runs).about("t0") <= {f"n{at}" for at in range(20)}


def test_a_short_history_has_no_usual():
    """With four runs there is nothing to compare with; a run without tests says nothing."""
    runs = [*quiet(400, runs=3), RunFailures("r3", 400, failing(400, 0.5)), RunFailures("empty", 0, frozenset())]

    assert outages(runs).about("t0") == frozenset()


def test_the_same_tests_failing_together_are_flaky():
    """A group that fails in some runs is no outage for its tests, and what else fails there is left out."""
    group, others = names(*range(40)), names(*range(100, 130))
    runs = quiet(400)
    for at in (5, 20, 33, 48):
        runs[at] = RunFailures(f"r{at}", 400, group)
    runs[48] = RunFailures("r48", 400, group | others)

    found = outages(runs)

    assert found.about("t0") == frozenset()
    assert found.about("t100") == {"r5", "r20", "r33", "r48"}


def test_three_times_the_same_are_enough():
    """A group that failed together three times is flaky, one that did twice is not yet."""
    runs = quiet(400)
    for at in (5, 20, 33):
        runs[at] = RunFailures(f"r{at}", 400, names(*range(40)))

    assert outages(runs).about("t0") == frozenset()


@pytest.mark.parametrize(("size", "times"), [(40, 2), (120, 4)])
def test_an_outage_may_recur(size, times):
    """Twice the same may be chance, and an outage may take the same third of the suite each time."""
    runs = quiet(400)
    for at in range(times):
        runs[10 * at] = RunFailures(f"r{10 * at}", 400, names(*range(size)))

    assert len(outages(runs).about("t0")) == times
