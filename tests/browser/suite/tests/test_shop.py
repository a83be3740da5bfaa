import os
import time

import pytest
import shop

RUN = int(os.environ.get("RUN", "1"))


@pytest.mark.parametrize("number", range(12))
def test_many(number, basket):
    time.sleep(0.001 * number)
    assert shop.total(basket) == 12


def test_slower_and_slower(stat):
    time.sleep(0.03 * RUN)
    stat("orders", 10 + RUN)


def test_every_second_run():
    assert RUN % 2, f"the warehouse answered {RUN} times"


class TestBasket:
    def test_empty(self):
        assert shop.total([]) == 0

    def test_newly_failing(self):
        assert RUN < 4

    @pytest.mark.skip(reason="later")
    def test_skipped(self):
        pass

    @pytest.mark.xfail
    def test_expected(self):
        assert shop.total([1]) == 2


@pytest.fixture
def broken():
    raise OSError("no database")


def test_error(broken):
    pass
