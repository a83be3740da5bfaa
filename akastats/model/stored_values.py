"""Decode stored values: JSON and compressed bytes.

Other programs can write to the server, and a server can lose part of its data. A value of another type raises
`CorruptDataError`; readers treat it as absent.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from math import hypot, inf
from sys import float_info
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from akastats.errors import CorruptDataError

T = TypeVar("T")
Reader = Callable[[Any], Any]

MIB = 1024 * 1024
#: Limit of the absolute value of a whole number. Arithmetic with greater numbers can fail.
MAX_INT = 2**63
_LARGEST = float_info.max

# A lone surrogate in JSON (group 1). The other alternatives consume an escaped backslash and a surrogate pair.
_SURROGATES = re.compile(
    rb"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(\\ud[89a-f][0-9a-f]{2})", re.IGNORECASE
)


def escape_surrogates(written: bytes) -> bytes:
    """Return JSON with lone surrogates escaped twice, as in labels, because UTF-8 cannot encode them.

    A node id contains them if the name of its file has another encoding.
    """
    # A search for one byte is several times faster than for two, and most stored values have no backslash.
    if b"\\" not in written or b"\\u" not in written:
        return written
    return _SURROGATES.sub(lambda match: b"\\" + match[0] if match[1] else match[0], written)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def json_of(stored: bytes) -> Any:
    """Return the value of stored JSON; raise `CorruptDataError` for invalid JSON, NaN and too deep nesting."""
    try:
        return _DECODER.decode(escape_surrogates(stored).decode())
    except (ValueError, RecursionError) as error:
        raise CorruptDataError("stored value is not valid akastats JSON") from error


def decompress(stored: bytes, max_bytes: int) -> bytes:
    """Return decompressed bytes; raise `CorruptDataError` if they are damaged or more than `max_bytes`.

    Without a limit, 200 KB could become 200 MB.
    """
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(stored, max_bytes)
    except zlib.error as error:
        raise CorruptDataError("stored value is not compressed by zlib, or is damaged") from error
    if not inflating.eof:
        raise CorruptDataError(f"stored value is truncated, or has more than {max_bytes} bytes")
    return content


def read(kind: Callable[..., T], value: Any) -> T:
    """Convert a value from JSON to `kind`, a dataclass or the type of one of its fields.

    Fields of a later version are ignored. Raises `CorruptDataError` if a field is missing or has another type.
    """
    return cast(T, reader(kind)(value))


def read_row(kind: Callable[..., T], value: Any) -> T:
    """Convert a list from JSON to a dataclass; the list has the fields in their order. Raises as `read` does."""
    return kind(*_list_reader(kind)(value))


@cache
def _list_reader(kind: Hashable) -> Reader:
    return _row(tuple(map(reader, get_type_hints(kind).values())))


@cache
def reader(kind: Hashable) -> Reader:
    """Return the function that converts values from JSON to one type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _of_fields(kind)
    if origin in (Union, UnionType):
        return _optional(reader(next(each for each in arguments if each is not NoneType)))
    if origin is Literal:
        return _word(arguments)
    if origin is tuple:
        return _sequence(arguments[0]) if arguments[1:] == (...,) else _row(tuple(map(reader, arguments)))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(reader(arguments[0]), reader(arguments[1]))
    raise TypeError(f"cannot read stored values of type {kind}")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise CorruptDataError("stored value is not text")
    return value


def _number(value: Any) -> float:
    # JSON decodes `1e999` as infinity, and an integer can exceed any float.
    if type(value) not in (float, int) or not -_LARGEST <= value <= _LARGEST:
        raise CorruptDataError("stored value is not a number")
    return cast(float, value)


def _integer(value: Any) -> int:
    if type(value) is not int or not -MAX_INT < value < MAX_INT:
        raise CorruptDataError("stored value is not a whole number in range")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise CorruptDataError("stored value is not true or false")
    return value


def _number_or_none(value: Any) -> float | None:
    return None if value is None else _number(value)


_SCALARS: Mapping[Any, Reader] = {
    str: _text,
    float: _number,
    int: _integer,
    bool: _boolean,
    float | None: _number_or_none,
}


def _word(words: tuple[str, ...]) -> Reader:
    def read_word(value: Any) -> str:
        if type(value) is not str or value not in words:
            raise CorruptDataError(f"stored value is not one of {', '.join(words)}")
        return value

    return read_word


def _optional(inner: Reader) -> Reader:
    return lambda value: None if value is None else inner(value)


def _of_fields(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: reader(hints[field.name]) for field in fields(kind)}
    needed = {
        field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING
    }

    def read_fields(value: Any) -> Any:
        if type(value) is not dict or not needed <= value.keys():
            raise CorruptDataError(f"stored value is not a valid {kind.__name__}")
        return kind(**{name: read_field(value[name]) for name, read_field in readers.items() if name in value})

    return read_fields


def _row(readers: tuple[Reader, ...]) -> Reader:
    def read_row(value: Any) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(readers):
            raise CorruptDataError("stored value is not a valid row")
        return tuple([read_each(each) for read_each, each in zip(readers, value, strict=True)])

    return read_row


def _mapping(name_of: Reader, inner: Reader) -> Reader:
    def read_mapping(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise CorruptDataError("stored value is not a valid object")
        return {name_of(name): inner(each) for name, each in value.items()}

    return read_mapping


def _sequence(kind: Any) -> Reader:
    inner, are_valid = reader(kind), _CHECKS.get(kind)

    def read_sequence(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise CorruptDataError("stored value is not a valid list")
        # Check all values at once: a call for each of 100 durations would double the time to read a row.
        return tuple(value) if are_valid and are_valid(value) else tuple(map(inner, value))

    return read_sequence


def are_texts(values: Iterable[Any]) -> bool:
    """Return whether all values are text."""
    try:
        # join() accepts only text, and takes a third of the time of comparing types.
        "".join(values)
    except TypeError:
        return False
    return True


def are_numbers(values: Iterable[Any], limit: float = inf) -> bool:
    """Return whether all values are finite numbers; the root of the sum of their squares must be below `limit`."""
    try:
        # hypot() converts each value to float, unlike sum(), and takes a quarter of the time of comparing types.
        return hypot(*values) < limit
    except (TypeError, OverflowError):
        return False


_CHECKS: Mapping[Any, Callable[[Iterable[Any]], bool]] = {
    str: are_texts,
    float: are_numbers,
    # If `None` is among the numbers, this check fails, and each value is read separately.
    float | None: are_numbers,
}
