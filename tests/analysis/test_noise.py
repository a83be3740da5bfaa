"""Differences between two runs that are more than noise."""

from __future__ import annotations

from akastats.analysis.comparison import LastAttempt, compare
from akastats.analysis.noise import Side, separate_noise
from akastats.model.verdicts import ChangeVerdict, DurationChange, FailureVerdict, Outlier, UnhealthyTest, Verdicts

NOW, BASE = "r9", "r1"


def names(now, base, of_now=None, of_base=None, ids=(NOW, BASE)):
    """Return the tests in each list of a comparison that is not empty."""
    comparison = compare(
        {name: LastAttempt(outcome, seconds) for name, (outcome, seconds) in now.items()},
        {name: LastAttempt(outcome, seconds) for name, (outcome, seconds) in base.items()},
    )
    sides = [Side(run, of) for run, of in zip(ids, (of_now, of_base), strict=True)]
    separated = separate_noise(comparison, *sides, prefix="test::")
    return {name: [each.nodeid for each in changes] for name, changes in vars(separated).items() if changes}


def verdicts(**fields):
    """Return verdicts of a run."""
    return Verdicts(run=NOW, suite="", branch="main", base="main", runs=20, **fields)


def changed(nodeid, run, after=0.5):
    """Return a change of the level of a test at a run."""
    change = DurationChange(f"test::{nodeid}", "e", 0.1, after, 1.0, 9.0, "r0", run, run, 5, 1e-9, 1.0)
    return ChangeVerdict(change, is_new=False)


FAST, SLOW = {"t": ("passed", 0.1)}, {"t": ("passed", 0.5)}
PASSED, FAILED = {"t": ("passed", 0.1)}, {"t": ("failed", 0.1)}


def test_a_single_difference_is_noise():
    """Without verdicts, and with verdicts that do not contain the test."""
    assert names(SLOW, FAST) == names(SLOW, FAST, verdicts()) == {"noise": ["t"]}
    assert names(FAST, SLOW) == {"noise": ["t"]}


def test_an_outlier_is_a_difference():
    """An outlier of this run, or of the base if this run is typical again."""
    outlier = verdicts(outliers=(Outlier("t", 0.5, 0.1),))

    assert names(SLOW, FAST, outlier) == {"slower": ["t"]}
    assert names(FAST, SLOW, None, outlier) == {"faster": ["t"]}
    assert names(FAST, SLOW, outlier) == {"noise": ["t"]}


def test_a_change_between_the_runs_is_a_difference():
    """A change before the base or in the other direction is not an explanation."""
    assert names(SLOW, FAST, verdicts(changes=(changed("t", "r5"),))) == {"slower": ["t"]}
    assert names(SLOW, FAST, verdicts(changes=(changed("t", "r1"),))) == {"noise": ["t"]}
    assert names(SLOW, FAST, verdicts(changes=(changed("t", "r5", 0.05),))) == {"noise": ["t"]}


def test_a_change_is_detected_from_either_side():
    """If the other run is newer, its verdicts contain the change."""
    later = verdicts(changes=(changed("t", "r5"),))

    assert names(FAST, SLOW, None, later, ids=(BASE, NOW)) == {"faster": ["t"]}


def test_a_failure_has_the_label_of_its_run():
    """Only a new failure is newly failing; without a label the failure counts as new."""
    labels = ("new", None, "known flaky", "also failing on base", "quarantined")
    lists = [names(FAILED, PASSED, verdicts(failures=(FailureVerdict("t", label),))) for label in labels]

    assert lists == [{"newly_failing": ["t"]}] * 2 + [{"noise": ["t"]}] * 3
    assert names(FAILED, PASSED) == {"newly_failing": ["t"]}


def test_flaky_tests_and_tests_after_an_outage_are_not_fixed():
    """The verdicts of the run decide."""
    flaky = verdicts(tests=(UnhealthyTest("t", "flaky", 0.1, 0.05, 0.2, 1.0),))

    assert names(PASSED, FAILED) == names(PASSED, FAILED, verdicts(), verdicts()) == {"fixed": ["t"]}
    assert names(PASSED, FAILED, flaky) == {"noise": ["t"]}
    assert names(PASSED, FAILED, None, verdicts(failures=(FailureVerdict("t", "known flaky", 0.1),))) == {
        "noise": ["t"]
    }
    assert names(PASSED, FAILED, verdicts(), verdicts(is_outage=True)) == {"noise": ["t"]}
