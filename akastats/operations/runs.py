"""Runs: their records, the sets that list them, their profiles."""

from __future__ import annotations

from typing import Any

from akastats import keys
from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.operations.push import RunChange, Write
from akastats.operations.requests import Operation, ask, ask_all, tell

DAY_S = 86_400

#: The dimensions by which runs are listed, besides all of them.
DIMENSIONS = ("branch", "suite", "commit")

#: What a run can be; a final status replaces `crashed`, never the other way round.
UNFINISHED = ("running", "crashed")


def started(fields: dict[str, Any], config: Config) -> RunChange:
    """Return what the beginning of a run changes: nothing, if the run is known already."""
    return _change(fields | {"status": "running"}, config, replaceable="", profile=None)


def finished(fields: dict[str, Any], config: Config, profile: bytes) -> RunChange:
    """Return what the end of a run changes; `fields["status"]` is its final one, or `crashed`."""
    final = fields["status"] != "crashed"
    replaceable = " ".join([*UNFINISHED, fields["status"]] if final else UNFINISHED)
    return _change(fields, config, replaceable, profile)


def _change(fields: dict[str, Any], config: Config, replaceable: str, profile: bytes | None) -> RunChange:
    namespace, run_id = config.namespace, str(fields["id"])
    key, ttl = keys.run(namespace, run_id), config.run_days * DAY_S
    told = {name: _text(value) for name, value in fields.items() if value not in (None, "")}
    flat = [part for item in told.items() for part in item]
    writes = [Write("HSET", key, tuple(flat)), Write("EXPIRE", key, (ttl,))]
    left = [keys.runs(namespace, "status", status) for status in UNFINISHED]
    writes += [Write("ZREM", runs, (run_id,)) for runs in left]
    listed = [keys.runs(namespace), keys.runs(namespace, "status", fields["status"])]
    listed += [keys.runs(namespace, by, told[by]) for by in DIMENSIONS if told.get(by)]
    for runs in listed:
        writes.append(Write("ZADD", runs, (told["started"], run_id)))
        oldest = float(told["started"]) - ttl
        writes.append(Write("ZREMRANGEBYSCORE", runs, ("-inf", f"({oldest}")))
        writes.append(Write("EXPIRE", runs, (ttl,)))
    if profile is not None:
        writes.append(Write("SET", keys.profile(namespace, run_id), (profile, "EX", ttl)))
    return RunChange(key, replaceable, tuple(writes))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def prune_profiles(config: Config) -> Operation[int]:
    """Remove the profiles of all but the newest runs; return how many of the next hundred there were."""
    newest = config.profiles
    found = yield from ask("ZREVRANGE", keys.runs(config.namespace), newest, newest + 99)
    if not found:
        return 0
    names = [keys.profile(config.namespace, run_id.decode()) for run_id in found]
    (removed,) = yield from tell(("UNLINK", *names))
    return int(removed)


def cursor(namespace: str, producer: str) -> Operation[str]:
    """Read how far a producer has been applied; `0` if not at all."""
    stands = yield from ask("GET", keys.cursor(namespace, producer))
    return stands.decode() if stands else "0"


def page(
    namespace: str, dimension: str = "", value: str = "", before: str = "+inf", skip: int = 0, size: int = 50
) -> Operation[list[tuple[float, dict[str, str]]]]:
    """Read runs, newest first, from start time `before` (inclusive) down, each with its start time.

    `skip` leaves out so many of the first, for runs that began at one moment. Expired ones are left out.
    """
    runs = keys.runs(namespace, dimension, value)
    found = yield from ask("ZREVRANGEBYSCORE", runs, before, "-inf", "WITHSCORES", "LIMIT", skip, size)
    listed = list(_scored(found))
    hashes = yield from ask_all([("HGETALL", keys.run(namespace, run_id)) for run_id, _ in listed])
    return [(score, fields(stored)) for (_, score), stored in zip(listed, hashes, strict=True) if stored]


def _scored(reply: list[Any]) -> list[tuple[str, float]]:
    """Return members with scores: flat in RESP2, pairs in RESP3 and through redis-py's own parsing."""
    flat = [part for item in reply for part in (item if isinstance(item, (list, tuple)) else (item,))]
    return [(member.decode(), float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)]


def fields(stored: Any) -> dict[str, str]:
    """Return a stored hash as text."""
    flat = stored if isinstance(stored, dict) else dict(zip(stored[::2], stored[1::2], strict=True))
    return {name.decode(): value.decode(errors="replace") for name, value in flat.items()}


def run(namespace: str, run_id: str) -> Operation[dict[str, str]]:
    """Read one run; raises `NotFoundError` for one that is unknown or has expired."""
    stored = yield from ask("HGETALL", keys.run(namespace, run_id))
    if not stored:
        raise NotFoundError(f"no run {run_id[:100]!r} in namespace {namespace!r}: unknown, or expired")
    return fields(stored)


def profile(namespace: str, run_id: str) -> Operation[bytes]:
    """Read one run's profile as stored; raises `NotFoundError` where there is none any more."""
    stored = yield from ask("GET", keys.profile(namespace, run_id))
    if stored is None:
        raise NotFoundError(f"no profile of run {run_id[:100]!r}: unknown, expired, or still running")
    return bytes(stored)
