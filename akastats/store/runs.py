"""Write and read runs: their records, indexes, profiles and cursors."""

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

#: Fields by which runs are indexed, besides the set of all runs.
DIMENSIONS = ("branch", "suite", "commit")

#: Number of runs that a search with several filters examines per step. ZMSCORE of 200 members takes the server
#: about 0.1 ms.
STEP_RUNS = 200
#: Maximum number of steps per page.
STEPS = 25

#: Seconds after the end of a run during which its index update can be pending.
PENDING_TTL_S = 30 * DAY_S

#: A score for which `push.lua` substitutes the server's own time.
SERVER_TIME = "+inf"

#: Maximum number of seconds by which a client's clock may be ahead of the server's, as in `push.lua`.
CLOCK_SKEW_S = 300.0

#: Maximum number of members per set that one call of `prune` examines.
PRUNED = 100

#: Statuses that another status may replace. The others are final; `crashed` does not replace a final status.
UNFINISHED = ("running", "crashed")
#: All statuses of a run.
STATUSES = (*UNFINISHED, "passed", "failed", "interrupted", "empty")


def build_start(fields: dict[str, Any], config: Config) -> RunChange:
    """Return the changes for the start of a run; they have no effect if the run is already stored."""
    return _change(fields | {"status": "running"}, config, replaceable="", profile=None)


#: Field of a run in progress with its failures so far, encoded by `profile.encode_failing`.
FAILING = "failing"


#: Field of a crashed run with the tests that were running when its process died, a JSON list of node ids.
DIED_IN = "died_in"


#: Fields of a run with times in epoch seconds: the end of its delivery, and the end of its process.
ANSWERED, EXITED = "answered", "exited"


def build_progress(run_id: str, fields: dict[str, Any], config: Config) -> RunChange:
    """Return the changes for a run in progress; they have no effect once the run has ended."""
    key = keys.run(config.namespace, run_id)
    flat = [part for name, value in fields.items() for part in (name, _text(value))]
    return RunChange(key, "running", (Write("HSET", key, tuple(flat)),))


def note_exit(run_id: str, answered: float, exited: float, config: Config) -> Operation[None]:
    """Store the end of a run's delivery and of its process, in epoch seconds; the run must already be stored."""
    fields = (ANSWERED, repr(answered), EXITED, repr(exited))
    yield from send_writes(("HSET", keys.run(config.namespace, run_id), *fields))


def build_end(fields: dict[str, Any], config: Config, profile: bytes) -> RunChange:
    """Return the changes for the end of a run; `fields["status"]` is its final status, or `crashed`."""
    final = fields["status"] != "crashed"
    replaceable = " ".join([*UNFINISHED, fields["status"]] if final else UNFINISHED)
    change = _change(fields, config, replaceable, profile)
    # The profile contains all failures. The process of a run with a final status did not die in a test.
    outdated = (FAILING, DIED_IN) if final else (FAILING,)
    return replace(change, writes=(*change.writes, Write("HDEL", change.key, outdated)))


def build_merge(fields: dict[str, Any], config: Config, profile: bytes | None) -> RunChange:
    """Return the changes that add a run of another server; `profile` is `None` if it has expired there."""
    if profile is not None:
        return build_end(fields, config, profile)
    replaceable = " ".join(UNFINISHED)
    return _change(fields, config, replaceable, None)


def _mark_pending(namespace: str, run_id: str) -> list[Write]:
    """Return the changes that make the index update of a run pending."""
    key = keys.pending_index(namespace)
    return [Write("ZADD", key, (SERVER_TIME, run_id)), Write("EXPIRE", key, (PENDING_TTL_S,))]


def _change(fields: dict[str, Any], config: Config, replaceable: str, profile: bytes | None) -> RunChange:
    namespace, run_id = config.namespace, str(fields["id"])
    key, ttl = keys.run(namespace, run_id), config.run_days * DAY_S
    values = {name: _text(value) for name, value in fields.items() if value not in (None, "")}
    flat = [part for item in values.items() for part in item]
    writes = [Write("HSET", key, tuple(flat)), Write("EXPIRE", key, (ttl,))]
    unfinished = [keys.runs(namespace, "status", status) for status in UNFINISHED]
    writes += [Write("ZREM", runs, (run_id,)) for runs in unfinished]
    indexes = [keys.runs(namespace), keys.runs(namespace, "status", fields["status"])]
    indexes += [keys.runs(namespace, by, values[by]) for by in DIMENSIONS if values.get(by)]
    for runs in indexes:
        # Do not remove old runs here, because one client with a wrong clock would remove all other runs.
        writes.append(Write("ZADD", runs, (values["started"], run_id)))
        writes.append(Write("EXPIRE", runs, (ttl,)))
    if profile is not None:
        writes.append(Write("SET", keys.profile(namespace, run_id), (profile, "EX", ttl)))
        writes += _mark_pending(namespace, run_id)
    return RunChange(key, replaceable, tuple(writes))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def prune_profiles(config: Config) -> Operation[int]:
    """Remove profiles except those of the newest runs, at most 100; return the number of removed profiles.

    `config.profiles` is the number of newest runs. Runs with a date ahead of the server's clock do not count,
    because they would displace all other runs for years.
    """
    latest = (yield from read_time()) + CLOCK_SKEW_S
    key = keys.runs(config.namespace)
    members = yield from send_read("ZREVRANGEBYSCORE", key, repr(latest), "-inf", "LIMIT", config.profiles, 100)
    if not members:
        return 0
    names = [keys.profile(config.namespace, decode_member(member)) for member in members]
    (removed,) = yield from send_writes(("UNLINK", *names))
    return int(removed)


