"""Record the sample suite 16 times, then serve the page.

Run `python examples/demo/run.py build/demo`. The recordings of an earlier demo in that directory are deleted.

DEMO_SERVE=0 only records. DEMO_RUNS sets the number of runs, DEMO_FIRST the number of the first run, and DEMO_PORT
the port. Runs with a number below 1 extend the history without failures.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

SUITE = Path(__file__).with_name("suite")
AKASTATS = str(Path(sys.executable).with_name("akastats"))
SHOWN = "tests/test_flaky.py::test_talks_to_the_warehouse"
PORT = 8321
# One test is slower from run 4. A change is confirmed with ten runs before and five runs after it.
FIRST, RUNS = "-7", "16"


def main(home: Path) -> None:
    """Record the runs below `home`, then replace this process by the server."""
    reset(home)
    # Variables for other projects must not affect the demo.
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith(("AKA_STATS_", "PYTEST_"))
    }
    first = int(os.environ.get("DEMO_FIRST", FIRST))
    for number in range(first, first + int(os.environ.get("DEMO_RUNS", RUNS))):
        record(home, number, environment)
    newest = read_json(home, environment, "runs", "--limit", "1")["items"][0]["id"]
    if os.environ.get("DEMO_SERVE") == "0":
        print(f"recorded in {home / '.akastats'}, newest run {newest}")
        return
    port = free_port(int(os.environ.get("DEMO_PORT", PORT)))
    announce(f"http://127.0.0.1:{port}/", newest)
    os.chdir(home)
    os.execve(AKASTATS, [AKASTATS, "serve", "--port", str(port)], environment)


def reset(home: Path) -> None:
    """Delete the recordings of an earlier demo from `home`, and copy the suite into it."""
    recorded, mark = home / ".akastats", home / "shop" / "__init__.py"
    if recorded.exists() and not mark.exists():
        raise SystemExit(f"{recorded} was not created by the demo: choose another directory, or delete it")
    # A server of an earlier demo that still runs keeps its open files and stops by itself.
    shutil.rmtree(recorded, ignore_errors=True)
    shutil.copytree(SUITE, home, dirs_exist_ok=True)


def record(home: Path, number: int, environment: Mapping[str, str]) -> None:
    """Run the suite once; some of its tests fail on purpose."""
    branch = "feature/refunds" if number == 3 else "main"
    print(f"\n--- run {number}, branch {branch} ---", flush=True)
    # Each run has its own commit.
    commit = hashlib.sha256(f"demo {number}".encode()).hexdigest()[:40]
    variables = {**environment, "DEMO_RUN": str(number), "AKA_STATS_BRANCH": branch, "AKA_STATS_COMMIT": commit}
    # Importing other installed plugins takes seconds.
    variables["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "akastats", "--akastats", "--tb=short"]
    code = subprocess.run(command, cwd=home, env=variables, check=False).returncode
    if code not in (0, 1):
        raise SystemExit(code)


def read_json(home: Path, environment: Mapping[str, str], *arguments: str) -> Any:
    """Return the JSON of `akastats ARGUMENTS --json`."""
    command = [AKASTATS, *arguments, "--json"]
    return json.loads(subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True).stdout)


def free_port(preferred: int) -> int:
    """Return the preferred port of the loopback address, or another one if it is in use."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def announce(address: str, run: str) -> None:
    """Print the URLs of the main views."""
    print("\nViews:")
    print(f"  overview      {address}")
    print(f"  flaky tests   {address}flaky")
    print(f"  slower tests  {address}slower")
    print(f"  newest run    {address}runs/{run}")
    print(f"  one test      {address}test?nodeid={quote(SHOWN)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
