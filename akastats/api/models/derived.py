"""Derive the API's pydantic models from the dataclasses of the queries.

A dataclass declares each field once: name, type, and a line `name: description` in its docstring. This
module adds examples, and the model's name if it differs from the name of the dataclass.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
import re
from collections.abc import Mapping
from functools import cache, reduce
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

_FIELD_LINE = re.compile(r"(\w+(?:, \w+)*): (.+)")
_MODEL_NAMES: dict[type, str] = {}
_EXAMPLES: dict[type, Mapping[str, Any]] = {}


def add_examples(kind: type, name: str = "", /, **examples: Any) -> None:
    """Set the example values of the fields that a dataclass declares itself, and optionally its model's name."""
    _MODEL_NAMES[kind] = name or kind.__name__
    _EXAMPLES[kind] = examples


@cache
def model_of(kind: type) -> type[BaseModel]:
    """Return the model of a dataclass or named tuple; all its fields are required."""
    descriptions: dict[str, str] = {}
    examples: dict[str, Any] = {}
    for each in reversed(kind.__mro__):
        descriptions.update(_parse_docstring(each)[1])
        examples.update(_EXAMPLES.get(each, {}))
    hints = get_type_hints(kind, include_extras=True)
    fields = {
        name: (derive(hints[name]), _field(descriptions.get(name), examples, name)) for name in _field_names(kind)
    }
    definitions: dict[str, Any] = fields
    return create_model(
        _MODEL_NAMES.get(kind, kind.__name__),
        __config__=ConfigDict(from_attributes=True),
        __doc__=_parse_docstring(kind)[0],
        __module__=kind.__module__,
        **definitions,
    )


def derive(annotation: Any) -> Any:
    """Return a type annotation with each dataclass and named tuple in it replaced by its model."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if _is_declaration(annotation):
        return model_of(annotation)
    if origin in (Union, UnionType):
        return reduce(operator.or_, map(derive, arguments))
    if origin is tuple and arguments[1:] == (...,):
        return list[derive(arguments[0])]  # type: ignore[misc]  # a type that is known at run time only
    if origin is list:
        return list[derive(arguments[0])]  # type: ignore[misc]  # as above
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[arguments[0], derive(arguments[1])]  # type: ignore[valid-type,misc]  # as above
    return annotation


def _is_declaration(annotation: Any) -> bool:
    return isinstance(annotation, type) and (
        dataclasses.is_dataclass(annotation) or hasattr(annotation, "_field_defaults")
    )


def _field_names(kind: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(get_type_hints(kind))


def _field(description: str | None, examples: Mapping[str, Any], name: str) -> Any:
    return Field(description=description, examples=[examples[name]] if name in examples else None)


@cache
def _parse_docstring(kind: type) -> tuple[str, Mapping[str, str]]:
    """Return a class's docstring without the lines about fields, and the description of each field.

    A description continues on indented lines. One line may describe several fields: `p50, p95: seconds`.
    """
    text: list[str] = []
    descriptions: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.cleandoc(kind.__doc__ or "").splitlines():
        match = _FIELD_LINE.fullmatch(line)
        if match:
            names = match[1].split(", ")
            descriptions.update(dict.fromkeys(names, match[2]))
        elif names and line.startswith(" "):
            descriptions.update({name: f"{descriptions[name]} {line.strip()}" for name in names})
        else:
            names = []
            text.append(line)
    return "\n".join(text).strip(), descriptions
