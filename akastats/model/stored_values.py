"""Decode what the server holds: JSON and compressed bytes as values of their types. Pure.

Other programs can write to the server, and a server can lose part of its data. A value that is not of its type
raises `CorruptDataError`; its readers continue as if it were absent.
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
#: A greater count is not valid: computing with it fails.
MAX_INT = 2**63
_LARGEST = float_info.max

# A lone surrogate as JSON spells it, an escaped backslash and a character of two surrogates being none.
_SURROGATES = re.compile(
    rb"\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(\\ud[89a-f][0-9a-f]{2})", re.IGNORECASE
)


def sendable(written: bytes) -> bytes:
    """Return JSON with lone surrogates spelled out, as in labels: no answer could carry them in UTF-8.

    A node id has them where a file's name is in another encoding.
    """
    # One byte is looked for several times as fast as three, and most of what is stored has no backslash.
    if b"\\" not in written or b"\\u" not in written:
        return written
    return _SURROGATES.sub(lambda found: b"\\" + found[0] if found[1] else found[0], written)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def json_of(stored: bytes) -> Any:
    """Return what stored JSON says; raises `DamagedError` for what is none, for NaN, and for too deep nesting."""
    try:
        return _DECODER.decode(sendable(stored).decode())
    except (ValueError, RecursionError) as error:
        raise CorruptDataError("stored value is not valid akastats JSON") from error


def inflated(stored: bytes, most: int) -> bytes:
    """Return what compressed bytes hold; raises `DamagedError` beyond `most` of them: 200 KB can be 200 MB."""
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(stored, most)
    except zlib.error as error:
        raise CorruptDataError("stored value is not compressed by zlib, or is damaged") from error
    if not inflating.eof:
        raise CorruptDataError(f"this was cut short, or holds more than {most} bytes")
    return content


def read(kind: Callable[..., T], told: Any) -> T:
    """Return what JSON told as a value of `kind`: a dataclass, or what the fields of one are annotated with.

    Fields of a later version are left out. Raises `DamagedError` for a field that is missing or of another type.
    """
    return cast(T, reader(kind)(told))


def listed(kind: Callable[..., T], told: Any) -> T:
    """Return a dataclass that is stored as a list of its fields in their order, as `read` does."""
    return kind(*_listed(kind)(told))


@cache
def _listed(kind: Hashable) -> Reader:
    return _row(tuple(map(reader, get_type_hints(kind).values())))


@cache
def reader(kind: Hashable) -> Reader:
    """Return what reads values of one type."""
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
    raise TypeError(f"{kind} is none of the types that are read")


def _text(told: Any) -> str:
    if type(told) is not str:
        raise CorruptDataError("stored value is not text")
    return told


def _number(told: Any) -> float:
    # `1e999` is read as infinity, and a whole number may be greater than any float.
    if type(told) not in (float, int) or not -_LARGEST <= told <= _LARGEST:
        raise CorruptDataError("stored value is not a number")
    return cast(float, told)


def _whole(told: Any) -> int:
    if type(told) is not int or not -MAX_INT < told < MAX_INT:
        raise CorruptDataError("stored value is not a whole number in range")
    return told


def _yes_or_no(told: Any) -> bool:
    if type(told) is not bool:
        raise CorruptDataError("this is neither true nor false")
    return told


def _perhaps_number(told: Any) -> float | None:
    return None if told is None else _number(told)


_SCALARS: Mapping[Any, Reader] = {
    str: _text,
    float: _number,
    int: _whole,
    bool: _yes_or_no,
    float | None: _perhaps_number,
}


def _word(words: tuple[str, ...]) -> Reader:
    def read_word(told: Any) -> str:
        if type(told) is not str or told not in words:
            raise CorruptDataError(f"this is none of {', '.join(words)}")
        return told

    return read_word


def _optional(inner: Reader) -> Reader:
    return lambda told: None if told is None else inner(told)


def _of_fields(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: reader(hints[field.name]) for field in fields(kind)}
    needed = {
        field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING
    }

    def read_fields(told: Any) -> Any:
        if type(told) is not dict or not needed <= told.keys():
            raise CorruptDataError(f"stored value is not a valid {kind.__name__}")
        return kind(**{name: read_field(told[name]) for name, read_field in readers.items() if name in told})

    return read_fields


def _row(readers: tuple[Reader, ...]) -> Reader:
    def read_row(told: Any) -> tuple[Any, ...]:
        if type(told) is not list or len(told) != len(readers):
            raise CorruptDataError("stored value is not a valid row")
        return tuple([read_each(each) for read_each, each in zip(readers, told, strict=True)])

    return read_row


def _mapping(name_of: Reader, inner: Reader) -> Reader:
    def read_mapping(told: Any) -> dict[str, Any]:
        if type(told) is not dict:
            raise CorruptDataError("stored value is not a valid object")
        return {name_of(name): inner(each) for name, each in told.items()}

    return read_mapping


def _sequence(kind: Any) -> Reader:
    inner, are_fine = reader(kind), _MANY.get(kind)

    def read_sequence(told: Any) -> tuple[Any, ...]:
        if type(told) is not list:
            raise CorruptDataError("stored value is not a valid list")
        # One look at all: a call for each of 100 durations would double what a row costs.
        return tuple(told) if are_fine and are_fine(told) else tuple(map(inner, told))

    return read_sequence


def are_texts(told: Iterable[Any]) -> bool:
    """Return whether all values are text."""
    try:
        # It takes none but texts, in a third of the time that a look at their types takes.
        "".join(told)
    except TypeError:
        return False
    return True


def are_numbers(told: Iterable[Any], most: float = inf) -> bool:
    """Return whether all values are finite numbers; the root of the sum of their squares is below `most`."""
    try:
        # It takes each for a float, as sum() does not, in a quarter of the time that a look at their types takes.
        return hypot(*told) < most
    except (TypeError, OverflowError):
        return False


_MANY: Mapping[Any, Callable[[Iterable[Any]], bool]] = {
    str: are_texts,
    float: are_numbers,
    # With one that is none of these each is looked at.
    float | None: are_numbers,
}
