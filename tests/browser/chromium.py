"""The browser that is installed here: found, never downloaded."""

from __future__ import annotations

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

MISSING = """
The tests of the page need Chromium, and there is none on PATH.
    Debian, Ubuntu:  apt-get install chromium
    elsewhere:       install it, or name it: CHROMIUM=/path/to/chromium make test
Without it nothing says that the page works, so these tests fail: they do not skip.
"""


def path() -> str:
    """Return where Chromium is; fails the test that asks where there is none."""
    given = os.environ.get("CHROMIUM", "")
    found = next((place for place in map(shutil.which, (given, *NAMES)) if place), None)
    if found is None:
        pytest.fail(MISSING, pytrace=False)
    return found


def arguments() -> list[str]:
    """Return what Chromium is started with: as root it has no sandbox, and it asks nobody else for anything."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return [*quiet, "--no-sandbox"] if os.getuid() == 0 else quiet
