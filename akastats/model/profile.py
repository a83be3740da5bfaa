"""One run's profile: every test, fixture and collected file, column-wise, compressed. Pure.

`{"version": 1, "tests": {column: [...]}, "errors": {...}, "fixtures": {...}, "files": {...}, "unfinished":
[node ids]}`, JSON in zlib. Durations are whole microseconds, a test's start is counted from the run's. Where
a test is marked with a budget, the column `budget` of `tests` holds what its markers say, `null` for others.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from types import NoneType
from typing import Any

from akastats.errors import CorruptDataError
from akastats.model.stored_values import MAX_INT, MIB, are_numbers, are_texts, inflated, json_of

VERSION = 1
#: 100,000 tests are some 20 MB, unpacked.
MOST_BYTES = 64 * MIB
#: Far beyond any clock, and far from what a float can hold: sums and ratios of such times are numbers still.
MOST_US = 1e30
_NONE = "this profile is damaged, or none of ours"
ERROR_COLUMNS = ("nodeid", "phase", "error", "exception", "fingerprint")


def decode_failing(stored: str) -> dict[str, Any]:
    """Return a profile as `encode_failing` wrote it; raises `DamagedError` for anything else."""
    try:
        return decode(base64.b64decode(stored, validate=True))
    except ValueError as error:
        raise CorruptDataError(_NONE) from error


def decode(stored: bytes) -> dict[str, Any]:
    """Return a stored profile; raises `DamagedError` for what is none, or of an unknown version.

    Columns of a later release stay, unless they hold lists or objects.
    """
    content = json_of(inflated(stored, MOST_BYTES))
    if not isinstance(content, dict):
        raise CorruptDataError(_NONE)
    if content.get("version") != VERSION:
        raise CorruptDataError(f"this profile is of another version than {VERSION}: update pytest-akastats")
    told = {"errors": columns(ERROR_COLUMNS, ()), **content}
    tables = {name: _table(told.get(name), known) for name, known in _COLUMNS.items()}
    unfinished = content.get("unfinished", [])
    if not _are_texts(unfinished):
        raise CorruptDataError(_NONE)
    return {**content, **tables, "unfinished": unfinished}


Fits = Callable[[Any], bool]


def _are_texts(column: Any) -> bool:
    return type(column) is list and are_texts(column)


def _are_numbers(column: Any) -> bool:
    return type(column) is list and are_numbers(column, MOST_US)


def _are_whole(column: Any) -> bool:
    return type(column) is list and are_numbers(column, MAX_INT) and {int}.issuperset(map(type, column))


def _are_lists_of_texts(column: Any) -> bool:
    is_list = type(column) is list and {list}.issuperset(map(type, column))
    return is_list and are_texts(chain.from_iterable(column))


def _are_budgets(column: Any) -> bool:
    told = [each for each in column if each is not None] if type(column) is list else [None]
    return all(type(each) is dict and are_numbers(each.values()) for each in told)


def _are_plain(column: Any) -> bool:
    if type(column) is not list or not {str, int, float, bool, NoneType}.issuperset(map(type, column)):
        return False
    return are_numbers([each for each in column if isinstance(each, (int, float))])


_TESTS: Mapping[str, Fits] = {
    **dict.fromkeys(("nodeid", "outcome", "worker"), _are_texts),
    **dict.fromkeys(("start", "setup", "call", "teardown"), _are_numbers),
    "stats": _are_lists_of_texts,
}
_COLUMNS: Mapping[str, Mapping[str, Fits]] = {
    "tests": _TESTS,
    "errors": dict.fromkeys(ERROR_COLUMNS, _are_texts),
    "fixtures": {
        **dict.fromkeys(("name", "baseid", "scope"), _are_texts),
        "count": _are_whole,
        **dict.fromkeys(("setup", "teardown"), _are_numbers),
    },
    "files": {"path": _are_texts, "seconds": _are_numbers},
}
_OPTIONAL: Mapping[str, Fits] = {"budget": _are_budgets}


def _table(told: Any, known: Mapping[str, Fits]) -> dict[str, list[Any]]:
    """Return a table whose columns are fine and of one length; raises `DamagedError` where they are not."""
    if type(told) is not dict or not known.keys() <= told.keys():
        raise CorruptDataError(_NONE)
    columns = {
        name: column for name, column in told.items() if name in known or name in _OPTIONAL or _are_plain(column)
    }
    is_fine = all({**_OPTIONAL, **known}.get(name, _are_plain)(column) for name, column in columns.items())
    if not is_fine or len({*map(len, columns.values())}) > 1:
        raise CorruptDataError(_NONE)
    return columns


def rows(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return a table of columns as a list of rows."""
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def columns(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[position] for row in rows] for position, name in enumerate(names)}
