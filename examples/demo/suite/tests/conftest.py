"""Fixtures of every scope, some of them slow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def run_number() -> int:
    """Number of this run of the demo. In runs below 1 fewer tests fail."""
    return int(os.environ.get("DEMO_RUN", "1"))


@pytest.fixture(scope="session")
def database() -> Iterator[dict[str, int]]:
    """A database with a slow setup and teardown."""
    time.sleep(0.25)
    yield {}
    time.sleep(0.08)


@pytest.fixture(scope="package")
def mail_server() -> str:
    """A mail server for the whole package."""
    time.sleep(0.06)
    return "smtp://localhost"


@pytest.fixture(scope="module")
def schema(database: dict[str, int]) -> dict[str, int]:
    """The tables for the tests of one module."""
    time.sleep(0.04)
    return database


@pytest.fixture
def basket(schema: dict[str, int]) -> Iterator[list[int]]:
    """A basket with two items."""
    time.sleep(0.005)
    yield [1250, 399]
    schema.clear()
