"""Models that are derived from dataclasses: names, types, descriptions and examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel

from akastats.api.models.derived import add_examples, derive, model_of


@dataclass(frozen=True)
class Wheel:
    """A wheel.

    size: diameter
        in inches
    """

    size: float


@dataclass(frozen=True)
class Vehicle:
    """Something on wheels.

    It may have none.

    name, owner: a name
    wheels: its wheels
    """

    name: str
    owner: str | None = None
    wheels: tuple[Wheel, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Car(Vehicle):
    """A car.

    spare: the spare wheel by position
    """

    spare: Mapping[str, Wheel]


class Position(NamedTuple):
    """A position.

    x: metres
    """

    x: float


add_examples(Wheel, "BikeWheel", size=28.0)
add_examples(Vehicle, name="bus")


def schema_of(kind: type) -> dict:
    """Return the JSON schema of a dataclass's model."""
    return model_of(kind).model_json_schema(mode="serialization")


def test_fields_have_the_descriptions_of_the_docstring():
    """A line can describe several fields, and can continue."""
    properties = schema_of(Vehicle)["properties"]

    assert {"name": "a name", "owner": "a name", "wheels": "its wheels"} == {
        name: field["description"] for name, field in properties.items()
    }
    assert "diameter in inches" == schema_of(Wheel)["properties"]["size"]["description"]


def test_docstring_without_field_lines_describes_the_model():
    """Its paragraphs are kept."""
    assert "Something on wheels.\n\nIt may have none." == schema_of(Vehicle)["description"]


def test_all_fields_are_required():
    """A default is for callers of the dataclass; the JSON has every field."""
    assert ["name", "owner", "wheels"] == schema_of(Vehicle)["required"]


def test_subclass_inherits_descriptions_and_examples():
    """A field is described once, in the class that declares it."""
    properties = schema_of(Car)["properties"]

    assert ("a name", ["bus"]) == (properties["name"]["description"], properties["name"]["examples"])
    assert {"$ref": "#/$defs/BikeWheel"} == properties["spare"]["additionalProperties"]


def test_named_tuple_has_a_model():
    """It is an object in JSON, not a list."""
    assert {"x": 1.5} == model_of(Position).model_validate(Position(1.5)).model_dump()


def test_nested_values_are_validated_by_attribute():
    """A dataclass of dataclasses becomes JSON without a manual conversion."""
    car = Car(name="van", wheels=(Wheel(17.0),), spare={"left": Wheel(16.0)})

    assert model_of(Car).model_validate(car).model_dump() == {
        "name": "van",
        "owner": None,
        "wheels": [{"size": 17.0}],
        "spare": {"left": {"size": 16.0}},
    }


def test_other_annotations_stay_as_they_are():
    """FastAPI handles these."""

    class Body(BaseModel):
        pass

    assert [Body, None, str, list[str], int | None] == list(map(derive, (Body, None, str, list[str], int | None)))
