"""Read runs in progress and their changes since the last read."""

from __future__ import annotations

from collections.abc import Mapping

from akastats.queries.runs import Run, run_of
from akastats.store import keys
from akastats.store import runs as stored_runs
from akastats.store.requests import Operation, send_reads

#: Runs in progress that are followed, the newest; a run whose machine died stays `running`.
MAX_RUNNING = 100
#: Newest runs that are followed in any status, because a short run begins and ends between two reads.
NEWEST = 20


def read(namespace: str, known: Mapping[str, Run]) -> Operation[dict[str, Run]]:
    """Read runs in progress, the newest runs, and those that `known` has as running; in two round trips."""
    running = keys.runs(namespace, "status", "running")
    ids = yield from send_reads(
        [("ZREVRANGE", running, 0, MAX_RUNNING - 1), ("ZREVRANGE", keys.runs(namespace), 0, NEWEST - 1)]
    )
    followed = [stored_runs.decode_member(member) for found in ids for member in found]
    followed += [run.id for run in known.values() if run.status == "running"]
    wanted = list(dict.fromkeys(followed))
    stored = yield from send_reads([("HGETALL", keys.run(namespace, run_id)) for run_id in wanted])
    told = zip(wanted, map(stored_runs.parse_run, stored), strict=True)
    return {run_id: run_of(fields) for run_id, fields in told if fields}


def changed(known: Mapping[str, Run], now: Mapping[str, Run]) -> list[Run]:
    """Return the runs that are new or have changed, oldest first."""
    found = [run for run_id, run in now.items() if known.get(run_id) != run]
    return sorted(found, key=lambda run: (run.started or 0.0, run.id))


def running(now: Mapping[str, Run]) -> list[Run]:
    """Return the runs in progress, oldest first."""
    return changed({}, {run_id: run for run_id, run in now.items() if run.status == "running"})
