"""Lists of duration changes, without a server."""

from __future__ import annotations

import pytest

from akastats.queries.regressions import ANY, ListQuery, group_of, select, subject_of
from tests.api.verdict_values import change, changed, run_id, verdicts


@pytest.mark.parametrize(
    ("label", "kind", "name"),
    [
        ("test::a.py::b", "test", "a.py::b"),
        ("test@unit::a.py::b[x::y@z]", "test", "a.py::b[x::y@z]"),
        ("fixture@unit::tests::db", "fixture", "tests::db"),
        ("fixture::::db", "fixture", "::db"),
        ("collect::tests/a.py", "collect", "tests/a.py"),
        ("orders::rows", "stat", "orders::rows"),
        ("rows", "stat", "rows"),
        ("test", "stat", "test"),
        ("test::", "stat", "test::"),
        ("testing::x", "stat", "testing::x"),
        ("", "suite", ""),
    ],
)
def test_label_has_a_subject(label, kind, name):
    """The plugin writes labels of tests, fixtures and files; any other label is a number of a user."""
    assert (kind, name) == subject_of(label)


CHANGES = (
    changed("test::a", 3, after=1.5),
    changed("test::b", 5, before=4.0, after=1.0),
    changed("fixture::db", 5, after=3.0),
    changed("collect::b.py", 5, after=2.0),
    changed("rows", 4),
    changed("collect::a.py", 5, after=2.0),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (ListQuery(), ["fixture::db", "collect::a.py", "collect::b.py", "rows", "test::a"]),
        (ANY, ["test::b", "fixture::db", "collect::a.py", "collect::b.py", "rows", "test::a"]),
        (ListQuery("test"), ["test::a"]),
        (ListQuery("test", faster=True), ["test::b", "test::a"]),
        (ListQuery("stat"), ["rows"]),
        (ListQuery("collect"), ["collect::a.py", "collect::b.py"]),
    ],
)
def test_newest_and_largest_change_comes_first(query, expected):
    """A quarter of the duration is as large a change as four times; equal changes are sorted by label."""
    assert expected == [each.change.label for each in select(CHANGES, query)]


def test_labels_that_changed_together_have_the_same_index():
    """A label in two groups belongs to the group whose other labels changed in the same way."""
    both = ("test::a", "test::b")
    found = verdicts(
        run_id(20),
        changes=(changed("test::a", 5), changed("test::b", 5), changed("test::a", 12), changed("test::c", 12)),
        together=(("test::a", "test::c"), both),
    )

    groups = [group_of(each.change, found) for each in found.changes]

    assert [1, 1, 0, 0] == groups


@pytest.mark.parametrize(
    "other",
    [{"at": 9}, {"at": 5, "environment": "elsewhere"}, {"at": 5, "before": 2.0, "after": 1.0}],
    ids=["run", "environment", "direction"],
)
def test_change_that_differs_is_in_no_group(other):
    """Run, environment and direction must be the same."""
    alone = change("test::a", **other)
    found = verdicts(
        run_id(20),
        changes=(changed("test::a", 5), changed("test::b", 5)),
        together=(("test::a", "test::b"),),
    )

    assert group_of(alone, found) is None


def test_changes_with_overlapping_intervals_are_in_one_group():
    """Their likeliest runs may differ."""
    wide, narrow = changed("test::a", 5, since=run_id(2), until=run_id(7)), changed("test::b", 7)
    found = verdicts(run_id(20), changes=(wide, narrow), together=(("test::a", "test::b"),))

    assert [0, 0] == [group_of(each.change, found) for each in found.changes]
