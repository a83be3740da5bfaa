"""Baskets: tests with fixtures of every scope, and with their own numbers."""

from __future__ import annotations

import time

import pytest
from shop import total_cents


@pytest.mark.parametrize("discount", [0, 5, 10, 25, 50, 100])
def test_discount(basket, discount):
    """A discount never increases the total."""
    assert 0 <= total_cents(basket, discount) <= 1649


@pytest.mark.parametrize("count", [1, 10, 100, 1000])
def test_many_things(basket, count, stat):
    """Large baskets have the correct total. The test records their size and the duration."""
    with stat.timer("basket.sum"):
        sum_cents = total_cents(basket * count)
    stat("basket.things", 2 * count)

    assert sum_cents == 1649 * count


@pytest.fixture(scope="class")
def cashier(mail_server):
    """A cashier for all tests of a class."""
    time.sleep(0.03)
    return mail_server


class TestCheckout:
    """Tests of the checkout."""

    def test_pays(self, basket, cashier):
        """A customer who pays gets a mail."""
        assert cashier.startswith("smtp://")

    @pytest.mark.parametrize("currency", ["€", "US$", "¥", "kr.", "£/p"])
    def test_currency(self, cashier, currency):
        """Each currency has a symbol."""
        assert currency

    def test_slowly(self, cashier, run_number):
        """Becomes slower in the fourth run."""
        time.sleep(0.12 if run_number < 4 else 0.35)

    def test_refund(self, basket):
        """Fails in every run, because refunds are not implemented."""
        refunded = total_cents([-price for price in basket])

        assert refunded == 1649
