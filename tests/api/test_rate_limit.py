"""The rate limit: bursts, requests per second, and separate clients."""

from __future__ import annotations

import pytest

from akastats.api import rate_limit
from akastats.api.rate_limit import Rate


class Clock:
    """A clock that moves only when it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the test."""
    return Clock()


def test_a_burst_passes_and_then_the_rate_holds(clock):
    """Five requests pass and the sixth waits; a second later two more pass."""
    limit = Rate(per_second=2, burst=5, clock=clock)

    first = [limit.take("a") for _ in range(6)]
    clock.now += 1
    second = [limit.take("a") for _ in range(3)]

    assert ([0, 0, 0, 0, 0, 1], [0, 0, 1]) == (first, second)


def test_clients_do_not_pay_for_each_other(clock):
    """The limit of one client does not affect others."""
    limit = Rate(per_second=1, burst=1, clock=clock)

    assert [0, 1, 0] == [limit.take("a"), limit.take("a"), limit.take("b")]


def test_a_network_of_ipv6_is_one_client(clock):
    """A client with one address of a /64 has all of them."""
    limit = Rate(per_second=1, burst=1, clock=clock)

    taken = [limit.take(each) for each in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fe80::1%eth0", "::x")]

    assert [0, 1, 0, 0, 0] == taken


def test_a_charge_is_owed(clock):
    """A charge above the remaining budget delays later requests, up to a limit."""
    limit = Rate(per_second=1, burst=10, clock=clock)

    for _ in range(100):
        limit.charge("a", 10)
    owed = limit.take("a")
    clock.now += owed

    assert (11, 0) == (owed, limit.take("a"))


def test_the_number_of_clients_is_bounded(clock, monkeypatch):
    """The client with the oldest request is forgotten first."""
    monkeypatch.setattr(rate_limit, "MAX_CLIENTS", 2)
    limit = Rate(per_second=1, burst=1, clock=clock)

    for client in ("a", "b", "a", "c"):
        limit.take(client)

    assert [1, 0] == [limit.take("a"), limit.take("b")]
