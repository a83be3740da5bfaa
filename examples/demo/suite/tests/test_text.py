"""Texts: many fast tests, whose node ids contain special characters."""

from __future__ import annotations

import unittest

import pytest
from shop import parse_price, slug

TITLES = {
    "a/b": "a-b",
    "50% off?": "50-off",
    "C# & F#": "c-f",
    "what?when=now": "what-when-now",
    "größe → größer": "größe-größer",
    "日本 の 本": "日本-の-本",
    "[sale]": "sale",
    "x::y": "x-y",
    "back\\slash": "back-slash",
    "two  spaces": "two-spaces",
    "100%25": "100-25",
    "<b>bold</b>": "b-bold-b",
    "it's": "it-s",
    '"quoted"': "quoted",
    "tab\tand tab": "tab-and-tab",
    "a, b; c": "a-b-c",
    "ends/history": "ends-history",
    "naïve 🙂": "naïve",
    "-dash": "dash",
}


@pytest.mark.parametrize("title", TITLES)
def test_slug(title):
    """A title becomes part of a URL."""
    assert slug(title) == TITLES[title]


@pytest.mark.parametrize("cents", [0, 5, 99, 100, 1250, 9999, 123456])
def test_price_round_trip(cents):
    """A formatted price is parsed to the same value."""
    assert parse_price(f"{cents // 100}.{cents % 100:02d} €") == cents


@pytest.mark.parametrize("text", ["", "free", "1,50", "--1", "12.5.0", "€"])
def test_no_price(text):
    """An invalid price raises an error."""
    with pytest.raises(ValueError, match="int"):
        parse_price(text)


class Words(unittest.TestCase):
    """Tests of unittest are recorded as well."""

    def test_lower(self):
        """A slug is lower case."""
        assert slug("SALE") == "sale"

    def test_empty(self):
        """A title without letters or digits has an empty slug."""
        assert not slug("!?")
