"""Suggestions of similarly named tests for an unknown node id."""

from __future__ import annotations

import pytest

from akastats.model.results import NamedTest
from akastats.queries.suggestions import find_most_similar

EXPORTS = [NamedTest("", f"tests/test_orders.py::test_export[{form}]") for form in ("csv", "json", "x::y")]
ELSEWHERE = NamedTest("", "tests/test_mail.py::TestMail::test_export")
OTHERS = [NamedTest("", "tests/test_orders.py::test_exports"), NamedTest("", "tests/test_orders.py::test_import")]


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("tests/test_orders.py::test_export", [*EXPORTS, ELSEWHERE]),
        ("tests/test_orders.py::test_export[xml]", [*EXPORTS, ELSEWHERE]),
        ("test_orders.py::test_export", [*EXPORTS, ELSEWHERE]),
        ("test_orders.py::test_export[xml]", [*EXPORTS, ELSEWHERE]),
        ("test_export", [ELSEWHERE, *EXPORTS]),
        ("TestMail::test_export", [ELSEWHERE, *EXPORTS]),
        ("tests/test_orders.py::test_unknown", []),
        ("tests/test_orders.py::", []),
        ("", []),
    ],
)
def test_tests_with_the_same_name_are_suggested(nodeid, expected):
    """Parameters, path or class may differ; a longer function name is another test."""
    assert expected == find_most_similar([*OTHERS, *EXPORTS, ELSEWHERE], nodeid, "")


def test_the_same_test_of_another_suite_comes_first():
    """The client did not give the suite."""
    tests = [*EXPORTS, NamedTest("unit", "tests/test_orders.py::test_export")]

    assert tests[-1] == find_most_similar(tests, "tests/test_orders.py::test_export", "")[0]


def test_at_most_five_tests_are_suggested():
    """An error message is one line."""
    tests = [NamedTest("", f"a.py::t[{number}]") for number in range(100)]

    assert 5 == len(find_most_similar(tests, "a.py::t", ""))
