"""Profiles for tests: columns that a test does not need have neutral values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from akastats.model.profile import (
    Columns,
    ErrorColumns,
    FileColumns,
    FixtureColumns,
    Profile,
    TestColumns,
    columns_of,
    from_json,
)

NONE: Mapping[str, Sequence[Any]] = MappingProxyType({})
_NUMBERS = frozenset({"start", "setup", "call", "teardown", "count", "seconds"})


def profile_with(
    tests: Mapping[str, Sequence[Any]] = NONE,
    errors: Mapping[str, Sequence[Any]] = NONE,
    fixtures: Mapping[str, Sequence[Any]] = NONE,
    files: Mapping[str, Sequence[Any]] = NONE,
) -> Profile:
    """Return a profile with these columns."""
    return from_json(
        {
            "version": 1,
            "tests": _filled(TestColumns, tests),
            "errors": _filled(ErrorColumns, errors),
            "fixtures": _filled(FixtureColumns, fixtures),
            "files": _filled(FileColumns, files),
            "unfinished": [],
        }
    )


def _filled(table: type[Columns], given: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    size = max(map(len, given.values()), default=0)
    neutral = {name: _neutral(name, size) for name, column in columns_of(table).items() if not column.is_optional}
    return {**neutral, **{name: list(column) for name, column in given.items()}}


def _neutral(name: str, size: int) -> list[Any]:
    if name == "stats":
        return [[] for _ in range(size)]
    return [0 if name in _NUMBERS else ""] * size
