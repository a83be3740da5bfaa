"""The test for an argument: a node id, or a unique part of one."""

from __future__ import annotations

import pytest

from akastats.cli.node_ids import MAX_LISTED, find, find_by_part, with_tests
from akastats.errors import NotFoundError
from akastats.model.results import NamedTest

ADD, ADD_ALL = NamedTest("", "test_cart.py::test_add"), NamedTest("", "test_cart.py::test_add_all")
NIGHTLY = NamedTest("nightly", "test_cart.py::test_add")


def test_an_exact_node_id_wins() -> None:
    """It is also a part of another node id."""
    assert ADD == find([ADD_ALL, ADD, NIGHTLY], ADD.nodeid, "")


def test_a_unique_part_is_enough() -> None:
    """A part that no node id contains finds no test."""
    assert ADD_ALL == find([ADD, ADD_ALL], "add_all", "")
    assert find([ADD, ADD_ALL], "remove", "") is None


def test_an_ambiguous_part_is_an_error_with_the_tests() -> None:
    """Each suggestion names its suite if that is not the requested one."""
    with pytest.raises(NotFoundError) as caught:
        find_by_part([ADD, NIGHTLY], "test_add", "")

    assert str(caught.value) == (
        "'test_add' matches 2 tests; did you mean test_cart.py::test_add, test_cart.py::test_add --suite=nightly?"
    )


def test_suggestions_are_shell_arguments() -> None:
    """A node id with parameters is quoted."""
    error = with_tests("unknown test", [NamedTest("", "a.py::b[x y]")], "")

    assert error == "unknown test; did you mean 'a.py::b[x y]'?"


def test_many_suggestions_are_counted() -> None:
    """A message lists at most 20 tests; without tests it stays as it is."""
    tests = [NamedTest("", f"a.py::test_{number}") for number in range(MAX_LISTED + 2)]

    assert with_tests("unknown test", tests, "").endswith("a.py::test_19 and 2 more?")
    assert with_tests("unknown test", [], "") == "unknown test"
