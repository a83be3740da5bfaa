"""Node ids as they are recorded: the same test has the same name in every run, and two tests have two."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_akastats.names import RecordedNames, remove_group
from tests.plugin.conftest import Record


@pytest.mark.parametrize(
    ("nodeid", "name", "expected"),
    [
        ("a.py::test_one", "test_one", "a.py::test_one"),
        ("a.py::test_one@db", "test_one", "a.py::test_one"),
        ("pkgs/@acme/a.py::test_one", "test_one", "pkgs/@acme/a.py::test_one"),
        ("pkgs/@acme/a.py::test_one@db", "test_one", "pkgs/@acme/a.py::test_one"),
        ("pkgs/@acme/a.py::TestIt::test_one", "TestIt.test_one", "pkgs/@acme/a.py::TestIt::test_one"),
        ("a.py::test_one[x@y]", "test_one[x@y]", "a.py::test_one[x@y]"),
        ("a.py::test_one[x::y]@db", "test_one[x::y]", "a.py::test_one[x::y]"),
        ("mail.yaml::send to me@here", "send to me@here", "mail.yaml::send to me@here"),
        ("mail.yaml::send to me@here@db", "send to me@here", "mail.yaml::send to me@here"),
        ("a.py::a.f@db", "[doctest] a.f", "a.py::a.f"),
        ("custom.txt::case@db", "", "custom.txt::case"),
    ],
)
def test_only_a_group_of_xdist_is_removed(nodeid: str, name: str, expected: str) -> None:
    """An `@` of a path, a parameter or a name is part of the node id."""
    assert expected == remove_group(nodeid, ("a.py", 1, name))


def item(nodeid: str, **indices: int) -> Any:
    """An item as pytest makes it: its node id, and where its parameters stand in their lists."""
    return SimpleNamespace(nodeid=nodeid, callspec=SimpleNamespace(indices=indices))


def test_addresses_are_masked_and_their_tests_stay_apart() -> None:
    """A test has one name in all runs, whichever others run and in which order."""
    first, second = "a.py::t[<A object at 0x7f0011>]", "a.py::t[<A object at 0x7f0022>]"
    moved = "a.py::t[<A object at 0x55ff33>]"

    names = RecordedNames(str, lambda: [item(second, a=1), item(first, a=0)])
    alone = RecordedNames(str, lambda: [item(moved, a=1)])

    assert ["a.py::t[<A object at 0x...>]", "a.py::t[<A object at 0x...>-1]"] == [names(first), names(second)]
    assert "a.py::t[<A object at 0x...>-1]" == alone(moved)
    assert "2 node ids contain memory addresses, recorded as 0x..." in names.notice
    assert "1 node id contains a memory address, recorded as 0x..." in alone.notice


@pytest.mark.parametrize("nodeid", ["a.py::t[0x7f0011]", "a.py::t[look at 0xff]", "a.py::t[1]"])
def test_a_number_is_no_address(nodeid: str) -> None:
    """What a test was given stays in its name, and nothing is said of it."""
    names = RecordedNames(str, list)

    assert (nodeid, "") == (names(nodeid), names.notice)


def test_a_run_says_that_it_masked_addresses(pytester: pytest.Pytester, record: Record) -> None:
    """The tests have a history under the masked names, and the terminal says why."""
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.parametrize("value", [object(), object()], ids=repr)
        def test_it(value): pass
        """
    )

    recorded = record()

    expected = ["test_it[<object object at 0x...>-1]", "test_it[<object object at 0x...>]"]
    assert expected == sorted(recorded.outcomes)
    recorded.result.stdout.fnmatch_lines(["akastats: 2 node ids contain memory addresses, recorded as 0x...*"])
