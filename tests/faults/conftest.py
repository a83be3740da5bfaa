"""Faults: what every case of the matrix begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.driver import Driver
from tests.faults.table import Rows


@pytest.fixture
def driver(tmp_path: Path, server_url: str) -> Driver:
    """Runs suites bare and recorded on this worker's server, each case in a namespace of its own."""
    return Driver(tmp_path, server_url)


@pytest.fixture
def row() -> Rows:
    """Takes a case's verdict for the table, and holds it to the promise."""
    return Rows()
