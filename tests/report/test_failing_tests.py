"""The failing tests of a run, with labels and failures."""

from __future__ import annotations

from akastats.model.verdicts import FailureVerdict
from akastats.report.failing_tests import count_unnamed, list_failing_tests
from tests.report.examples import FLAKY, OLD, ONE, TWO, YOUNG, details, failure, verdicts


def test_failures_that_the_change_may_have_caused_come_first() -> None:
    """Tests of one label stay in the order of the run."""
    labelled = verdicts(
        failures=(
            FailureVerdict(OLD, "also failing on base"),
            FailureVerdict(FLAKY, "known flaky", 0.12),
            FailureVerdict(YOUNG, None),
            FailureVerdict(TWO, "new"),
            FailureVerdict(ONE, "new"),
        )
    )

    tests = list_failing_tests(details(failure(OLD, ONE), failure(FLAKY, TWO)), labelled)

    assert [(each.nodeid, each.label, each.rate) for each in tests] == [
        (ONE, "new", None),
        (TWO, "new", None),
        (YOUNG, "no history", None),
        (OLD, "also failing on base", None),
        (FLAKY, "known flaky", 0.12),
    ]


def test_each_test_has_its_first_failure() -> None:
    """A test that only the verdicts name has none."""
    first, second = failure(ONE), failure(ONE, TWO, fingerprint="f2")

    tests = list_failing_tests(details(first, second), verdicts(failures=(FailureVerdict(OLD, "new"),)))

    assert {ONE: first, TWO: second, OLD: None} == {each.nodeid: each.failure for each in tests}


def test_without_verdicts_no_failure_is_analysed() -> None:
    """The label is the reason."""
    assert [(ONE, "not analysed")] == [
        (each.nodeid, each.label) for each in list_failing_tests(details(failure(ONE)), None)
    ]


def test_failures_without_a_name_are_counted() -> None:
    """The details omit tests beyond their limits; the verdicts may name some of them."""
    run = details(failure(ONE, count=4), failing_left_out=2)

    assert count_unnamed(run, None) == 5
    assert count_unnamed(run, verdicts(failures=(FailureVerdict(ONE, "new"), FailureVerdict(TWO, "new")))) == 4