def prune(config: Config, run_id: str) -> Operation[int]:
    """Remove expired runs from the sets that contain `run_id`; return the number of removed members.

    A record expires `run_days` after its last write, by the server's clock. Per set, at most 100 members with an
    earlier date and 100 members with a date ahead of the server's clock are examined.
    """
    namespace, now = config.namespace, (yield from read_time())
    stored = (yield from read_fields(namespace, [run_id], DIMENSIONS))[run_id]
    indexes = [keys.runs(namespace, by, value) for by, value in stored.items() if value]
    indexes += [keys.runs(namespace), *(keys.runs(namespace, "status", status) for status in STATUSES)]
    removed = 0
    for low, high in (("-inf", repr(now - config.run_days * DAY_S)), (repr(now + CLOCK_SKEW_S), "+inf")):
        removed += yield from _prune(namespace, indexes, low, high, now)
    return removed


def _prune(namespace: str, indexes: Sequence[str], low: str, high: str, now: float) -> Operation[int]:
    """Remove expired runs between two scores of each set."""
    sizes = yield from send_reads([("ZCOUNT", name, low, high) for name in indexes])
    # The offset changes each second, because 100 live runs with wrong dates would otherwise hide expired runs.
    ranges: list[Command] = [
        ("ZRANGEBYSCORE", name, low, high, "LIMIT", int(now) % max(1, int(size) - PRUNED + 1), PRUNED)
        for name, size in zip(indexes, sizes, strict=True)
    ]
    candidates = yield from send_reads(ranges)
    members = list(dict.fromkeys(member for range_ in candidates for member in range_))
    exist = yield from send_reads([("EXISTS", keys.run(namespace, decode_member(member))) for member in members])
    expired = {member for member, exists in zip(members, exist, strict=True) if not exists}
    expired_members = [
        (name, [each for each in range_ if each in expired])
        for name, range_ in zip(indexes, candidates, strict=True)
    ]
    removals: list[Command] = [("ZREM", name, *names) for name, names in expired_members if names]
    return sum(map(int, (yield from send_writes(*removals)))) if removals else 0


def read_cursor(namespace: str, producer: str) -> Operation[str]:
    """Read the position up to which a producer's spool has been applied; `0` at the beginning."""
    position = yield from send_read("GET", keys.cursor(namespace, producer))
    return position.decode() if position else "0"


def read_cursor_age(namespace: str, producer: str) -> Operation[float]:
    """Read the seconds since the last advance of a producer's cursor; 0 without a cursor."""
    ttl = yield from send_read("TTL", keys.cursor(namespace, producer))
    return max(0.0, float(CURSOR_TTL_S - int(ttl))) if int(ttl) >= 0 else 0.0


class Position(NamedTuple):
    """Position of a run in an index, which is sorted by start and id.

    started: start of the run, epoch seconds.
    run_id: id of the run.
    """

    started: float
    run_id: str


def find_runs(
    namespace: str, filters: Mapping[str, str], after: Position | None, size: int, names: Sequence[str] = ()
) -> Operation[tuple[list[dict[str, str]], Position | None]]:
    """Read one page of the runs that have every value in `filters` (field to value), newest first.

    after: position of the last run of the previous page.
    size: maximum number of runs; a page ends early after examining 5,000 runs.
    names: fields to read, which must include `id`; by default all. All take 2.5 times the time of a dozen.

    Returns the runs and the position of the last one, `None` on the last page. Expired runs are omitted.
    """
    base, *others = yield from _most_selective(namespace, filters)
    width = STEP_RUNS if others else size + 1
    start = yield from _rank_after(base, after)
    matches: list[tuple[Position, dict[str, str]]] = []
    for _ in range(STEPS):
        members = yield from send_read("ZREVRANGE", base, start, start + width - 1, "WITHSCORES")
        positions = [Position(score, member) for member, score in parse_scores(members)]
        matches += yield from _filter_by_indexes(
            namespace, others, [each for each in positions if after is None or each < after], names
        )
        if len(matches) > size:
            return [stored for _, stored in matches[:size]], matches[size - 1][0]
        if len(positions) < width:
            return [stored for _, stored in matches], None
        # Runs added in the meantime shift the ranks; the comparison with `after` prevents duplicates.
        start, after = start + width, min(after or positions[-1], positions[-1])
    return [stored for _, stored in matches], after


