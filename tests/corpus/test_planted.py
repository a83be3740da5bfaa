"""Secrets that are planted in real failures of a real run: gone from the spool, and from the server."""

from __future__ import annotations

import json

import pytest

from tests.corpus.conftest import Store
from tests.corpus.planted import Plant, plants, shown_values, suite

#: What is left of a secret is a leak from so many characters on, or from the whole of a shorter one.
LEAK = 12


def leaks(plant: Plant, text: str) -> bool:
    """Whether any of a plant's forms, or a good part of one, is in `text`."""
    return any(
        form[at : at + LEAK] in text
        for form in (plant.secret, *plant.forms)
        # What begins every token of a kind tells nobody anything.
        for at in range(14 if len(form) > 30 else 0, max(1, len(form) - LEAK + 1), 3)
        if "KEY-" not in form[at : at + LEAK + 20]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--tb=short",), marks=pytest.mark.thorough),
        ("--showlocals", "-vv"),
        pytest.param(("-n2", "--tb=native"), marks=pytest.mark.thorough),
    ],
    ids=str,
)
def test_planted_secrets_are_gone(arguments, pytester, monkeypatch, store: Store, record_property):
    """Of more than 200 at most one in a hundred is stored, and no value of the environment is."""
    found = plants()
    for plant in found:
        for name, value in plant.environ.items():
            monkeypatch.setenv(name, value)
    values = pytester.path / "values.json"
    values.write_text(json.dumps(shown_values(found)))
    pytester.makepyfile(test_planted=suite(found, str(values)))

    stored = store(*arguments)

    shown = stored.result.stdout.str()
    on_disk = stored.on_disk
    left = [plant for plant in found if leaks(plant, on_disk) or leaks(plant, stored.server)]
    told = f"{len(found)} planted, {len(found) - len(left)} gone ({1 - len(left) / len(found):.2%})"
    record_property("secrets", told)
    print(told, *(f"left: {plant.kind}: {plant.secret}" for plant in left), sep="\n")
    assert sum(leaks(plant, shown) for plant in found) > 0.9 * len(found)
    assert len(found) >= 200
    assert len(stored.failures) == len(found)
    assert [plant for plant in left if plant.environ] == []
    assert len(left) <= len(found) / 100
