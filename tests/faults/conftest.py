"""Fixtures of all fault cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.driver import Driver
from tests.faults.table import Rows


@pytest.fixture
def driver(tmp_path: Path, server_url: str) -> Driver:
    """Runs suites with and without akastats on this worker's server, each case in its own namespace."""
    return Driver(tmp_path, server_url)


@pytest.fixture
def row() -> Rows:
    """Writes the verdict of a case into the table, and checks it."""
    return Rows()