def _rank_after(base: str, after: Position | None) -> Operation[int]:
    """Return the rank after that of `after`, 0 for `None`; if its run was removed, the number of later runs."""
    if after is None:
        return 0
    rank, later = yield from send_reads(
        [("ZREVRANK", base, after.run_id), ("ZCOUNT", base, f"({after.started!r}", "+inf")]
    )
    return int(later) if rank is None else int(rank) + 1


def count_begun_since(namespace: str, started: float) -> Operation[int]:
    """Return the number of runs that began at `started` or later."""
    return int((yield from send_read("ZCOUNT", keys.runs(namespace), repr(started), "+inf")))


def _most_selective(namespace: str, filters: Mapping[str, str]) -> Operation[list[str]]:
    """Return the sets that contain every matching run, smallest first; without filters the set of all runs."""
    sets = [keys.runs(namespace, dimension, value) for dimension, value in filters.items()]
    if len(sets) < 2:
        return sets or [keys.runs(namespace)]
    sizes = yield from send_reads([("ZCARD", name) for name in sets])
    return [name for _, name in sorted(zip(sizes, sets, strict=True))]


def _filter_by_indexes(
    namespace: str, others: list[str], positions: list[Position], names: Sequence[str]
) -> Operation[list[tuple[Position, dict[str, str]]]]:
    """Return the runs that are in all other sets and have not expired, with their fields."""
    if not positions:
        return []
    ids = [position.run_id for position in positions]
    scores = yield from send_reads([("ZMSCORE", name, *ids) for name in others])
    matches = [position for position, *row in zip(positions, *scores, strict=True) if None not in row]
    if names:
        stored = yield from read_fields(namespace, [each.run_id for each in matches], names)
        return [(each, stored[each.run_id]) for each in matches if "id" in stored[each.run_id]]
    hashes = yield from send_reads([("HGETALL", keys.run(namespace, each.run_id)) for each in matches])
    return [(each, fields) for each, fields in zip(matches, map(parse_run, hashes), strict=True) if fields]


def read_fields(
    namespace: str, run_ids: Sequence[str], names: Sequence[str]
) -> Operation[dict[str, dict[str, str]]]:
    """Read some fields of several runs in one round trip; omit absent ones."""
    replies = yield from send_reads([("HMGET", keys.run(namespace, run_id), *names) for run_id in run_ids])
    return {
        run_id: {name: value.decode(errors="replace") for name, value in zip(names, reply, strict=True) if value}
        for run_id, reply in zip(run_ids, replies, strict=True)
    }


def decode_member(member: bytes) -> str:
    """Decode a member of a set or the name of a field; invalid UTF-8 is escaped, so that it matches no name."""
    return member.decode(errors="backslashreplace")


def parse_scores(reply: list[Any]) -> list[tuple[str, float]]:
    """Return members with scores. A reply is flat in RESP2; it has pairs in RESP3, or if redis-py parsed it."""
    flat = [part for item in reply for part in (item if isinstance(item, (list, tuple)) else (item,))]
    return [(decode_member(member), float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)]


def parse_run(stored: Any) -> dict[str, str]:
    """Return the fields of a stored run as text; empty without a run, or if it has no id."""
    flat = stored if isinstance(stored, dict) else dict(zip(stored[::2], stored[1::2], strict=True))
    values = {decode_member(name): value.decode(errors="replace") for name, value in flat.items()}
    return values if "id" in values else {}


def read_run(namespace: str, run_id: str) -> Operation[dict[str, str]]:
    """Read one run; raise `NotFoundError` if it is unknown or has expired."""
    stored = parse_run((yield from send_read("HGETALL", keys.run(namespace, run_id))))
    if not stored:
        raise NotFoundError(f"no run {run_id[:100]!r} in namespace {namespace!r}: unknown or expired")
    return stored


def read_profile(namespace: str, run_id: str) -> Operation[bytes]:
    """Read one run's profile as stored; raise `NotFoundError` if it is missing or has expired."""
    stored = yield from send_read("GET", keys.profile(namespace, run_id))
    if stored is None:
        raise NotFoundError(f"no profile of run {run_id[:100]!r}: unknown, expired, or still running")
    return bytes(stored)
