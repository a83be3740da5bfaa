"""Runs: their records, the sets that list them, their profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from akastats.config import Config
from akastats.errors import NotFoundError
from akastats.store import keys
from akastats.store.push import CURSOR_TTL_S, RunChange, Write
from akastats.store.requests import Command, Operation, send_read, send_reads, send_writes
from akastats.store.server import read_time

DAY_S = 86_400

#: The dimensions by which runs are listed, besides all of them.
DIMENSIONS = ("branch", "suite", "commit")

#: Of a list with several filters so many runs are looked at in one step, and in one page so many steps taken:
#: ZMSCORE of 200 members takes the server some 0.1 ms.
LOOKED_AT = 200
STEPS = 25

#: For so long after its end a run may wait for its tests and errors to be listed.
UNLISTED_TTL_S = 30 * DAY_S

#: A score for which `push.lua` writes the server's own time.
SERVER_TIME = "+inf"

#: Seconds that a client's clock may be ahead of the server's, as in `push.lua`.
CLOCK_SKEW_S = 300.0

#: Members of one set of runs that are looked at in one pruning.
PRUNED = 100

#: What a run can be; a final status replaces `crashed`, never the other way round.
UNFINISHED = ("running", "crashed")
STATUSES = (*UNFINISHED, "passed", "failed", "interrupted", "empty")


def build_start(fields: dict[str, Any], config: Config) -> RunChange:
    """Return what the beginning of a run changes: nothing, if the run is known already."""
    return _change(fields | {"status": "running"}, config, replaceable="", profile=None)


#: The field of a run in progress that holds its failures so far, as `profile.encode_failing` writes them.
FAILING = "failing"


#: The field of a crashed run that holds the tests its process died in, a JSON list of node ids.
DIED_IN = "died_in"


def build_progress(run_id: str, fields: dict[str, Any], config: Config) -> RunChange:
    """Return what is told of a run while it goes on: some fields, and nothing once anybody has told its end."""
    key = keys.run(config.namespace, run_id)
    flat = [part for name, value in fields.items() for part in (name, _text(value))]
    return RunChange(key, "running", (Write("HSET", key, tuple(flat)),))


def build_end(fields: dict[str, Any], config: Config, profile: bytes) -> RunChange:
    """Return what the end of a run changes; `fields["status"]` is its final one, or `crashed`."""
    final = fields["status"] != "crashed"
    replaceable = " ".join([*UNFINISHED, fields["status"]] if final else UNFINISHED)
    change = _change(fields, config, replaceable, profile)
    # The profile has all failures, and a run that has an end did not die.
    outdated = (FAILING, DIED_IN) if final else (FAILING,)
    return replace(change, writes=(*change.writes, Write("HDEL", change.key, outdated)))


def build_merge(fields: dict[str, Any], config: Config, profile: bytes | None) -> RunChange:
    """Return the changes that add a run of another server; `profile` is `None` if it has expired there."""
    if profile is not None:
        return build_end(fields, config, profile)
    replaceable = " ".join(UNFINISHED)
    return _change(fields, config, replaceable, None)


def _unlisted(namespace: str, run_id: str) -> list[Write]:
    """Return what has a run's tests and errors listed: by whoever delivered it, or the next who looks."""
    key = keys.pending_index(namespace)
    return [Write("ZADD", key, (SERVER_TIME, run_id)), Write("EXPIRE", key, (UNLISTED_TTL_S,))]


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
        # Old runs are not removed here: scores are clients' times, and one wrong clock would remove all others.
        writes.append(Write("ZADD", runs, (told["started"], run_id)))
        writes.append(Write("EXPIRE", runs, (ttl,)))
    if profile is not None:
        writes.append(Write("SET", keys.profile(namespace, run_id), (profile, "EX", ttl)))
        writes += _unlisted(namespace, run_id)
    return RunChange(key, replaceable, tuple(writes))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def prune_profiles(config: Config) -> Operation[int]:
    """Remove the profiles of all but the newest runs, at most 100; return the number of removed profiles.

    Runs that are dated ahead of the server do not count: they would take the places of all others for years.
    """
    latest = (yield from read_time()) + CLOCK_SKEW_S
    key = keys.runs(config.namespace)
    found = yield from send_read("ZREVRANGEBYSCORE", key, repr(latest), "-inf", "LIMIT", config.profiles, 100)
    if not found:
        return 0
    names = [keys.profile(config.namespace, decode_member(member)) for member in found]
    (removed,) = yield from send_writes(("UNLINK", *names))
    return int(removed)


