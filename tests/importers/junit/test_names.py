"""Which test a case is, in each framework's reports."""

from __future__ import annotations

import pytest

from akastats.importers.junit.names import is_from_pytest, make_node_id
from akastats.importers.junit.report import Case, Suite

PYTEST = Suite("pytest")


@pytest.mark.parametrize(
    ("classname", "name", "expected"),
    [
        ("test_a", "test_b", "test_a.py::test_b"),
        ("tests.unit.test_a", "test_b[1]", "tests/unit/test_a.py::test_b[1]"),
        ("tests.test_a.TestC", "test_b", "tests/test_a.py::TestC::test_b"),
        ("tests.test_a.TestC.TestD", "test_b[a::b.c]", "tests/test_a.py::TestC::TestD::test_b[a::b.c]"),
        ("tests.a_test.lower", "test_b", "tests/a_test.py::lower::test_b"),
        ("test_dir.test_a.TestC", "test_b", "test_dir/test_a.py::TestC::test_b"),
        ("checks.basket.Adding", "check_it", "checks/basket.py::Adding::check_it"),
        ("checks.basket", "check_it", "checks/basket.py::check_it"),
        ("src.shop.basket", "shop.basket.add", "src/shop/basket.py::shop.basket.add"),
        ("docs.guide.rst", "guide.rst", "docs/guide.rst::guide.rst"),
        ("guide.rst", "guide.rst", "guide.rst::guide.rst"),
        ("", "tests.test_broken", "tests/test_broken.py"),
    ],
)
def test_pytests_own_node_ids(classname, name, expected):
    """The plugin records the same node ids, so that a history continues where the reports end."""
    assert make_node_id(Case(PYTEST, classname, name)) == expected


def test_the_file_attribute_separates_file_and_class():
    """With `junit_family = xunit1` the report contains the file."""
    case = Case(PYTEST, "checks.Basket.Adding", "check_it", file="checks/Basket.py")

    assert make_node_id(case) == "checks/Basket.py::Adding::check_it"


def test_the_file_of_an_inherited_test_is_another_one():
    """The file is where a test was written, the class name where it ran."""
    case = Case(PYTEST, "tests.test_a.TestC", "test_b", file="tests/base.py")

    assert make_node_id(case) == "tests/test_a.py::TestC::test_b"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case(Suite("renamed"), "tests.test_a", "test_b[1]"), True),
        (Case(Suite("renamed"), "checks.basket", "check_it", file="checks/basket.py"), True),
        (Case(Suite("org.example.BasketTest"), "org.example.BasketTest", "testAdd"), False),
        (Case(Suite("example.org/shop/basket_test"), "basket_test", "TestAdd"), False),
        (Case(Suite("basket"), "basket adds", "basket adds"), False),
    ],
)
def test_pytests_reports_are_recognised(case, expected):
    """Also with another suite name; reports of other programs are not taken for pytest's."""
    assert is_from_pytest(case) == expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case(Suite("basket"), "basket adds", "basket adds"), "basket::basket adds"),
        (Case(Suite("basket", "a.test.js"), "basket", "adds"), "a.test.js::basket::adds"),
        (Case(Suite("basket", "a.test.js"), "basket adds", "basket adds"), "a.test.js::basket adds"),
        (Case(Suite("example.org/shop/basket"), "basket", "TestAdd/sub"), "example.org/shop/basket::TestAdd/sub"),
        (Case(Suite("org.example.A"), "org.example.A", "adds"), "org.example.A::adds"),
        (Case(Suite("whatever"), "org.example.A", "adds"), "org.example.A::adds"),
        (Case(Suite(), "", "adds"), "adds"),
        (Case(Suite("s"), "", "adds"), "s::adds"),
    ],
)
def test_others_are_named_by_where_they_stand(case, expected):
    """By file, class or suite, without repetition."""
    assert make_node_id(case) == expected
