"""Contents of a report: groups of failures, their order and the words."""

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
from tests.report.examples import (
    FLAKY,
    OLD,
    ONE,
    RUN,
    TWO,
    change,
    details,
    everything,
    failure,
    finding,
    flaky,
    verdicts,
)


def titles(report: Document) -> list[str]:
    """Return the titles of the sections."""
    return [section.title for section in report.sections]


def notes(report: Document) -> str:
    """Return the notes as text."""
    return " ".join(str(piece) for note in report.notes for piece in note)


def test_possible_faults_of_the_change_are_first():
    """New failures, then those without a label, then earlier ones, then those that do not fail a run."""
    order = ["new", "not analysed", "no history", "also failing on base", "known flaky", "quarantined"]

    assert order == list(dict.fromkeys(each.label for each in list_failing_tests(*everything())))


def test_verdicts_name_tests_that_details_omit():
    """Each failing test of a large group still has its label."""
    run_verdicts = verdicts(failures=(FailureVerdict(ONE, "new"), FailureVerdict(TWO, "new")))
    run_details = details(failure(ONE, count=2))

    assert [(ONE, True), (TWO, False)] == [
        (each.nodeid, bool(each.failure)) for each in list_failing_tests(run_details, run_verdicts)
    ]
    assert (1, 0) == (count_unnamed(run_details, None), count_unnamed(run_details, run_verdicts))


def test_equal_failures_with_different_labels_are_separate():
    """A flaky test among those that a change broke stays flaky."""
    run_verdicts = verdicts(failures=(FailureVerdict(ONE, "new"), FailureVerdict(FLAKY, "known flaky", 0.1)))

    report = make_document(details(failure(ONE, FLAKY)), run_verdicts)

    assert ["New failures", "Known flaky"] == titles(report)
    assert [(Code(ONE),)] == [item.head for item in report.sections[0].items]


def test_only_new_findings_have_a_section():
    """Tests that were already flaky or slower in earlier verdicts are omitted, and so are faster ones."""
    _, run_verdicts = everything()

    assert [TWO] == [test.nodeid for test in newly_flaky(run_verdicts)]
    assert ["fixture@unit::tests::db", f"test@unit::{ONE}"] == [each.label for each in newly_slower(run_verdicts)]
    assert ["r1", "r2", "r3"] == sorted(list_named_runs(run_verdicts))


def test_findings_are_ordered_by_their_cost():
    """Flaky tests by failed runs, slower ones by additional seconds."""
    run_verdicts = verdicts(
        tests=(flaky("a", runs_failed=1), flaky("b", runs_failed=3), flaky("c", state="broken")),
        changes=tuple(
            ChangeVerdict(change(label, before=before, after=after), is_new=True)
            for label, before, after in (("test::a", 1.0, 1.5), ("test::b", 0.1, 0.4), ("test::c", 1.0, 3.0))
        ),
    )

    assert ["b", "a"] == [test.nodeid for test in newly_flaky(run_verdicts)]
    assert ["test::c", "test::a", "test::b"] == [each.label for each in newly_slower(run_verdicts)]


def test_the_worst_budget_comes_first():
    """By the seconds above the limit."""
    over = (OverBudget(ONE, 2.0, 1.5, "max_seconds"), OverBudget(TWO, 9.0, 1.5, "max_slowdown"))

    (section,) = make_document(details(), verdicts(over_budget=over)).sections

    assert [Code(TWO), Code(ONE)] == [item.head[0] for item in section.items]


def test_an_outage_and_a_missing_profile_are_noted():
    """The report names its own limits."""
    new = tuple(FailureVerdict(f"t{number}", "new") for number in range(10))
    assert "an outage" in notes(make_document(details(), verdicts(is_outage=True, failures=new)))
    assert "an outage" not in notes(make_document(details(), verdicts(is_outage=True, failures=new[1:])))
    assert "no profile" in notes(make_document(details(has_profile=False), None))
    assert "Not enough data for a verdict: 1 duration" in notes(make_document(details(), verdicts(undecided=1)))
    assert "" == notes(make_document(details(), verdicts()))


def test_a_failure_without_a_message_has_its_test():
    """A failing test without details is named."""
    run_verdicts = verdicts(failures=(FailureVerdict(OLD, "new"),))

    (section,) = make_document(details(), run_verdicts).sections

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
def test_a_label_has_a_readable_name(label, name):
    """Tests by node id, fixtures and files with their kind, a user's own numbers unchanged."""
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
def test_small_shares_are_not_rounded_to_zero(share, text):
    """Only a share of zero is written as 0."""
    assert text == format_percent(share)


def test_counts_omit_empty_outcomes():
    """And one error is not "1 errors"."""
    run = replace(RUN, failed=0, errors=1, passed=1200, collect_errors=2)

    assert "1 error, 1,200 passed, 2 not collected" == format_counts(run)
    assert "no tests" == format_counts(type(RUN)(id="r"))


def test_a_report_ends_with_possible_savings():
    """Their titles contain names of tests, so they are code."""
    section = make_document(*everything(), {}, [finding()]).sections[-1]

    (item,) = section.items
    assert ("Possible savings", 1) == (section.title, section.count)
    assert ("3.80 s (66%): ", Code("Fixture catalogue is set up 36 times")) == item.head
    assert (('Give it scope="session".',),) == item.details
