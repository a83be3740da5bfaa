"""What the plugin costs a session that does not record, in instructions: installed and off, beside not installed.

    python benchmarks/off.py [--sessions 4]

Makes two virtual environments, pytest and redis-py alone and this checkout's wheel, and counts sessions of 1 to
`--sessions` tests with valgrind's callgrind. Garbage collection is off in both: one collection more or less is
400,000 instructions, and whether it happens depends on the number of objects that pytest happens to make.
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
    """Print the instructions of each session; return 1 if the mean is above the limit."""
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
    """Return the interpreter of a new virtual environment with these requirements."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--quiet", *requirements], check=True)
    return python


def cost(suite: Path, size: int, bare: Path, ours: Path) -> int:
    """Return how many more instructions a session of `size` tests takes where the plugin is installed."""
    suite.mkdir()
    (suite / "test_some.py").write_text("".join(f"def test_{index}(): pass\n" for index in range(size)))
    without, with_plugin = (count_instructions(python, suite) for python in (bare, ours))
    print(f"{size} tests: {without:,} without, {with_plugin:,} with: {with_plugin - without:,}")
    return with_plugin - without


def count_instructions(python: Path, suite: Path) -> int:
    """Return the instructions of one session, whose files are compiled already."""
    command = [str(python), "-c", MAIN, "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, cwd=suite, env=environment, check=True, capture_output=True)
    counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(counted, cwd=suite, env=environment, check=True, capture_output=True, text=True)
    return int(re.findall(r"Collected : (\d+)", done.stderr)[-1])


if __name__ == "__main__":
    sys.exit(main())
