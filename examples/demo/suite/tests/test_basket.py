"""Baskets: fixtures of every scope at work, and numbers of the tests' own."""

from __future__ import annotations

import time

import pytest
from shop import total_cents


@pytest.mark.parametrize("discount", [0, 5, 10, 25, 50, 100])
def test_discount(basket, discount):
    """A discount makes nothing dearer."""
    assert 0 <= total_cents(basket, discount) <= 1649


@pytest.mark.parametrize("count", [1, 10, 100, 1000])
def test_many_things(basket, count, stat):
    """What fits in a basket is counted; how many and how fast is recorded."""
    with stat.timer("basket.sum"):
        sum_cents = total_cents(basket * count)
    stat("basket.things", 2 * count)

    assert sum_cents == 1649 * count


@pytest.fixture(scope="class")
def cashier(mail_server):
    """One cashier for a class of tests."""
    time.sleep(0.03)
    return mail_server


class TestCheckout:
    """Paying."""

    def test_pays(self, basket, cashier):
        """Whoever pays gets a mail."""
        assert cashier.startswith("smtp://")

    @pytest.mark.parametrize("currency", ["€", "US$", "¥", "kr.", "£/p"])
    def test_currency(self, cashier, currency):
        """Any currency has a sign."""
        assert currency

    def test_slowly(self, cashier, run_number):
        """Uses a bank that is slower since the fourth run."""
        time.sleep(0.12 if run_number < 4 else 0.35)

    def test_refund(self, basket):
        """Fails in every run, because refunds are not implemented."""
        refunded = total_cents([-price for price in basket])

        assert refunded == 1649
