"""What is stored of a failure does not depend on how the terminal shows tracebacks."""

from __future__ import annotations

import pytest

from akastats import sync_stats
from pytest_akastats.failure_text import shorten_paths
from tests.plugin.conftest import Record, history

SUITE = """
import pytest
from shop import pay

@pytest.fixture
def broken():
    pay(3)

def test_calls():
    secret = "a local"
    pay(1)

def test_setup(broken): pass

def test_itself():
    assert "one" == "two"

def test_reason():
    pytest.fail("no", pytrace=False)
"""
SHOP = """
def pay(amount):
    return charge(amount)

def charge(amount):
    raise ValueError(f"declined {amount}")
"""
STYLES = (("--tb=line", "-n2"), ("--tb=no", "--showlocals"), ("--tb=native",), ("--full-trace",))


def tracebacks() -> set[str]:
    """Return the stored tracebacks of the newest run's five failures."""
    found = [stat.context_id for stat in history("errors__all")[:5]]
    return {text.decode() for text in sync_stats.contexts(found).values()}


def test_no_option_of_the_terminal_changes_a_stored_traceback(pytester: pytest.Pytester, record: Record) -> None:
    pytester.makepyfile(test_shop=SUITE, shop=SHOP, test_unimportable="import pay_nowhere\n")
    record("--continue-on-collection-errors")
    by_default = tracebacks()

    by_style = {}
    for arguments in STYLES:
        record("--continue-on-collection-errors", *arguments)
        by_style[arguments] = tracebacks()

    assert 5 == len(by_default)
    assert any("shop.py:2: in pay" in text for text in by_default)
    assert dict.fromkeys(STYLES, by_default) == by_style


def test_paths_in_an_exception_group_are_relative_to_where_pytest_was_called() -> None:
    """Two checkouts of one project have the same failure."""
    text = '  + Exception Group Traceback (most recent call last):\n  |   File "{}shop/a.py", line 1, in pay\n'

    assert text.format("") == shorten_paths(text.format("/ci/build-7/"), "/ci/build-7")
    assert text.format("/ci/other/") == shorten_paths(text.format("/ci/other/"), "/ci/build-7")
