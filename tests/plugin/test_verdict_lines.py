"""What a run means, as the terminal says it."""

from __future__ import annotations

import pytest

from akastats.spool.shipper_answer import RunVerdicts, decode_verdicts
from pytest_akastats.verdict_lines import format_verdicts


def told(**changes) -> RunVerdicts:
    """Return the verdicts of a quiet run with some changes, from the JSON of the state file."""
    quiet = {
        "runs": 20,
        "base": "main",
        "labels": {},
        "unlabelled": 0,
        "failures": [],
        "flaky": [],
        "slower": [],
        "suite": [],
        "over_budget": [],
        "fixed": [],
        "news": {"flaky": 0, "slower": 0, "over_budget": 0, "fixed": 0},
        "seconds": 12.3,
        "usual_seconds": 12.1,
        "pace": 1.021,
        "is_outage": False,
    }
    return decode_verdicts(quiet | changes | {"news": quiet["news"] | changes.get("news", {})})


def change(name="a.py::t", before=0.1, after=0.5, since="r7", is_suspected=False):
    """Return a slowdown."""
    return {
        "name": name,
        "before": before,
        "after": after,
        "ratio": 5.0,
        "since": since,
        "is_suspected": is_suspected,
    }


def test_a_quiet_run_is_one_line():
    """Nothing is to be done, and the suite takes what it takes."""
    assert ["  suite: 12.30 s, typical 12.10 s; machine speed normal"] == format_verdicts(told())


def test_a_first_run_says_nothing():
    """There is nothing to compare it with."""
    assert [] == format_verdicts(told(usual_seconds=None, pace=None))


def test_what_is_in_quarantine_is_counted_and_not_named():
    """The lines before these have named it."""
    labels = {"known flaky": 1, "quarantined": 2}
    failures = [["a::y", "known flaky", 0.5], ["a::q", "quarantined", None], ["a::r", "quarantined", None]]

    lines = format_verdicts(told(labels=labels, failures=failures, usual_seconds=None))

    assert [
        "  failures: 1 known flaky, 2 quarantined; compared with main",
        "    known flaky 50 %       a::y",
    ] == lines
    assert [] == format_verdicts(told(labels={"quarantined": 2}, failures=failures[1:], usual_seconds=None))


def test_failures_with_their_labels():
    """The first question of a red run, and the base by its name."""
    labels = {"new": 1, "known flaky": 1, "also failing on base": 1}
    failures = [["a::x", "new", None], ["a::y", "known flaky", 0.123], ["a::z", "also failing on base", None]]

    lines = format_verdicts(told(labels=labels, failures=failures))

    assert [
        "  failures: 1 new, 1 known flaky, 1 also failing on main",
        "    new                    a::x",
        "    known flaky 12.3 %     a::y",
        "    also failing on main   a::z",
    ] == lines[:4]


def test_the_column_is_as_wide_as_a_branch_is_long():
    """And without a name the base is the base."""
    failures = [["a::x", "new", None], ["a::z", "also failing on base", None]]

    named = format_verdicts(told(labels={"new": 1}, failures=failures, base="release/2026-11"))
    unnamed = format_verdicts(told(labels={"also failing on base": 1}, failures=failures[1:], base=""))

    assert ["    new                             a::x", "    also failing on release/2026-11 a::z"] == named[1:3]
    assert ["  failures: 1 also failing on base", "    also failing on base   a::z"] == unnamed[:2]


def test_what_was_fixed_is_one_line():
    """Some are named, the rest is counted."""
    one, many = ([f"a.py::t{number}" for number in range(count)] for count in (1, 5))

    assert "  fixed: 1                 a.py::t0" == format_verdicts(told(fixed=one, news={"fixed": 1}))[0]
    assert (
        "  fixed: 5                 a.py::t0, a.py::t1 and 3 more"
        == format_verdicts(told(fixed=many, news={"fixed": 5}))[0]
    )


def test_failures_without_a_history():
    """Not everything can be known, and that is said."""
    lines = format_verdicts(told(unlabelled=1, failures=[["a::x", None, None]]))

    assert ["  failures: 1 with no history", "    no history             a::x"] == lines[:2]


def test_failures_that_are_not_named_are_counted():
    """The last name says how many follow it; those in quarantine are named elsewhere."""
    failures = [[f"a::t{number}", None, None] for number in range(7)] + [["a::q", "quarantined", None]]

    lines = format_verdicts(told(labels={"quarantined": 1}, unlabelled=7, failures=failures, usual_seconds=None))

    assert "  failures: 1 quarantined, 7 with no history" == lines[0]
    assert [f"    no history             a::t{number}" for number in range(4)] == lines[1:5]
    assert ["    no history             a::t4 and 2 more"] == lines[5:]


