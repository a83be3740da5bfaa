"""Spools of runs, and their delivery, without running a test."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from akastats import redis
from akastats.config import Config
from akastats.delivery.draining import drain_one
from akastats.delivery.indexing import refresh
from akastats.spool.writer import Writer

STARTED = 1_700_000_000.0
LETTERS = {"passed": "ppp", "failed": "pfp", "error": "f-p", "skipped": "s-p", "rerun": "prp", "xfailed": "pxp"}
TRACEBACK = "def test():\n>       assert total == 13\nE       assert 12 == 13\n\ntest_a.py:3: AssertionError"

# A test: node id, outcome, seconds, and the text of its traceback if it failed.
Row = tuple[Any, ...]


def spool(
    directory: Path,
    tests: Iterable[Row] = (),
    *,
    run_id: str = "20231114T221320000-000001",
    started: float = STARTED,
    ended: bool = True,
    exit_code: int = 1,
    fixtures: Iterable[list[Any]] = (),
    uncollected: Iterable[str] = (),
    numbers: Iterable[tuple[str, float]] = (),
    further: Iterable[list[Any]] = (),
    **header: Any,
) -> Path:
    """Write the spool of one run, whose process is gone, and return its path."""
    writer = Writer(directory, run_id)
    header_fields = {"id": run_id, "started": started, "pid": 2**22 + 1, "pid_mark": "gone", "suite": "", **header}
    records: list[list[Any]] = [["run", header_fields]]
    for number, (nodeid, outcome, seconds, *text) in enumerate(tests):
        start = round((started + number) * 1e6)
        letters = LETTERS[outcome]
        if "f" in letters or "r" in letters:
            records.append(["error", nodeid, "", "call", "failed", "", (text or [TRACEBACK])[0], start])
        us = round(seconds * 1e6)
        phases = (us, 0, 0) if letters[1] == "-" else (0, us, 0)
        records.append(["test", nodeid, "", letters, start, *phases])
    records += [["uncollected", path, "ImportError", TRACEBACK, round(started * 1e6)] for path in uncollected]
    records += [["stat", "", "", [[started + 1, label, value, None]]] for label, value in numbers]
    records += [["fixtures", list(fixtures)], *further]
    if ended:
        records.append(["end", {"finished": started + 60, "exit_code": exit_code, "interrupted": False}])
    for record in records:
        assert writer.append(json.dumps(record))
    writer.close()
    return writer.path


def deliver(path: Path, url: str, namespace: str = "AKA-STATS") -> None:
    """Deliver a spool to the server at `url`."""
    with redis.connect(url) as client:
        config = Config(redis_url=url, namespace=namespace)
        # These runs are years old, but were never delivered.
        drained = drain_one(path, config, lambda operation: redis.run(operation, client, client), force=True)
        redis.run(refresh(config, [drained.run_id]), client, client)
    assert not drained.problem


def deliver_run(url: str, directory: Path, tests: Iterable[Row] = (), **header_fields: Any) -> str:
    """Deliver one run to the server at `url`; return its id."""
    path = spool(directory / "told" / "spool", tests, **header_fields)
    deliver(path, url)
    run_id = path.name.split("-", 1)[1].rsplit("-", 2)[0]
    os.unlink(path)
    return run_id
