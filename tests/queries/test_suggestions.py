"""Which tests are offered to somebody who named one that is not known."""

from __future__ import annotations

import pytest

from akastats.model.results import NamedTest
from akastats.queries.suggestions import find_most_similar

EXPORTS = [NamedTest("", f"tests/test_orders.py::test_export[{form}]") for form in ("csv", "json", "x::y")]
ELSEWHERE = NamedTest("", "tests/test_mail.py::TestMail::test_export")
OTHERS = [NamedTest("", "tests/test_orders.py::test_exports"), NamedTest("", "tests/test_orders.py::test_import")]


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("tests/test_orders.py::test_export", [*EXPORTS, ELSEWHERE]),
        ("tests/test_orders.py::test_export[xml]", [*EXPORTS, ELSEWHERE]),
        ("test_orders.py::test_export", [*EXPORTS, ELSEWHERE]),
        ("test_orders.py::test_export[xml]", [*EXPORTS, ELSEWHERE]),
        ("test_export", [ELSEWHERE, *EXPORTS]),
        ("TestMail::test_export", [ELSEWHERE, *EXPORTS]),
        ("tests/test_orders.py::test_nobody", []),
        ("tests/test_orders.py::", []),
        ("", []),
    ],
)
def test_tests_of_the_same_name_are_offered(asked, offered):
    """Parameters, a path or a class were left out; a name that is another is another test."""
    assert offered == find_most_similar([*OTHERS, *EXPORTS, ELSEWHERE], asked, "")


def test_the_same_test_of_another_suite_comes_first():
    """It was recorded with a suite's name."""
    known = [*EXPORTS, NamedTest("unit", "tests/test_orders.py::test_export")]

    assert known[-1] == find_most_similar(known, "tests/test_orders.py::test_export", "")[0]


def test_no_more_than_five_are_offered():
    """A line is to be read."""
    known = [NamedTest("", f"a.py::t[{number}]") for number in range(100)]

    assert 5 == len(find_most_similar(known, "a.py::t", ""))
