"""Measure the instructions that the installed plugin adds to a session without recording.

    python benchmarks/off.py [--sessions 4]

One virtual environment has only pytest and redis-py; another also has the wheel of this checkout. valgrind's
callgrind counts sessions of 1 to `--sessions` tests. Garbage collection is disabled, because one collection takes
400,000 instructions, and the number of objects decides whether it happens.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
MAIN = "import gc; gc.disable(); import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
LIMIT = 5_000_000


def main() -> int:
    """Print the additional instructions of each session; return 1 if their mean is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=4)
    sessions = parser.parse_args().sessions
    with tempfile.TemporaryDirectory() as home:
        bare = make_environment(Path(home) / "bare", "pytest>=8", "redis>=5")
        ours = make_environment(Path(home) / "ours", str(CHECKOUT))
        costs = [cost(Path(home) / f"suite-{size}", size, bare, ours) for size in range(1, sessions + 1)]
    mean = sum(costs) / len(costs)
    print(f"mean {mean / 1e6:.2f} million instructions per session, at most {LIMIT / 1e6:.0f}")
    return int(mean > LIMIT)


def make_environment(directory: Path, *requirements: str) -> Path:
    """Create a virtual environment with these requirements; return its interpreter."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--quiet", *requirements], check=True)
    return python


def cost(suite: Path, size: int, bare: Path, ours: Path) -> int:
    """Return the instructions that the installed plugin adds to a session of `size` tests."""
    suite.mkdir()
    (suite / "test_some.py").write_text("".join(f"def test_{index}(): pass\n" for index in range(size)))
    without, with_plugin = (count_instructions(python, suite) for python in (bare, ours))
    print(f"{size} tests: {without:,} without, {with_plugin:,} with: {with_plugin - without:,}")
    return with_plugin - without


def count_instructions(python: Path, suite: Path) -> int:
    """Return the instructions of one session, after its files are compiled."""
    command = [str(python), "-c", MAIN, "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, cwd=suite, env=environment, check=True, capture_output=True)
    counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(counted, cwd=suite, env=environment, check=True, capture_output=True, text=True)
    return int(re.findall(r"Collected : (\d+)", done.stderr)[-1])


if __name__ == "__main__":
    sys.exit(main())
