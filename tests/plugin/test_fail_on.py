"""Which exit code a run has with `--akastats-fail-on`."""

from __future__ import annotations

import pytest

from akastats.spool.shipper_answer import Answer, decode
from pytest_akastats.fail_on import decide


def answer(runs=20, labels=None, slower=0, over_budget=0, suite=0, unlabelled=0, collect_errors=0, failed=None):
    """Return what the shipper says of a run, in which as many tests failed as have labels."""
    labels = labels or {}
    failed = sum(labels.values()) if failed is None else failed
    content = {
        "counts": {"collect_errors": collect_errors, "failed": failed, "errors": 0},
        "verdicts": {
            "runs": runs,
            "labels": labels,
            "unlabelled": unlabelled,
            "suite": [{"name": "", "before": 1.0, "after": 2.0}] * suite,
            "news": {"flaky": 3, "slower": slower, "over_budget": over_budget},
        },
    }
    return decode(content)


@pytest.mark.parametrize(
    ("wanted", "exit_code", "told", "decided"),
    [
        ({"new"}, 1, {"labels": {"new": 1, "known flaky": 2}}, 1),
        ({"new"}, 1, {"labels": {"known flaky": 2}}, 0),
        ({"new"}, 1, {"labels": {"also failing on base": 2}}, 0),
        ({"new"}, 0, {"labels": {"quarantined": 2}}, 0),
        ({"new"}, 0, {"slower": 2}, 0),
        ({"slower"}, 0, {"slower": 2}, 1),
        ({"slower"}, 0, {"over_budget": 1}, 1),
        ({"slower"}, 0, {"suite": 1}, 1),
        ({"slower"}, 0, {}, 0),
        ({"slower"}, 1, {"labels": {"known flaky": 1}}, 1),
        ({"slower"}, 1, {"labels": {"new": 1}}, 1),
        ({"slower"}, 1, {}, 1),
        ({"slower"}, 0, {"labels": {"quarantined": 1}}, 0),
        ({"new", "slower"}, 1, {"labels": {"known flaky": 1}, "slower": 1}, 1),
        ({"new", "slower"}, 1, {"labels": {"known flaky": 1}}, 0),
        (set(), 1, {"labels": {"known flaky": 2}}, 1),
        (set(), 0, {"slower": 2}, 0),
    ],
)
def test_only_what_is_asked_for_fails(wanted, exit_code, told, decided):
    """Of failing tests new ones, with `new`; slower ones too, with `slower`; by default nothing changes."""
    assert decided == decide(wanted, exit_code, answer(**told), was_stopped=False).exit_code


@pytest.mark.parametrize("exit_code", [2, 3, 4, 5])
def test_what_is_no_result_of_tests_stays(exit_code):
    """Interrupted, an internal error, wrong usage, nothing collected."""
    assert exit_code == decide({"new", "slower"}, exit_code, answer(slower=1), was_stopped=False).exit_code


@pytest.mark.parametrize(
    ("told", "was_stopped", "reason"),
    [
        (answer(runs=5), False, "4 earlier runs recorded, 5 needed"),
        (answer(unlabelled=1), False, "no base to compare with"),
        (answer(labels={"known flaky": 1}), True, "not all tests have run"),
        (answer(labels={"known flaky": 1}, collect_errors=1), False, "could not be collected"),
        (answer(labels={"known flaky": 2000}, failed=2001), False, "not every failure has a label"),
        (Answer(), False, "verdicts were not ready in time"),
        (Answer(analysis_error="ServerError: away"), False, "ServerError: away"),
        (None, False, "verdicts were not ready in time"),
    ],
)
@pytest.mark.parametrize("exit_code", [0, 1])
def test_where_too_little_is_known_the_tests_own_result_stands(told, was_stopped, reason, exit_code):
    """It neither hides a failure nor makes one, and says why."""
    decided = decide({"new", "slower"}, exit_code, told, was_stopped)

    assert exit_code == decided.exit_code
    assert reason in decided.reason


def test_a_run_that_passes_in_spite_of_failures_says_so():
    """Who reads `2 failed` and an exit code of 0 wants to know."""
    decided = decide({"new"}, 1, answer(labels={"known flaky": 2}), was_stopped=False)

    assert (0, "no failure is new: this run passes (--akastats-fail-on)") == decided


def test_a_run_that_fails_says_on_what():
    """Counted, since the lines above name them."""
    told = answer(labels={"new": 2}, slower=1, over_budget=1)

    decided = decide({"new", "slower"}, 1, told, was_stopped=False)

    assert "this run fails: 2 new failures and 2 slower or over budget (--akastats-fail-on)" == decided.reason


def test_one_failure_is_one():
    """And what did not happen is not counted."""
    decided = decide({"new"}, 1, answer(labels={"new": 1}, slower=3), was_stopped=False)

    assert "this run fails: 1 new failure (--akastats-fail-on)" == decided.reason


@pytest.mark.parametrize("labels", [{}, {"quarantined": 2}])
def test_what_no_test_made_fail_still_fails(labels):
    """pytest-cov's limit and the like end a run with the same exit code as failing tests."""
    decided = decide({"new"}, 1, answer(labels=labels), was_stopped=False)

    assert (1, True) == (decided.exit_code, "a reason other than a test" in decided.reason)


@pytest.mark.parametrize("exit_code", [0, 1])
def test_what_was_not_recorded_as_it_was_is_not_decided_on(exit_code):
    """A failure may be what the full disk took, or the list of what is in quarantine may have come too late."""
    told = answer(labels={"known flaky": 1}, slower=1)

    decided = decide({"new", "slower"}, exit_code, told, was_stopped=False, problem="no room on the disk")

    assert (exit_code, True) == (decided.exit_code, "no room on the disk" in decided.reason)
