"""Fixtures of every scope, some of them costly."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def run_number() -> int:
    """The how manieth run of the demo this is; below 1 lie those in which all was well for longer."""
    return int(os.environ.get("DEMO_RUN", "1"))


@pytest.fixture(scope="session")
def database() -> Iterator[dict[str, int]]:
    """A database that takes its time to come and to go."""
    time.sleep(0.25)
    yield {}
    time.sleep(0.08)


@pytest.fixture(scope="package")
def mail_server() -> str:
    """A server for the whole package."""
    time.sleep(0.06)
    return "smtp://localhost"


@pytest.fixture(scope="module")
def schema(database: dict[str, int]) -> dict[str, int]:
    """The tables of one module's tests."""
    time.sleep(0.04)
    return database


@pytest.fixture
def basket(schema: dict[str, int]) -> Iterator[list[int]]:
    """A basket with two things in it."""
    time.sleep(0.005)
    yield [1250, 399]
    schema.clear()