def prune(config: Config, run_id: str) -> Operation[int]:
    """Remove runs that have expired from the sets that list `run_id`; return the number of removed members.

    A record expires by the server's clock, `run_days` after it was last written. Of each set at most a hundred
    members that are dated before that are looked at, and a hundred that are dated ahead of the server.
    """
    namespace, now = config.namespace, (yield from read_time())
    stored = (yield from read_fields(namespace, [run_id], DIMENSIONS))[run_id]
    listing = [keys.runs(namespace, by, value) for by, value in stored.items() if value]
    listing += [keys.runs(namespace), *(keys.runs(namespace, "status", status) for status in STATUSES)]
    removed = 0
    for low, high in (("-inf", repr(now - config.run_days * DAY_S)), (repr(now + CLOCK_SKEW_S), "+inf")):
        removed += yield from _prune(namespace, listing, low, high, now)
    return removed


def _prune(namespace: str, listing: Sequence[str], low: str, high: str, now: float) -> Operation[int]:
    """Remove expired runs between two scores of each set."""
    sizes = yield from send_reads([("ZCOUNT", name, low, high) for name in listing])
    # The offset changes each second: 100 live runs with wrong dates would otherwise hide the others for a year.
    ranges: list[Command] = [
        ("ZRANGEBYSCORE", name, low, high, "LIMIT", int(now) % max(1, int(size) - PRUNED + 1), PRUNED)
        for name, size in zip(listing, sizes, strict=True)
    ]
    found = yield from send_reads(ranges)
    members = list(dict.fromkeys(member for range_ in found for member in range_))
    exist = yield from send_reads([("EXISTS", keys.run(namespace, decode_member(member))) for member in members])
    gone = {member for member, exists in zip(members, exist, strict=True) if not exists}
    outlived = [
        (name, [each for each in range_ if each in gone]) for name, range_ in zip(listing, found, strict=True)
    ]
    removals: list[Command] = [("ZREM", name, *names) for name, names in outlived if names]
    return sum(map(int, (yield from send_writes(*removals)))) if removals else 0


def read_cursor(namespace: str, producer: str) -> Operation[str]:
    """Read how far a producer has been applied; `0` if not at all."""
    stands = yield from send_read("GET", keys.cursor(namespace, producer))
    return stands.decode() if stands else "0"


def read_cursor_age(namespace: str, producer: str) -> Operation[float]:
    """Read for how long, in seconds, a producer's cursor has not moved; 0 where there is none."""
    left = yield from send_read("TTL", keys.cursor(namespace, producer))
    return max(0.0, float(CURSOR_TTL_S - int(left))) if int(left) >= 0 else 0.0


class Position(NamedTuple):
    """A run's place in a list; later ones are greater, as the sorted sets have it."""

    started: float
    run_id: str


def find_runs(
    namespace: str, wanted: Mapping[str, str], after: Position | None, size: int, names: Sequence[str] = ()
) -> Operation[tuple[list[dict[str, str]], Position | None]]:
    """Read the newest runs behind `after` that have every value in `wanted` (dimension to value).

    Of each it reads the fields `names`, `id` among them, or all: that takes 2.5 times as long as a dozen.
    Returns at most `size`, and where the next page begins, `None` at the end. The page ends early when
    5,000 runs were looked at. Expired ones are left out.
    """
    base, *others = yield from _most_selective(namespace, wanted)
    width = LOOKED_AT if others else size + 1
    start = yield from _rank_behind(base, after)
    found: list[tuple[Position, dict[str, str]]] = []
    for _ in range(STEPS):
        seen = yield from send_read("ZREVRANGE", base, start, start + width - 1, "WITHSCORES")
        positions = [Position(score, member) for member, score in parse_scores(seen)]
        found += yield from _passing(
            namespace, others, [at for at in positions if after is None or at < after], names
        )
        if len(found) > size:
            return [stored for _, stored in found[:size]], found[size - 1][0]
        if len(positions) < width:
            return [stored for _, stored in found], None
        # What was added meanwhile shifts the ranks: nothing is taken twice.
        start, after = start + width, min(after or positions[-1], positions[-1])
    return [stored for _, stored in found], after


