"""Profiles for tests: columns that a test does not need have neutral values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from akastats.model.profile import (
    BuildColumns,
    Columns,
    ErrorColumns,
    FileColumns,
    FixtureColumns,
    ImportColumns,
    ProcessColumns,
    Profile,
    SampleColumns,
    TestColumns,
    columns_of,
    from_json,
)

NONE: Mapping[str, Sequence[Any]] = MappingProxyType({})
_SAMPLED = ("time", "memory", "peak", "cpu", "threads", "children")
_NUMBERS = frozenset({"start", "setup", "call", "teardown", "count", "seconds", "modules", "own", *_SAMPLED})


def profile_with(
    tests: Mapping[str, Sequence[Any]] = NONE,
    errors: Mapping[str, Sequence[Any]] = NONE,
    fixtures: Mapping[str, Sequence[Any]] = NONE,
    files: Mapping[str, Sequence[Any]] = NONE,
    processes: Mapping[str, Sequence[Any]] = NONE,
    imports: Mapping[str, Sequence[Any]] = NONE,
    builds: Mapping[str, Sequence[Any]] = NONE,
    fixture_sets: Sequence[Sequence[str]] = (),
    implicit_sets: Sequence[Sequence[str]] = (),
    samples: Mapping[str, Sequence[Any]] = NONE,
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
            "processes": _filled(ProcessColumns, processes),
            "imports": _filled(ImportColumns, imports),
            "builds": _filled(BuildColumns, builds),
            "fixture_sets": list(map(list, fixture_sets)),
            "implicit_sets": list(map(list, implicit_sets)),
            "samples": _filled(SampleColumns, samples),
        }
    )


def _filled(table: type[Columns], given: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    size = max(map(len, given.values()), default=0)
    neutral = {
        name: _neutral(table, name, size) for name, column in columns_of(table).items() if not column.is_optional
    }
    return {**neutral, **{name: list(column) for name, column in given.items()}}


def _neutral(table: type[Columns], name: str, size: int) -> list[Any]:
    if name == "stats":
        return [[] for _ in range(size)]
    if table is ProcessColumns and name != "worker":
        return [None] * size
    return [0 if name in _NUMBERS else ""] * size
