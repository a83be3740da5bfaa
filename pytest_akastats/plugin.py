"""The hooks that pytest finds: declare the options; if the run is to be recorded, register who records it.

Installed and not asked for, this costs two small modules and registers nothing.
"""

from __future__ import annotations

import pytest

from pytest_akastats import options
from pytest_akastats.fixtures import akastats_stat, stat

__all__ = ["akastats_stat", "pytest_addoption", "pytest_configure", "stat"]


def pytest_addoption(parser: pytest.Parser) -> None:
    options.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    if options.is_on(config):
        # Late, because most runs of most projects do not get here.
        from pytest_akastats import session

        session.register(config, options.read(config))
