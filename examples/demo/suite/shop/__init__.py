"""Small shop that the demo tests."""

from __future__ import annotations


def total_cents(prices: list[int], discount_percent: int = 0) -> int:
    """Return the sum of prices minus a discount, rounded down."""
    return sum(prices) * (100 - discount_percent) // 100


def slug(title: str) -> str:
    """Return a title as part of a URL."""
    words = "".join(character if character.isalnum() else " " for character in title.lower()).split()
    return "-".join(words)


def parse_price(text: str) -> int:
    """Return a price such as `12.50 €` in cents; raises `ValueError` for anything else."""
    euros, _, cents = text.removesuffix("€").strip().partition(".")
    return int(euros) * 100 + int(cents.ljust(2, "0") or 0)
