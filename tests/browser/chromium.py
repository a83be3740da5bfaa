"""Find the installed Chromium; it is never downloaded."""

from __future__ import annotations

import os
import shutil

import pytest

# The headless shell opens a page with 0.1 s of CPU time, the complete browser with 0.4 s.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")

MISSING = """
The tests of the page need Chromium, which is not on PATH.
    Debian, Ubuntu:  apt-get install chromium-headless-shell
    other systems:   install it, or set its path: CHROMIUM=/path/to/chromium make test
These tests fail instead of skipping, because nothing else tests the page.
"""


def path() -> str:
    """Return the path of Chromium; without it the calling test fails."""
    configured = os.environ.get("CHROMIUM", "")
    executable = next(filter(None, map(shutil.which, (configured, *NAMES))), None)
    if executable is None:
        pytest.fail(MISSING, pytrace=False)
    return executable


def arguments() -> list[str]:
    """Return the options of Chromium: without background requests, and without sandbox as root."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return [*quiet, "--no-sandbox"] if os.getuid() == 0 else quiet
