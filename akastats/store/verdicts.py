"""Store and read the verdicts of runs."""

from __future__ import annotations

from collections.abc import Sequence

from akastats.store import keys
from akastats.store.requests import Operation, send_reads, send_writes


def store_verdicts(namespace: str, run_id: str, packed: bytes, ttl_s: int) -> Operation[None]:
    """Store the packed verdicts of a run for `ttl_s` seconds."""
    yield from send_writes(("SET", keys.verdicts(namespace, run_id), packed, "EX", ttl_s))


def read_verdicts(namespace: str, run_ids: Sequence[str]) -> Operation[dict[str, bytes]]:
    """Read the packed verdicts of some runs, in one round trip; omit runs without verdicts."""
    replies = yield from send_reads([("GET", keys.verdicts(namespace, run_id)) for run_id in run_ids])
    return {run_id: bytes(reply) for run_id, reply in zip(run_ids, replies, strict=True) if reply is not None}


def filter_with_verdicts(namespace: str, run_ids: Sequence[str]) -> Operation[list[str]]:
    """Return the runs that have verdicts, in one round trip."""
    replies = yield from send_reads([("EXISTS", keys.verdicts(namespace, run_id)) for run_id in run_ids])
    return [run_id for run_id, reply in zip(run_ids, replies, strict=True) if int(reply)]
