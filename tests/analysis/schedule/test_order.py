"""Order of tests: the longest first, groups of shared fixtures together."""

from __future__ import annotations

from akastats.analysis.schedule.order import sort_longest_first

NONE: frozenset[str] = frozenset()
DB, API = frozenset({"db a.py"}), frozenset({"db b.py"})


def test_the_longest_test_is_first() -> None:
    """Equal ones keep their order."""
    assert [2, 0, 3, 1] == sort_longest_first([2.0, 1.0, 3.0, 2.0], [NONE] * 4)


def test_tests_that_share_a_fixture_stay_together() -> None:
    """Sorted by the sum of the group, in their order."""
    assert [2, 3, 0, 1, 4] == sort_longest_first([1.0, 3.0, 4.0, 2.0, 3.5], [DB, DB, API, API, NONE])


def test_workers_begin_with_equal_shares() -> None:
    """`load` gives each of two workers a quarter of its even share first, here two tests."""
    order = sort_longest_first([1.0] * 12 + [9.0, 8.0, 5.0, 4.0], [NONE] * 16, workers=2, dist="load")

    assert [12, 15, 13, 14] == order[:4]
    assert list(range(12)) == order[4:]


def test_worksteal_divides_all_tests() -> None:
    """Each worker begins with half of them."""
    order = sort_longest_first([1.0, 2.0, 5.0, 4.0], [NONE] * 4, workers=2, dist="worksteal")

    assert [2, 0, 3, 1] == order


def test_a_group_that_is_too_large_for_a_first_share_follows() -> None:
    """It is not divided."""
    order = sort_longest_first([3.0, 3.0, 3.0] + [1.0] * 5, [DB] * 3 + [NONE] * 5, workers=2, dist="load")

    assert [3, 5, 4, 6] == order[:4]
    assert [0, 1, 2, 7] == order[4:]


def test_no_tests_have_no_order() -> None:
    """Nothing was collected."""
    assert [] == sort_longest_first([], [])
