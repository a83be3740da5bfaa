"""Runs that are not evidence, because far more tests failed than is typical."""

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
@pytest.mark.parametrize("typical", [0.0, 0.01])
def test_an_outage_is_detected(tests, share, typical):
    """An outage of 6 % to 100 % of the suite, with and without typical failures."""
    often = names(*range(int(typical * tests)))
    runs = quiet(tests, failing=often)
    runs[30] = RunFailures("r30", tests, often | names(*range(tests - int(share * tests), tests)))

    assert outages(runs).about("t0") == {"r30"}


def test_an_outage_in_the_newest_run_is_detected():
    """The newest run is compared with the runs before it."""
    runs = [*quiet(400), RunFailures("new", 400, failing(400, 0.3))]

    assert outages(runs).about("t0") == {"new"}


@pytest.mark.parametrize(("tests", "count"), [(10, 2), (50, 1), (1000, 25)])
def test_a_few_failures_are_no_outage(tests, count):
    """In a small suite one test is a large share; in a large one a change breaks some tests."""
    runs = quiet(tests)
    runs[30] = RunFailures("r30", tests, names(*range(count)))

    assert outages(runs).about("t0") == frozenset()


def test_three_tests_of_ten_are_an_outage():
    """In a small suite three tests are an outage, but two are a breakage."""
    runs = quiet(10)
    runs[30] = RunFailures("r30", 10, names(0, 1, 2))

    assert outages(runs).about("t9") == {"r30"}


def test_five_runs_have_a_typical_share():
    """The fifth run is the first that can be an outage."""
    runs = [*quiet(400, runs=4), RunFailures("r4", 400, failing(400, 0.5))]

    assert outages(runs).about("t0") == {"r4"}


def test_a_suite_that_fails_a_lot_has_no_outage_each_time():
    """A tenth of the suite fails at random in each run, which is typical."""
    runs = [RunFailures(f"r{at}", 400, failing(400, 0.1, seed=at)) for at in range(100)]

    assert len(outages(runs).about("t0")) <= 1


def test_tests_that_fail_often_hide_no_outage():
    """A quarter of the suite fails in every second run, and an outage of 6 % of the others is detected."""
    runs = [RunFailures(f"r{at}", 400, names(*(n for n in range(100) if (n * 7 + at) % 2))) for at in range(40)]
    noisy = [run._replace(failing=run.failing - failing(100, 0.3, seed=at)) for at, run in enumerate(runs)]
    noisy[20] = noisy[20]._replace(failing=names(*range(0, 100, 4), *range(200, 224)))

    assert outages(noisy).about("t0") == {"r20"}


def test_a_new_level_becomes_typical():
    """Tests that have been broken for twenty runs are no longer an outage."""
    runs = quiet(400, runs=60)
    runs += [RunFailures(f"n{at}", 400, failing(400, 0.2)) for at in range(60)]

    assert outages(runs).about("t0") <= {f"n{at}" for at in range(20)}


def test_a_short_history_has_no_typical_share():
    """Four runs are too few for a comparison, and a run without tests has no share."""
    runs = [*quiet(400, runs=3), RunFailures("r3", 400, failing(400, 0.5)), RunFailures("empty", 0, frozenset())]

    assert outages(runs).about("t0") == frozenset()


def test_the_same_tests_failing_together_are_flaky():
    """A group that fails in several runs is flaky, and other failures of these runs are excluded."""
    group, others = names(*range(40)), names(*range(100, 130))
    runs = quiet(400)
    for at in (5, 20, 33, 48):
        runs[at] = RunFailures(f"r{at}", 400, group)
    runs[48] = RunFailures("r48", 400, group | others)

    excluded = outages(runs)

    assert excluded.about("t0") == frozenset()
    assert excluded.about("t100") == {"r5", "r20", "r33", "r48"}


def test_three_times_the_same_are_enough():
    """A group that failed together three times is flaky; twice is not enough."""
    runs = quiet(400)
    for at in (5, 20, 33):
        runs[at] = RunFailures(f"r{at}", 400, names(*range(40)))

    assert outages(runs).about("t0") == frozenset()


@pytest.mark.parametrize(("size", "times"), [(40, 2), (120, 4)])
def test_an_outage_may_recur(size, times):
    """Twice may be chance, and an outage can affect the same third of the suite each time."""
    runs = quiet(400)
    for at in range(times):
        runs[10 * at] = RunFailures(f"r{10 * at}", 400, names(*range(size)))

    assert len(outages(runs).about("t0")) == times
