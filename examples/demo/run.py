"""The demo: run the sample suite sixteen times with --akastats, then serve what came of it.

`python examples/demo/run.py build/demo`; DEMO_SERVE=0 stops before serving, DEMO_RUNS and DEMO_PORT change
how often and where, DEMO_FIRST from which number on: below 1 lie runs in which all was well for longer.
What an earlier demo recorded there is removed: its runs would tell another story.
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
# From run 4 on a test is slower. It is told once ten runs were before that and five since.
FIRST, RUNS = "-7", "16"


def main(home: Path) -> None:
    """Record the runs below `home`, then become the process that serves them."""
    begin_anew(home)
    # What this shell has set for other projects is none of the demo's.
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith(("AKA_STATS_", "PYTEST_"))
    }
    first = int(os.environ.get("DEMO_FIRST", FIRST))
    for number in range(first, first + int(os.environ.get("DEMO_RUNS", RUNS))):
        record(home, number, environment)
    newest = ask(home, environment, "runs", "--limit", "1")["items"][0]["id"]
    if os.environ.get("DEMO_SERVE") == "0":
        print(f"recorded in {home / '.akastats'}, newest run {newest}")
        return
    port = free_port(int(os.environ.get("DEMO_PORT", PORT)))
    announce(f"http://127.0.0.1:{port}/", newest)
    os.chdir(home)
    os.execve(AKASTATS, [AKASTATS, "serve", "--port", str(port)], environment)


def begin_anew(home: Path) -> None:
    """Take out of `home` what an earlier demo recorded there, and put the suite into it."""
    recorded, mark = home / ".akastats", home / "shop" / "__init__.py"
    if recorded.exists() and not mark.exists():
        raise SystemExit(f"{recorded} is no demo's: name another directory, or remove it")
    # A server of the earlier demo that still runs keeps to its own, and ends by itself.
    shutil.rmtree(recorded, ignore_errors=True)
    shutil.copytree(SUITE, home, dirs_exist_ok=True)


def record(home: Path, number: int, environment: Mapping[str, str]) -> None:
    """Run the suite once; some of its tests fail, which is what it is for."""
    branch = "feature/refunds" if number == 3 else "main"
    print(f"\n--- run {number}, branch {branch} ---", flush=True)
    # As if somebody had committed something before each run.
    commit = hashlib.sha256(f"demo {number}".encode()).hexdigest()[:40]
    told = {**environment, "DEMO_RUN": str(number), "AKA_STATS_BRANCH": branch, "AKA_STATS_COMMIT": commit}
    # Other plugins that happen to be installed take seconds to be imported.
    told["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "akastats", "--akastats", "--tb=short"]
    code = subprocess.run(command, cwd=home, env=told, check=False).returncode
    if code not in (0, 1):
        raise SystemExit(code)


def ask(home: Path, environment: Mapping[str, str], *arguments: str) -> Any:
    """Return what `akastats arguments --json` answers."""
    command = [AKASTATS, *arguments, "--json"]
    return json.loads(subprocess.run(command, cwd=home, env=environment, check=True, capture_output=True).stdout)


def free_port(wanted: int) -> int:
    """Return the wanted port of the loopback, another one where it is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def announce(address: str, run: str) -> None:
    """Print what is worth opening."""
    print("\nWorth opening:")
    print(f"  the page       {address}")
    print(f"  what is flaky  {address}flaky")
    print(f"  what is slower {address}slower")
    print(f"  a run          {address}runs/{run}")
    print(f"  a test's past  {address}test?nodeid={quote(SHOWN)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
