"""The state of a test, by its history."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akastats.analysis.flakiness.classification import MAX_EVIDENCE, Vote, classify
from tests.analysis.histories import ATTEMPTS, drawn


@pytest.mark.parametrize(
    ("history", "state"),
    [
        ("", "new"),
        ("....", "new"),
        (".....", "healthy"),
        ("f", "new"),
        ("ff", "new"),
        # Proof: the test failed and passed on one commit.
        ("." * 100 + "x", "flaky"),
        (".x", "flaky"),
        ("." * 50 + "x" + "." * 100, "flaky"),
        # Without reruns: the failures are scattered.
        ("." * 50 + "f" + "." * 50 + "f" + "." * 50, "flaky"),
        ("fffffff." * 20, "flaky"),
        ("." * 20 + "f.f..f..f.ff" * 4, "flaky"),
        # Breakages: the failures last, and end with a fix.
        ("." * 50 + "ffffffff" + "." * 50, "healthy"),
        ("." * 50 + "ffffffff" + "." * 50 + "ffffffff" + "." * 50, "healthy"),
        ("." * 50 + "ff" + "." * 100, "healthy"),
        ("." * 50 + "FF" + "." * 100, "healthy"),
        ("." * 50 + "f" + "." * 149, "healthy"),
        # Broken: the test fails until now. A test that always fails is not flaky.
        ("fff", "broken"),
        ("f" * 200, "broken"),
        ("F" * 200, "broken"),
        ("." * 100 + "fff", "broken"),
        ("." * 100 + "F", "broken"),
        ("x..xx.x..x" * 10 + "f" * 30, "broken"),
        # Not enough data.
        ("." * 100 + "f", "undecided"),
        (".....f.....", "undecided"),
        # Healthy again: the lower the failure rate was, the more passes this takes.
        ("x..xx.x..x" * 10 + "." * 5, "flaky"),
        ("x..xx.x..x" * 10 + "." * 30, "healthy"),
        ("x........." * 10 + "." * 30, "flaky"),
        ("x........." * 10 + "." * 120, "healthy"),
        # A test that was flaky and then fixed is broken when it fails again.
        ("x..xx.x..x" * 10 + "." * 100 + "F", "broken"),
    ],
)
def test_states(history, state):
    """The state is the best explanation of the history."""
    assert classify(drawn(history)).state == state


def test_outages_are_no_evidence():
    """A test that failed only in outages is healthy, even if a rerun passed."""
    votes = drawn("." * 50 + "x" + "." * 50)

    assert [classify(votes, out).state for out in ((), {"r50"})] == ["flaky", "healthy"]


def test_an_outage_that_stays_breaks():
    """A test that never passed again is broken, whatever else failed with it."""
    votes = drawn("." * 50 + "fff")

    assert classify(votes, {"r50", "r51", "r52"}).state == "broken"


def test_one_commit_has_one_verdict():
    """Thirty nightly runs of one commit count as one commit."""
    nightly = [Vote(f"n{at}", "c", failed=False) for at in range(30)]
    failing = [Vote(f"f{at}", "d", failed=True) for at in range(30)]

    assert classify(nightly).state == "new"
    assert classify([*drawn("." * 20), *failing]).segments[-1].failed == 1


def test_runs_of_one_commit_contradict_each_other():
    """Two jobs on one commit are proof without a rerun; only the failing run is evidence."""
    votes = [*drawn("." * 20), Vote("one", "c", failed=True), Vote("two", "c", failed=False)]

    flakiness = classify(votes)

    assert (flakiness.state, flakiness.evidence) == ("flaky", ("one",))


def test_runs_of_unknown_commits_do_not():
    """Without a commit the code may differ between two runs."""
    votes = [*drawn("." * 20), Vote("one", None, failed=True), Vote("two", None, failed=False)]

    assert classify(votes).state == "undecided"


def test_a_rerun_contradicts_without_a_commit():
    """Within one run the code is the same."""
    votes = [*drawn("." * 20), Vote("one", None, failed=True), Vote("one", None, failed=False, retried=True)]

    assert classify(votes).state == "flaky"


def test_the_rate_is_of_first_attempts():
    """Reruns do not reduce it, and its interval contains the observed share."""
    flakiness = classify(drawn("x........." * 20))

    assert flakiness.rate == pytest.approx(20.3 / 200.8)
    assert 0.06 < flakiness.low < 0.1 < flakiness.high < 0.15


def test_a_breakage_is_not_in_the_rate():
    """The rate of a flaky test does not include breakages."""
    flakiness = classify(drawn("x........." * 10 + "F" * 8 + "x........." * 10))

    assert (flakiness.state, flakiness.rate) == ("flaky", pytest.approx(20.3 / 200.8))


def test_evidence_is_named_newest_first_and_bounded():
    """For a broken test, the runs of its breakage; for a flaky test, the runs with proof."""
    assert classify(drawn("." * 20 + "ffff")).evidence == ("r23", "r22", "r21", "r20")
    assert classify(drawn("." * 20 + "F" + "." * 20 + "x" + "." * 20)).evidence == ("r41",)
    assert len(classify(drawn("x." * 100)).evidence) == MAX_EVIDENCE


def test_segments_have_their_first_run():
    """Each segment has its first and last run, and its failed runs."""
    segments = classify(drawn("." * 30 + "f" * 8 + "." * 30 + "x." * 20)).segments

    assert [(each.first, each.last, each.commits) for each in segments] == [
        ("r0", "r29", 30),
        ("r30", "r37", 8),
        ("r38", "r67", 30),
        ("r68", "r107", 40),
    ]
    assert [(each.failed, each.contradictions) for each in segments] == [(0, 0), (8, 0), (0, 0), (20, 20)]


@given(st.text(alphabet="".join(ATTEMPTS), max_size=120), st.sets(st.integers(0, 119)))
def test_any_history_has_a_consistent_verdict(history, out):
    """For any history, the rate is in its interval, evidence failed, and flakiness has proof."""
    votes = drawn(history)
    outages = {f"r{at}" for at in out}

    flakiness = classify(votes, outages)

    assert 0 <= flakiness.low <= flakiness.high <= 1
    assert 0 <= flakiness.rate <= 1
    assert set(flakiness.evidence) <= {vote.run for vote in votes if vote.failed}
    assert (flakiness.state == "flaky") <= (0.5 <= flakiness.probability <= 1)
    assert flakiness.state != "flaky" or set(history) - {"F"} != {"f"}


@given(st.integers(3, 300), st.sampled_from("fF"))
def test_always_failing_is_broken(length, letter):
    """For any length, with and without reruns."""
    assert classify(drawn(letter * length)).state == "broken"
