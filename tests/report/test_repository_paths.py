"""Where in the repository a finding is, from wherever pytest was started."""

from __future__ import annotations

import pytest

from akastats.report.repository_paths import RepositoryPaths


@pytest.mark.parametrize(
    ("places", "file", "found"),
    [
        (RepositoryPaths(), "shop/cart.py", "shop/cart.py"),
        (RepositoryPaths("/repo", "/repo"), "shop/cart.py", "shop/cart.py"),
        (RepositoryPaths("/repo", "/repo/services/a"), "shop/cart.py", "services/a/shop/cart.py"),
        (RepositoryPaths("/repo/", "/repo/services/a/"), "../b/x.py", "services/b/x.py"),
        (RepositoryPaths("/repo", "/repo/services/a"), "/repo/services/b/x.py", "services/b/x.py"),
        (RepositoryPaths("", "/repo/a"), "/repo/a/x.py", "x.py"),
        (RepositoryPaths("/repo", "/repo"), "/repository/x.py", ""),
        (RepositoryPaths("/repo", "/repo"), "../x.py", ""),
        (RepositoryPaths("/repo", "/elsewhere"), "x.py", ""),
        (RepositoryPaths(), "/abs/x.py", ""),
        (RepositoryPaths(), "../x.py", ""),
        (RepositoryPaths(), "./a/./b//x.py", "a/b/x.py"),
        (RepositoryPaths("/", "/app"), "x.py", "app/x.py"),
        (RepositoryPaths("D:\\a\\repo", "D:\\a\\repo\\sub"), "shop\\cart.py", "sub/shop/cart.py"),
        (RepositoryPaths("D:\\a\\repo", "D:\\a\\repo"), "D:\\a\\repo\\x.py", "x.py"),
        (RepositoryPaths(), "", ""),
        (RepositoryPaths(), ".", ""),
        (RepositoryPaths(), "a\0b.py", ""),
    ],
)
def test_a_frame_s_file_is_counted_from_the_repository(paths, file, found):
    """Relative ones from where pytest was started; what is not in the repository has no place in it."""
    assert found == paths.path_of_frame(file)


def test_a_test_s_file_is_counted_from_pytest_s_root():
    """Which may be another directory than the one it was started in."""
    paths = RepositoryPaths("/repo", "/repo/services/a", "/repo")

    assert "services/a/tests/test_x.py" == paths.path_of_test("services/a/tests/test_x.py::TestX::test_y[a::b]")
    assert "services/a/shop.py" == paths.path_of_frame("shop.py")


@pytest.mark.parametrize("name", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"])
def test_the_repository_is_where_the_provider_says(name):
    """Each by its own variable; pytest's root is where it was started unless it is told."""
    paths = RepositoryPaths.from_environ({name: "/repo"}, "/repo/a", "")

    assert RepositoryPaths("/repo", "/repo/a", "/repo/a") == paths


def test_outside_of_a_provider_it_is_where_pytest_was_started():
    """Nothing else is known."""
    assert "tests/x.py" == RepositoryPaths.from_environ({}, "/home/me/shop", "").path_of_test("tests/x.py::t")
