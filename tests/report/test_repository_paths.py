"""Where in the repository a finding is, from wherever pytest was started."""

from __future__ import annotations

import pytest

from akastats.report.repository_paths import Places


@pytest.mark.parametrize(
    ("places", "file", "found"),
    [
        (Places(), "shop/cart.py", "shop/cart.py"),
        (Places("/repo", "/repo"), "shop/cart.py", "shop/cart.py"),
        (Places("/repo", "/repo/services/a"), "shop/cart.py", "services/a/shop/cart.py"),
        (Places("/repo/", "/repo/services/a/"), "../b/x.py", "services/b/x.py"),
        (Places("/repo", "/repo/services/a"), "/repo/services/b/x.py", "services/b/x.py"),
        (Places("", "/repo/a"), "/repo/a/x.py", "x.py"),
        (Places("/repo", "/repo"), "/repository/x.py", ""),
        (Places("/repo", "/repo"), "../x.py", ""),
        (Places("/repo", "/elsewhere"), "x.py", ""),
        (Places(), "/abs/x.py", ""),
        (Places(), "../x.py", ""),
        (Places(), "./a/./b//x.py", "a/b/x.py"),
        (Places("/", "/app"), "x.py", "app/x.py"),
        (Places("D:\\a\\repo", "D:\\a\\repo\\sub"), "shop\\cart.py", "sub/shop/cart.py"),
        (Places("D:\\a\\repo", "D:\\a\\repo"), "D:\\a\\repo\\x.py", "x.py"),
        (Places(), "", ""),
        (Places(), ".", ""),
        (Places(), "a\0b.py", ""),
    ],
)
def test_a_frame_s_file_is_counted_from_the_repository(places, file, found):
    """Relative ones from where pytest was started; what is not in the repository has no place in it."""
    assert found == places.of_frame(file)


def test_a_test_s_file_is_counted_from_pytest_s_root():
    """Which may be another directory than the one it was started in."""
    places = Places("/repo", "/repo/services/a", "/repo")

    assert "services/a/tests/test_x.py" == places.of_test("services/a/tests/test_x.py::TestX::test_y[a::b]")
    assert "services/a/shop.py" == places.of_frame("shop.py")


@pytest.mark.parametrize("name", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"])
def test_the_repository_is_where_the_provider_says(name):
    """Each by its own variable; pytest's root is where it was started unless it is told."""
    places = Places.of({name: "/repo"}, "/repo/a", "")

    assert Places("/repo", "/repo/a", "/repo/a") == places


def test_outside_of_a_provider_it_is_where_pytest_was_started():
    """Nothing else is known."""
    assert "tests/x.py" == Places.of({}, "/home/me/shop", "").of_test("tests/x.py::t")
