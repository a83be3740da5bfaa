"""Fill a store with the runs of a large suite, delivered by the real library from spools.

    python benchmarks/filled.py URL [--tests 10000] [--runs 500]

Each run is written in the format of the plugin and delivered in the same way as by `akastats drain`. A history has
its newest 1,000 points.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from akastats import redis
from akastats.config import Config
from akastats.delivery.analysing import analyse_late_runs
from akastats.delivery.draining import drain_one
from akastats.delivery.indexing import refresh
from akastats.spool.writer import Writer

#: One test in this number fails sometimes, with one of this number of causes.
FLAKY, CAUSES = 200, 60
BRANCHES = ("main", "main", "topic/faster", "topic/orders")
DAY_S = 86_400

Record = list[Any]


def nodeids(count: int) -> list[str]:
    """Return node ids like those of a large suite, with about 75 characters on average."""
    return [
        f"tests/unit/package_{at % 37:02d}/test_module_{at % 211:03d}.py::TestCase::test_case_{at:06d}"
        + (f"[{at % 10}-value]" if at % 3 == 0 else "")
        for at in range(count)
    ]


def traceback(cause: int, run: int) -> str:
    """Return the text of a failure. The same cause has the same fingerprint, because numbers are ignored."""
    return (
        f"    def test_case():\n>       load({run})\n\ntests/unit/test_module.py:{cause}:\n"
        f"_ _ _ _\nshop/module_{cause}.py:12: in load\n    return parse(text)\n"
        + "    a line of source code near the failing line, of typical length......\n" * 20
        + f"E       ValueError: no order {run} in {cause}\n\nshop/module_{cause}.py:20: ValueError"
    )


def records(tests: list[str], run: int, started: float) -> Iterator[Record]:
    """Yield the records of one run of all tests by eight workers."""
    chance = random.Random(run)
    header = {
        "id": run_id(run, started),
        "started": started,
        "pid": 2**22 + 1,
        "pid_mark": "gone",
        "suite": "",
        "branch": BRANCHES[run % len(BRANCHES)],
        "commit": f"{run:040x}",
        "workers": 8,
        "python": "3.13.1",
        "argv": "-n 8",
    }
    yield ["run", header]
    clocks = [started] * 8
    for at, nodeid in enumerate(tests):
        worker = at % 8
        us = round(chance.lognormvariate(8, 1))
        fails = at % FLAKY == run % FLAKY
        begun = round(clocks[worker] * 1e6)
        if fails:
            yield [
                "error",
                nodeid,
                f"gw{worker}",
                "call",
                "failed",
                "ValueError",
                traceback(at % CAUSES, run),
                begun,
            ]
        yield ["test", nodeid, f"gw{worker}", "pfp" if fails else "ppp", begun, 120, us, 80]
        clocks[worker] += (us + 200) / 1e6
    yield [
        "fixtures",
        [["tests", "database", "session", 8, 6.5, 0.8], ["", "tmp_path", "function", 900, 0.9, 0.1]],
    ]
    yield ["end", {"finished": max(clocks) + 1, "exit_code": 1, "interrupted": False}]


def run_id(run: int, started: float) -> str:
    """Return a run id, which sorts by time."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}000-{run:06x}"


def fill(url: str, tests: int, runs: int, on_applied: Any = None) -> float:
    """Deliver `runs` runs of `tests` tests, the last one a minute old; return the duration in seconds.

    `on_applied` is called with the number of each run after it is applied.
    """
    config, began, names = Config(redis_url=url), time.monotonic(), nodeids(tests)
    first = time.time() - 60 - (runs - 1) * DAY_S / 40
    with tempfile.TemporaryDirectory() as directory, redis.connect(url) as client:

        def execute(operation: Any) -> Any:
            return redis.run(operation, client, client)

        for run in range(runs):
            started = first + run * DAY_S / 40
            path = write(Path(directory), records(names, run, started), run_id(run, started))
            drained = drain_one(
                path, config, execute, execute_all=partial(redis.run_all, writer=client), force=True
            )
            assert drained.complete, drained
            path.unlink()
            # The index is updated after each run: from the second run on, rows are updated instead of created.
            if run in (runs // 2, runs - 1):
                execute(refresh(config, [drained.run_id]))
            if run == runs - 1:
                analyse_late_runs(config, execute, [drained.run_id])
            if on_applied:
                on_applied(run)
    return time.monotonic() - began


def write(directory: Path, content: Iterator[Record], name: str) -> Path:
    """Write the spool of one run and return its path."""
    writer = Writer(directory, name)
    for record in content:
        assert writer.append(json.dumps(record))
    writer.close()
    return writer.path


def main() -> int:
    """Fill the server of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--tests", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=500)
    options = parser.parse_args()
    seconds = fill(options.url, options.tests, options.runs, lambda run: print(".", end="", flush=True))
    print(f"\n{options.tests} tests x {options.runs} runs in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
