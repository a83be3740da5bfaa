"""Two hundred writers at once, in threads and processes, blocking and awaiting: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from redis import Redis

from akastats import Stats, push_stat
from akastats.sync_stats import fetch_stats, stat_history

ROOT = Path(__file__).parent.parent
LABELS = 50
ROUNDS = 3


def blocking(writer: int) -> None:
    """Write to every label, in blocks and singly."""
    for turn in range(ROUNDS):
        with Stats() as stat:
            for label in range(LABELS - 1):
                stat(f"label {label}", value_of(writer, turn))
        push_stat(f"label {LABELS - 1}", value_of(writer, turn))


async def awaiting(writer: int) -> None:
    """The same, awaiting."""
    for turn in range(ROUNDS):
        async with Stats() as stat:
            for label in range(LABELS):
                stat(f"label {label}", value_of(writer, turn))


def value_of(writer: int, turn: int) -> float:
    """Push a value that no other writer pushes."""
    return float(writer * ROUNDS + turn)


async def awaiting_all(first: int, many: int) -> None:
    """Many awaiting writers in one loop."""
    await asyncio.gather(*[awaiting(first + number) for number in range(many)])


def blocking_all(first: int, many: int) -> None:
    """Many blocking writers in threads."""
    with ThreadPoolExecutor(many) as pool:
        list(pool.map(blocking, range(first, first + many)))


def main(first: int, threads: int, tasks: int) -> None:
    """What one process does: threads, then tasks."""
    blocking_all(first, threads)
    asyncio.run(awaiting_all(first + threads, tasks))


def test_two_hundred_writers_at_once(server, server_url, redis_client: Redis):
    """Four processes of fifty writers on fifty labels: COUNT, TOTAL and every history are exact."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # As a module: the directory of a script is searched first, and `tests/redis` would hide the library.
    program = [sys.executable, "-m", "tests.test_writers"]
    writers = [
        subprocess.Popen([*program, server_url, str(first), "25", "25"], cwd=ROOT, env=environment)
        for first in range(0, 150, 50)
    ]

    main(150, 25, 25)

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    expected = Counter(value_of(writer, turn) for writer in range(200) for turn in range(ROUNDS))
    for number in range(LABELS):
        points = stat_history(f"label {number}")
        found = fetch_stats(f"label {number}")
        assert Counter(point.value for point in points) == expected
        assert (found.count, found.total) == (len(points), sum(expected))
        assert [point.timestamp for point in points] == sorted((p.timestamp for p in points), reverse=True)


if __name__ == "__main__":
    from akastats.config import Config, config

    config.use(Config(redis_url=sys.argv[1]))
    main(*map(int, sys.argv[2:]))
