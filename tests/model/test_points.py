"""What a point may be: labels, values, contexts and a number's text."""

from __future__ import annotations

import decimal
import fractions
import math
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akastats.model.points import check_context, check_label, check_value, text


@pytest.mark.parametrize("label", ["a", ":: ; , = / * ? [ ]", "a\nb\0c", "é" * 2048, "x" * 4096, "🎂"])
def test_any_text_up_to_4096_bytes_is_a_label(label):
    """A label is any text of 1 to 4096 bytes."""
    assert check_label(label) == label


@pytest.mark.parametrize("label", ["", "x" * 4097, "é" * 2049, "\ud800", b"bytes", None, 3])
def test_what_is_no_label_is_refused(label):
    """Empty, longer, lone surrogates and other types are a `ValueError`."""
    with pytest.raises(ValueError, match="label"):
        check_label(label)


@pytest.mark.parametrize("value", [1, 1.5, True, fractions.Fraction(3, 2), decimal.Decimal("1.5")])
def test_numbers_of_every_kind_are_values(value):
    """What has a finite float is a value."""
    assert check_value("a", value) == float(value)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), "1", b"1", None, 10**400, [], decimal.Decimal("NaN")],
    ids=repr,
)
def test_no_finite_number_is_refused_by_name(value):
    """A value that is no finite number is a `ValueError` naming label and value."""
    with pytest.raises(ValueError, match="my label") as caught:
        check_value("my label", value)

    assert repr(value) in str(caught.value)


def test_a_context_is_text_or_bytes():
    """Anything else is a `ValueError`."""
    assert [check_context("a", context) for context in (None, "x", b"x")] == [None, "x", b"x"]
    with pytest.raises(ValueError, match="'a' is dict"):
        check_context("a", {})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_s_text_reads_back_as_the_same_number(number):
    """What goes in comes out, to the last bit."""
    assert float(text(number)) == number


def test_text_of_no_finite_number_is_refused():
    """A nan never reaches a script."""
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite"):
            text(number)


class Colour(str, Enum):
    """Members that are text, and are formatted as something else."""

    RED = "red"


def test_of_a_text_like_object_the_characters_are_the_label():
    """A member of an enum is its value, whatever it is formatted as; so it was in 21.2.5."""
    label = check_label(Colour.RED)

    assert (label, type(label)) == ("red", str)


@pytest.mark.parametrize("value", [bytearray(b"1"), memoryview(b"1"), np.complex128(1 + 2j)], ids=type)
def test_what_float_would_take_all_the_same_is_refused(value):
    """Text as bytes is no number, and a complex one would lose a part."""
    with pytest.raises(ValueError, match="of label 'a' is not a finite number"):
        check_value("a", value)


class Mute:
    """A number that is none, and has no text."""

    def __float__(self) -> float:
        return math.nan

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("value", [10**5000, Mute(), [1] * 10_000], ids=type)
def test_a_value_that_cannot_be_shown_is_named_all_the_same(value):
    """The message stays a message: short, and about the label."""
    with pytest.raises(ValueError, match="of label 'a' is not a finite number") as caught:
        check_value("a", value)

    assert len(str(caught.value)) < 600
