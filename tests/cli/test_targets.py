"""The server that a command uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from akastats.cli import targets
from akastats.cli.targets import resolve
from akastats.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The root of a project."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_without_configuration_the_embedded_server_is_used(here):
    """It is the embedded server of the project."""
    target = resolve("", "", None, {}, here)

    assert (target.is_embedded, target.directory) == (True, here / ".akastats")


def test_the_nearest_akastats_counts(here):
    """In a subdirectory, the nearest `.akastats` above it is used."""
    (here / "a" / "b").mkdir(parents=True)
    (here / "a" / ".akastats").mkdir()

    assert resolve("", "", None, {}, here / "a" / "b").directory == here / "a" / ".akastats"


def test_without_any_it_would_be_at_the_project_s_root(here):
    """pytest creates it there."""
    (here / "a").mkdir()

    assert resolve("", "", None, {}, here / "a").directory == here / ".akastats"


def test_the_order_is_the_plugin_s(here):
    """Options precede the configuration file, which precedes the environment."""
    environ = {"AKA_STATS_REDIS_URL": "redis://environment"}

    by_environment = resolve("", "", None, environ, here)
    (here / "pytest.ini").write_text("[pytest]\nakastats_url = redis://file\nakastats_namespace = N\n")
    by_file = resolve("", "", None, environ, here)
    by_option = resolve("redis://option", "M", None, environ, here)

    assert [target.config.redis_url for target in (by_environment, by_file, by_option)] == [
        "redis://environment",
        "redis://file",
        "redis://option",
    ]
    assert [target.config.namespace for target in (by_environment, by_file, by_option)] == ["AKA-STATS", "N", "M"]


def test_a_directory_on_the_command_line_means_its_embedded_server(here):
    """`--dir` has precedence over the environment."""
    target = resolve("", "", Path("x"), {"AKA_STATS_REDIS_URL": "redis://environment"}, here)

    assert (target.is_embedded, target.directory) == (True, here / "x")


def test_a_configured_directory_is_below_the_root(here):
    """`akastats_dir` is relative to pytest's root directory."""
    (here / "a").mkdir()
    (here / "pytest.ini").write_text("[pytest]\nakastats_dir = build/stats\n")

    assert resolve("", "", None, {}, here / "a").directory == here / "build" / "stats"


def test_credentials_are_not_shown(here):
    """A printed URL has no password."""
    assert resolve("redis://me:secret@h", "", None, {}, here).display_name == "redis://h"


def test_a_wrong_url_in_the_file_names_the_file(here):
    """The error names the file."""
    (here / "pytest.ini").write_text("[pytest]\nakastats_url = localhost:6379\n")

    with pytest.raises(ConfigError, match=r"akastats_url in .*pytest\.ini"):
        resolve("", "", None, {}, here)


@pytest.mark.parametrize("border", ["repository", "home", "shared", "project"])
def test_an_akastats_above_the_border_is_a_stranger_s(here, border):
    """Other users can create one above the repository, the home directory or a world-writable directory."""
    (here / ".akastats").mkdir()
    root = here / "root"
    (root / "a").mkdir(parents=True)
    if border == "repository":
        (root / ".git").mkdir()
    if border == "shared":
        here.chmod(0o1777)
    environ = {"HOME": str(root)} if border == "home" else {}

    assert targets._nearest(root / "a", root if border == "project" else here, environ) is None
    (root / ".akastats").mkdir()
    assert targets._nearest(root / "a", root if border == "project" else here, environ) == root / ".akastats"


def test_a_link_is_no_akastats(here):
    """A symbolic link may lead to any directory."""
    (here / "a").mkdir()
    (here / "elsewhere").mkdir()
    (here / "a" / ".akastats").symlink_to(here / "elsewhere")

    assert targets._nearest(here / "a", here, {"HOME": str(here / "a")}) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_an_akastats_of_another_user_is_passed_over(here):
    """The nearest one of this user is used."""
    for directory in (here / ".akastats", here / "a" / ".akastats"):
        directory.mkdir(parents=True)
    os.chown(here / "a" / ".akastats", 12345, 12345)

    assert targets._nearest(here / "a", here, {"HOME": str(here)}) == here / ".akastats"
