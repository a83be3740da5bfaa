"""What a report says: which failures are one, in which order, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from akastats.formatting import format_percent
from akastats.model.verdicts import ChangeVerdict, FailureVerdict, OverBudget
from akastats.report.document import Code, Document
from akastats.report.failing_tests import count_unnamed, list_failing_tests
from akastats.report.run_document import (
    display_name,
    format_counts,
    list_named_runs,
    make_document,
    newly_flaky,
    newly_slower,
)
from tests.report.given import FLAKY, OLD, ONE, RUN, TWO, change, details, everything, failure, flaky, verdicts


def titles(found: Document) -> list[str]:
    """Return the sections' titles."""
    return [section.title for section in found.sections]


def notes(found: Document) -> str:
    """Return what is noted, as words."""
    return " ".join(str(piece) for note in found.notes for piece in note)


def test_what_may_be_the_change_s_own_fault_comes_first():
    """New ones, then those of which nothing is known, then those that were there, last those that fail no run."""
    order = ["new", "not analysed", "no history", "also failing on base", "known flaky", "quarantined"]

    assert order == list(dict.fromkeys(each.label for each in list_failing_tests(*everything())))


def test_verdicts_name_what_details_do_not():
    """Of a group that is too large to be named whole, each failing test has its label all the same."""
    judged = verdicts(failures=(FailureVerdict(ONE, "new"), FailureVerdict(TWO, "new")))
    found = details(failure(ONE, count=2))

    assert [(ONE, True), (TWO, False)] == [
        (each.nodeid, bool(each.failure)) for each in list_failing_tests(found, judged)
    ]
    assert (1, 0) == (count_unnamed(found, None), count_unnamed(found, judged))


def test_tests_that_failed_alike_with_different_labels_are_apart():
    """A flaky test among those that a change broke stays flaky."""
    judged = verdicts(failures=(FailureVerdict(ONE, "new"), FailureVerdict(FLAKY, "known flaky", 0.1)))

    found = make_document(details(failure(ONE, FLAKY)), judged)

    assert ["New failures", "Known flaky"] == titles(found)
    assert [(Code(ONE),)] == [item.head for item in found.sections[0].items]


def test_only_what_is_new_is_news():
    """Flaky and slower ones that were known when judged before are in no section; faster ones neither."""
    _, judged = everything()

    assert [TWO] == [test.nodeid for test in newly_flaky(judged)]
    assert ["fixture@unit::tests::db", f"test@unit::{ONE}"] == [each.label for each in newly_slower(judged)]
    assert ["r1", "r2", "r3"] == sorted(list_named_runs(judged))


def test_news_are_ordered_by_what_they_cost():
    """Flaky tests by the runs that failed, slower ones by the seconds more."""
    judged = verdicts(
        tests=(flaky("a", runs_failed=1), flaky("b", runs_failed=3), flaky("c", state="broken")),
        changes=tuple(
            ChangeVerdict(change(label, before=before, after=after), is_new=True)
            for label, before, after in (("test::a", 1.0, 1.5), ("test::b", 0.1, 0.4), ("test::c", 1.0, 3.0))
        ),
    )

    assert ["b", "a"] == [test.nodeid for test in newly_flaky(judged)]
    assert ["test::c", "test::a", "test::b"] == [each.label for each in newly_slower(judged)]


def test_the_worst_budget_comes_first():
    """By the seconds over."""
    over = (OverBudget(ONE, 2.0, 1.5, "max_seconds"), OverBudget(TWO, 9.0, 1.5, "max_slowdown"))

    (section,) = make_document(details(), verdicts(over_budget=over)).sections

    assert [Code(TWO), Code(ONE)] == [item.head[0] for item in section.items]


def test_an_outage_and_a_missing_profile_are_noted():
    """What makes a report less worth is said in it."""
    new = tuple(FailureVerdict(f"t{number}", "new") for number in range(10))
    assert "an outage" in notes(make_document(details(), verdicts(is_outage=True, failures=new)))
    assert "an outage" not in notes(make_document(details(), verdicts(is_outage=True, failures=new[1:])))
    assert "no profile" in notes(make_document(details(has_profile=False), None))
    assert "Not enough data for a verdict: 1 duration" in notes(make_document(details(), verdicts(undecided=1)))
    assert "" == notes(make_document(details(), verdicts()))


def test_a_failure_without_words_has_its_test():
    """A failing test of which nothing more is known is named."""
    judged = verdicts(failures=(FailureVerdict(OLD, "new"),))

    (section,) = make_document(details(), judged).sections

    assert [((Code(OLD),), ())] == [(item.head, item.details) for item in section.items]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("test::a.py::t", "a.py::t"),
        ("test@unit::a.py::t", "a.py::t"),
        ("fixture@unit::tests::db", "fixture tests::db"),
        ("collect::a.py", "collect a.py"),
        ("shop::basket", "shop::basket"),
        ("test", "test"),
        ("tested::x", "tested::x"),
    ],
)
def test_a_label_is_called_by_what_it_is_of(label, name):
    """Tests by their node id, fixtures and files by their kind too, a user's own numbers as they are."""
    assert name == display_name(label)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-6, "<0.1 %"),
        (0.034, "3.4 %"),
        (0.0994, "9.9 %"),
        (0.0999, "10 %"),
        (0.125, "12.5 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_are_told_as_finely_as_they_are_known(share, text):
    """One that is not none is never told as none."""
    assert text == format_percent(share)


def test_counts_name_what_there_is():
    """What no test came to is not named; one error is no errors."""
    run = replace(RUN, failed=0, errors=1, passed=1200, collect_errors=2)

    assert "1 error, 1,200 passed, 2 not collected" == format_counts(run)
    assert "no tests" == format_counts(type(RUN)(id="r"))
