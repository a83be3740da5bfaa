"""Find the project of a directory, and its pytest configuration."""

from __future__ import annotations

import configparser
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from akastats.errors import ConfigError

#: Section by file name. pytest reads the first file of `_NAMES` in the nearest directory that configures it.
_INI = {"pytest.ini": "pytest", ".pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}
_NAMES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class Project:
    """Project of a directory.

    root: Directory of the configuration file; if there is none, the directory that was searched.
    options: String options of pytest, by name.
    file: Configuration file, `None` if there is none.
    """

    root: Path
    options: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None


def find(directory: Path) -> Project:
    """Return the project of `directory`; its root is `directory` if no file configures pytest."""
    for root in (directory, *directory.parents):
        for name in _NAMES:
            options = _options(root / name)
            if options is not None:
                return Project(root, options, root / name)
    return Project(directory)


def _options(path: Path) -> Mapping[str, str] | None:
    """Return the pytest options of a file; `None` if it does not exist or does not configure pytest."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    try:
        section = _ini(text, path.name) if path.name in _INI else _toml(text, path.name)
    except (configparser.Error, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"cannot read {path}: {first}") from error
    # An empty pytest.ini also configures pytest.
    if section is None and not path.name.removeprefix(".").startswith("pytest."):
        return None
    return {name: value.strip() for name, value in (section or {}).items() if isinstance(value, str)}


def _ini(text: str, name: str) -> Mapping[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    section = _INI[name]
    return dict(parser[section]) if parser.has_section(section) else None


def _toml(text: str, name: str) -> Mapping[str, Any] | None:
    # On Python 3.10 pytest requires tomli.
    tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    tables = list(_tables(tomllib.loads(text), name))
    return {key: value for table in tables for key, value in table.items()} if tables else None


def _tables(content: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the tables that pytest reads; `[tool.pytest]` is read since pytest 9."""
    tool = content if name != "pyproject.toml" else content.get("tool", {})
    for table in (tool.get("pytest"), (tool.get("pytest") or {}).get("ini_options")):
        if isinstance(table, dict):
            yield table
