"""Verdicts in the form of the API's JSON."""

from __future__ import annotations

from dataclasses import fields

import pytest

from akastats.model.verdicts import DurationChange, UnhealthyTest, Verdicts
from akastats.queries.verdict_answers import ChangeAnswer, UnhealthyTestAnswer, VerdictsAnswer


def names_of(kind: type) -> set[str]:
    """Return the names of a dataclass's fields."""
    return {field.name for field in fields(kind)}


@pytest.mark.parametrize(
    ("value", "answer", "added"),
    [
        (UnhealthyTest, UnhealthyTestAnswer, {"suite", "cluster", "quarantine"}),
        (Verdicts, VerdictsAnswer, {"started", "labels"}),
    ],
)
def test_answer_has_each_field_of_the_verdict(value, answer, added):
    """A new field of a stored verdict is part of the JSON too."""
    assert names_of(value) | added == names_of(answer)


def test_answer_has_each_field_of_a_change():
    """Beside them it has what identifies the change."""
    assert names_of(DurationChange) < names_of(ChangeAnswer)