@pytest.mark.parametrize(
    ("kind", "row", "named"),
    [("flaky", ["a::t", 0.1], 2), ("slower", change(), 3), ("over_budget", ["a::t", 2.0, 1.5, "max_seconds"], 1)],
)
def test_news_that_is_not_named_is_counted(kind, row, named):
    """Also where the shipper has told of fewer than there are; a complete list has no such note."""
    cut = format_verdicts(told(**{kind: [row] * (named + 1)}, news={kind: 300}, usual_seconds=None))
    complete = format_verdicts(told(**{kind: [row] * named}, news={kind: named}, usual_seconds=None))

    assert (1 + named, True) == (len(cut), cut[-1].endswith(f"t and {300 - named} more"))
    assert [False] * (1 + named) == ["more" in line for line in complete]


def test_names_left_out_to_fit_are_counted():
    """A list that is cut further for want of lines counts these names too."""
    lines = format_verdicts(
        told(
            labels={"new": 5},
            failures=[[f"a::t{number}", "new", None] for number in range(5)],
            flaky=[[f"a::f{number}", 0.1] for number in range(2)],
            slower=[change(f"s{number}") for number in range(3)],
            over_budget=[["a::o", 2.0, 1.5, "max_slowdown"]],
            fixed=["a::w"],
            news={"flaky": 2, "slower": 3, "over_budget": 1, "fixed": 1},
        )
    )

    assert 15 == len(lines)
    assert "    100 ms -> 500 ms       s0 and 2 more" in lines


def test_news_of_each_kind():
    """A suspicion has a question mark."""
    lines = format_verdicts(
        told(
            flaky=[["a::x", 0.1]],
            slower=[change(is_suspected=True)],
            over_budget=[["a::y", 2.0, 1.5, "max_seconds"]],
            suite=[change("", 10.0, 12.0)],
            news={"flaky": 1, "slower": 1, "over_budget": 1},
        )
    )

    assert [
        "  newly flaky: 1",
        "    fails 10 %             a::x",
        "  newly slower: 1",
        "    100 ms -> 500 ms?      a.py::t",
        "  over budget: 1",
        "    2.00 s > 1.50 s        a::y",
        "  suite: 12.30 s, typical 12.10 s; machine speed normal; slower since run r7",
    ] == lines


def test_never_more_than_fifteen_lines():
    """However much there is to say: the rest is counted."""
    many = [[f"a::t{number}", "new", None] for number in range(100)]

    lines = format_verdicts(
        told(
            labels={"new": 100},
            failures=many,
            flaky=[[f"a::f{number}", 0.1] for number in range(100)],
            slower=[change(f"s{number}") for number in range(100)],
            over_budget=[[f"a::o{number}", 2.0, 1.5, "max_slowdown"] for number in range(100)],
            fixed=[f"a::w{number}" for number in range(100)],
            news={"flaky": 300, "slower": 100, "over_budget": 100, "fixed": 100},
            is_outage=True,
        )
    )

    assert 15 == len(lines)
    assert "  newly flaky: 300" in lines
    assert "  newly slower: 100" in lines
    assert ["  over budget: 100", "    2.00 s > 1.50 s        a::o0 and 99 more"] == lines[-3:-1]
    assert 5 == sum(line.startswith("    new ") for line in lines)
    assert "a::w0, a::w1 and 98 more" in "".join(lines)
    assert lines[-1].startswith("  suite:")
    assert "far more failures than in other runs: probably an outage" in lines[0]


def test_what_would_move_a_terminal_is_shown_escaped():
    """A node id may hold anything."""
    lines = format_verdicts(told(labels={"new": 1}, failures=[["a::t[\x1b[2J]", "new", None]]))

    assert "\x1b" not in "".join(lines)


def test_long_names_keep_their_end():
    """There the test is."""
    lines = format_verdicts(told(labels={"new": 1}, failures=[["d/" * 200 + "a.py::t", "new", None]]))

    assert lines[1].endswith("a.py::t")
    assert len(lines[1]) < 140


def test_the_branch_that_failures_are_compared_with_is_named_once():
    """By a label, else behind the counts; where nothing was compared it is not."""
    new = format_verdicts(told(labels={"new": 1}, failures=[["a::x", "new", None]], base="develop"))
    also = format_verdicts(
        told(labels={"also failing on base": 1}, failures=[["a::x", "also failing on base", None]], base="develop")
    )
    nothing = format_verdicts(told(labels={}, unlabelled=1, failures=[["a::x", None, None]], base="develop"))

    assert [
        "  failures: 1 new; compared with develop",
        "  failures: 1 also failing on develop",
        "  failures: 1 with no history",
    ] == [new[0], also[0], nothing[0]]
