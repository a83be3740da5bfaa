"""A store of its own, what is recorded into it, and the page that is served of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import COMMAND

SUITE = Path(__file__).parent / "suite"
# Only what is recorded with: all that is installed for our own tests takes 4 s of the processor to be imported.
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PLUGINS = ["-p", "pytest_akastats.plugin", "-p", "xdist", "-p", "no:cacheprovider"]
PYTEST = [sys.executable, "-m", "pytest", *PLUGINS, "--akastats", "-q"]


def environment(**variables: str) -> dict[str, str]:
    """Return ours without what this machine, or a test run around it, has set for itself."""
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("AKA_STATS_", "PYTEST_"))}
    return {**ours, **ALONE, "PYTHONWARNINGS": "", **variables}


def record(url: str, home: Path, *arguments: str, **variables: str) -> None:
    """Record the suite that lies in `home`; some of it fails, which is what it is for."""
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
    """Serve a store's page on a port that is free: its address, without the last slash."""
    command = [*COMMAND, "serve", "--port=0", "--json", "--url", url, *arguments]
    with subprocess.Popen(command, env=environment(), text=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "}\n")
            yield json.loads("".join(lines) + "}")["url"].rstrip("/")
        finally:
            process.kill()
