"""Record the sample suite into a server, serve its page, and read its API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.cli.conftest import COMMAND

SUITE = Path(__file__).parent / "suite"
# Load only the plugins for the recording: importing all installed plugins takes 4 s.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PLUGINS = ["-p", "pytest_akastats.plugin", "-p", "xdist", "-p", "no:cacheprovider"]
PYTEST = [sys.executable, "-m", "pytest", *PLUGINS, "--akastats", "-q"]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment without variables of akastats and pytest, plus `variables`."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("AKA_STATS_", "PYTEST_"))}
    return {**inherited, **ALONE, "PYTHONWARNINGS": "", **variables}


def record(url: str, home: Path, *arguments: str, **variables: str) -> None:
    """Record the suite in `home`, in which some tests fail."""
    done = subprocess.run(
        [*PYTEST, f"--akastats-url={url}", "--akastats-wait=60", *arguments],
        cwd=home,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "recorded as run" in done.stdout, done.stdout


@contextmanager
def served(url: str, *arguments: str) -> Iterator[str]:
    """Serve the page on a free port while the block runs, and yield its URL without the last slash."""
    command = [*COMMAND, "serve", "--port=0", "--json", "--url", url, *arguments]
    with subprocess.Popen(command, env=environment(), text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "}\n")
            yield json.loads("".join(lines) + "}")["url"].rstrip("/")
        finally:
            process.kill()


def fetch_api(address: str, path: str) -> Any:
    """Return the JSON of an API path."""
    with urlopen(f"{address}/api/v1/{path}") as response:
        return json.load(response)
