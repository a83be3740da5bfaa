"""Paths of findings relative to the repository, wherever pytest was started."""

from __future__ import annotations

import pytest

from akastats.report.repository_paths import RepositoryPaths


@pytest.mark.parametrize(
    ("paths", "file", "expected"),
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
def test_a_frame_s_file_is_relative_to_the_repository(paths, file, expected):
    """A relative path begins at the working directory of pytest; a path outside of the repository is empty."""
    assert expected == paths.path_of_frame(file)


def test_a_test_s_file_is_relative_to_pytest_s_root():
    """The root may differ from the working directory."""
    paths = RepositoryPaths("/repo", "/repo/services/a", "/repo")

    assert "services/a/tests/test_x.py" == paths.path_of_test("services/a/tests/test_x.py::TestX::test_y[a::b]")
    assert "services/a/shop.py" == paths.path_of_frame("shop.py")


@pytest.mark.parametrize("name", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"])
def test_the_provider_names_the_repository(name):
    """With its own variable; pytest's root is the working directory by default."""
    paths = RepositoryPaths.from_environ({name: "/repo"}, "/repo/a", "")

    assert RepositoryPaths("/repo", "/repo/a", "/repo/a") == paths


def test_without_a_provider_it_is_the_working_directory():
    """No other directory is known."""
    assert "tests/x.py" == RepositoryPaths.from_environ({}, "/home/me/shop", "").path_of_test("tests/x.py::t")