def _rank_behind(base: str, after: Position | None) -> Operation[int]:
    """Return the rank at which reading goes on, of those that began later if `after` is no longer listed."""
    if after is None:
        return 0
    rank, later = yield from send_reads(
        [("ZREVRANK", base, after.run_id), ("ZCOUNT", base, f"({after.started!r}", "+inf")]
    )
    return int(later) if rank is None else int(rank) + 1


def count_begun_since(namespace: str, started: float) -> Operation[int]:
    """Read how many runs have begun at a time or later."""
    return int((yield from send_read("ZCOUNT", keys.runs(namespace), repr(started), "+inf")))


def _most_selective(namespace: str, wanted: Mapping[str, str]) -> Operation[list[str]]:
    """Return the sets that a run must be in, the smallest first; that of all runs where nothing is wanted."""
    sets = [keys.runs(namespace, dimension, value) for dimension, value in wanted.items()]
    if len(sets) < 2:
        return sets or [keys.runs(namespace)]
    sizes = yield from send_reads([("ZCARD", name) for name in sets])
    return [name for _, name in sorted(zip(sizes, sets, strict=True))]


def _passing(
    namespace: str, others: list[str], positions: list[Position], names: Sequence[str]
) -> Operation[list[tuple[Position, dict[str, str]]]]:
    """Return those that are in all other sets and have not expired, with what is stored."""
    if not positions:
        return []
    ids = [position.run_id for position in positions]
    scores = yield from send_reads([("ZMSCORE", name, *ids) for name in others])
    passing = [at for at, *found in zip(positions, *scores, strict=True) if None not in found]
    if names:
        told = yield from read_fields(namespace, [at.run_id for at in passing], names)
        return [(at, told[at.run_id]) for at in passing if "id" in told[at.run_id]]
    hashes = yield from send_reads([("HGETALL", keys.run(namespace, at.run_id)) for at in passing])
    return [(at, found) for at, found in zip(passing, map(parse_run, hashes), strict=True) if found]


def read_fields(
    namespace: str, run_ids: Sequence[str], names: Sequence[str]
) -> Operation[dict[str, dict[str, str]]]:
    """Read some fields of several runs in one round trip; absent ones are left out."""
    replies = yield from send_reads([("HMGET", keys.run(namespace, run_id), *names) for run_id in run_ids])
    return {
        run_id: {name: value.decode(errors="replace") for name, value in zip(names, reply, strict=True) if value}
        for run_id, reply in zip(run_ids, replies, strict=True)
    }


def decode_member(member: bytes) -> str:
    """Return a member of a set, or the name of a field: what is no UTF-8 is spelled out, and so names nothing."""
    return member.decode(errors="backslashreplace")


def parse_scores(reply: list[Any]) -> list[tuple[str, float]]:
    """Return members with scores: flat in RESP2, pairs in RESP3 and through redis-py's own parsing."""
    flat = [part for item in reply for part in (item if isinstance(item, (list, tuple)) else (item,))]
    return [(decode_member(member), float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)]


def parse_run(stored: Any) -> dict[str, str]:
    """Return a stored run as text, empty where there is none, or something that has no id and so is none."""
    flat = stored if isinstance(stored, dict) else dict(zip(stored[::2], stored[1::2], strict=True))
    told = {decode_member(name): value.decode(errors="replace") for name, value in flat.items()}
    return told if "id" in told else {}


def read_run(namespace: str, run_id: str) -> Operation[dict[str, str]]:
    """Read one run; raises `NotFoundError` for one that is unknown or has expired."""
    stored = parse_run((yield from send_read("HGETALL", keys.run(namespace, run_id))))
    if not stored:
        raise NotFoundError(f"no run {run_id[:100]!r} in namespace {namespace!r}: unknown, or expired")
    return stored


def read_profile(namespace: str, run_id: str) -> Operation[bytes]:
    """Read one run's profile as stored; raises `NotFoundError` where there is none any more."""
    stored = yield from send_read("GET", keys.profile(namespace, run_id))
    if stored is None:
        raise NotFoundError(f"no profile of run {run_id[:100]!r}: unknown, expired, or still running")
    return bytes(stored)
