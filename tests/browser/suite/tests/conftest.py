import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))


@pytest.fixture(scope="session")
def catalogue():
    time.sleep(0.01)
    return [3, 4, 5]


@pytest.fixture
def basket(catalogue):
    time.sleep(0.002)
    return list(catalogue)
