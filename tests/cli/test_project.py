"""The settings of akastats in a project's pytest configuration."""

from __future__ import annotations

import pytest

from akastats.cli.project import find
from akastats.errors import ConfigError

CONFIGURED = {
    "pytest.ini": "[pytest]\nakastats_url = {}\n",
    ".pytest.ini": "[pytest]\nakastats_url={}\n",
    "tox.ini": "[tox]\nx=1\n[pytest]\nakastats_url = {}\n",
    "setup.cfg": "[metadata]\nname = %(x)s\n[tool:pytest]\nakastats_url: {}\n",
    "pyproject.toml": "[tool.pytest.ini_options]\nakastats = true\nakastats_url = '{}'\n",
    "pytest.toml": "[pytest]\nakastats_url = '{}'\n",
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_every_file_that_configures_pytest_is_read(tmp_path, name):
    """The option is read from a parent directory, despite `%` and other sections."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / name).write_text(CONFIGURED[name].format("redis://h/%7E"))

    project = find(tmp_path / "a" / "b")

    assert (project.root, project.options["akastats_url"]) == (tmp_path, "redis://h/%7E")
    assert project.file == tmp_path / name


def test_pytest_9_s_own_table(tmp_path):
    """The table `[tool.pytest]` is read as well."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest]\nakastats_url = 'redis://h'\n")

    assert find(tmp_path).options["akastats_url"] == "redis://h"


@pytest.mark.parametrize(
    ("name", "text"), [("pyproject.toml", "[project]\n"), ("tox.ini", "[tox]\n"), ("setup.cfg", "")]
)
def test_files_that_do_not_configure_pytest_are_passed_over(tmp_path, name, text):
    """The pyproject.toml of a package inside a larger project is skipped."""
    (tmp_path / "pytest.ini").write_text("")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / name).write_text(text)

    assert find(tmp_path / "package").root == tmp_path


@pytest.mark.parametrize(("name", "text"), [("pytest.ini", "[pytest\n"), ("pyproject.toml", "[tool.pytest\n")])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text):
    """A file that pytest cannot read either is one clear error."""
    (tmp_path / name).write_text(text)

    with pytest.raises(ConfigError, match=name):
        find(tmp_path)
