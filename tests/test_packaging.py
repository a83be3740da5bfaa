"""The two distributions agree, and no published wheel requires a directory of a checkout."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
CODE = (CHECKOUT / "pyproject.toml").read_text()
ENTRY_POINT = (CHECKOUT / "packaging" / "pytest-akastats" / "pyproject.toml").read_text()


def version_in(text: str) -> str:
    """Return the version that a pyproject.toml declares."""
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert found
    return found[1]


def test_the_entry_point_requires_the_code_of_its_own_version() -> None:
    required = re.findall(r'"akastats(?:\[\w+\])?==(.+?)"', ENTRY_POINT)

    assert {version_in(CODE)} == {version_in(ENTRY_POINT), *required}


def test_each_extra_for_users_is_passed_on() -> None:
    assert {"embedded", "api", "testing", "all"} == set(re.findall(r"akastats\[(\w+)\]==", ENTRY_POINT))


def test_the_code_itself_declares_no_entry_point_of_pytest() -> None:
    """pytest would read the code's list of files in every session."""
    assert "pytest11" not in CODE


def test_a_source_distribution_leaves_out_the_directory_that_only_checkouts_require() -> None:
    included = re.search(r"\[tool.hatch.build.targets.sdist\]\ninclude = (\[.+\])", CODE)

    assert included
    assert '"packaging/dependencies.py"' in included[1]
    assert "pytest-akastats" not in included[1]
