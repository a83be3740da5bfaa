"""Which server a command speaks to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from akastats.cli import targets
from akastats.cli.targets import resolve
from akastats.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project's root."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_nothing_said_is_the_embedded_server(here):
    """Without any configuration it is the project's own."""
    found = resolve("", "", None, {}, here)

    assert (found.is_embedded, found.directory) == (True, here / ".akastats")


def test_the_nearest_akastats_counts(here):
    """From a folder below, the nearest `.akastats` upwards is used."""
    (here / "a" / "b").mkdir(parents=True)
    (here / "a" / ".akastats").mkdir()

    assert resolve("", "", None, {}, here / "a" / "b").directory == here / "a" / ".akastats"


def test_without_any_it_would_be_at_the_project_s_root(here):
    """There pytest makes it."""
    (here / "a").mkdir()

    assert resolve("", "", None, {}, here / "a").directory == here / ".akastats"


def test_the_order_is_the_plugin_s(here):
    """Option before configuration file before environment."""
    environ = {"AKA_STATS_REDIS_URL": "redis://environment"}

    by_environment = resolve("", "", None, environ, here)
    (here / "pytest.ini").write_text("[pytest]\nakastats_url = redis://file\nakastats_namespace = N\n")
    by_file = resolve("", "", None, environ, here)
    by_option = resolve("redis://option", "M", None, environ, here)

    assert [found.config.redis_url for found in (by_environment, by_file, by_option)] == [
        "redis://environment",
        "redis://file",
        "redis://option",
    ]
    assert [found.config.namespace for found in (by_environment, by_file, by_option)] == ["AKA-STATS", "N", "M"]


def test_a_directory_on_the_command_line_means_its_embedded_server(here):
    """Whoever names one wants it, whatever the environment says."""
    found = resolve("", "", Path("x"), {"AKA_STATS_REDIS_URL": "redis://environment"}, here)

    assert (found.is_embedded, found.directory) == (True, here / "x")


def test_a_configured_directory_is_below_the_root(here):
    """`akastats_dir` counts from where pytest counts it."""
    (here / "a").mkdir()
    (here / "pytest.ini").write_text("[pytest]\nakastats_dir = build/stats\n")

    assert resolve("", "", None, {}, here / "a").directory == here / "build" / "stats"


def test_credentials_are_not_shown(here):
    """What is printed of a URL has no password."""
    assert resolve("redis://me:secret@h", "", None, {}, here).display_name == "redis://h"


def test_a_wrong_url_in_the_file_names_the_file(here):
    """The error says where to look."""
    (here / "pytest.ini").write_text("[pytest]\nakastats_url = localhost:6379\n")

    with pytest.raises(ConfigError, match=r"akastats_url in .*pytest\.ini"):
        resolve("", "", None, {}, here)


@pytest.mark.parametrize("border", ["repository", "home", "shared", "project"])
def test_an_akastats_above_the_border_is_a_stranger_s(here, border):
    """Above the repository's root, the home directory or a directory open to all, anybody can have put one."""
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
    """It may lead to any directory."""
    (here / "a").mkdir()
    (here / "elsewhere").mkdir()
    (here / "a" / ".akastats").symlink_to(here / "elsewhere")

    assert targets._nearest(here / "a", here, {"HOME": str(here / "a")}) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")
def test_an_akastats_of_another_user_is_passed_over(here):
    """The nearest one of this user counts."""
    for place in (here / ".akastats", here / "a" / ".akastats"):
        place.mkdir(parents=True)
    os.chown(here / "a" / ".akastats", 12345, 12345)

    assert targets._nearest(here / "a", here, {"HOME": str(here)}) == here / ".akastats"
