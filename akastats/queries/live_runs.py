"""Read runs in progress and their changes since the last read."""

from __future__ import annotations

from collections.abc import Mapping

from akastats.queries.runs import Run, run_of
from akastats.store import keys
from akastats.store import runs as stored_runs
from akastats.store.requests import Operation, send_reads

#: Maximum number of runs with the status `running` per read. A run whose machine died keeps this status.
MAX_RUNNING = 100
#: Number of newest runs that are read with any status, because a short run can begin and end between two reads.
NEWEST = 20


def read(namespace: str, previous: Mapping[str, Run]) -> Operation[dict[str, Run]]:
    """Read runs in progress, the newest runs, and runs in progress of `previous`; in two round trips."""
    running = keys.runs(namespace, "status", "running")
    replies = yield from send_reads(
        [("ZREVRANGE", running, 0, MAX_RUNNING - 1), ("ZREVRANGE", keys.runs(namespace), 0, NEWEST - 1)]
    )
    followed = [stored_runs.decode_member(member) for members in replies for member in members]
    followed += [run.id for run in previous.values() if run.status == "running"]
    run_ids = list(dict.fromkeys(followed))
    stored = yield from send_reads([("HGETALL", keys.run(namespace, run_id)) for run_id in run_ids])
    records = zip(run_ids, map(stored_runs.parse_run, stored), strict=True)
    return {run_id: run_of(fields) for run_id, fields in records if fields}


def find_changed(previous: Mapping[str, Run], current: Mapping[str, Run]) -> list[Run]:
    """Return the runs that are new or have changed, oldest first."""
    runs = [run for run_id, run in current.items() if previous.get(run_id) != run]
    return sorted(runs, key=lambda run: (run.started or 0.0, run.id))


def find_running(current: Mapping[str, Run]) -> list[Run]:
    """Return the runs in progress, oldest first."""
    return find_changed({}, {run_id: run for run_id, run in current.items() if run.status == "running"})
