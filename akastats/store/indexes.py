"""Read and update the index: rows of tests, records of failures, and runs whose index update is pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from akastats.store import keys
from akastats.store.query import parse_number
from akastats.store.requests import Argument, Command, Operation, call_script, send_read, send_reads, send_writes
from akastats.store.runs import decode_member, parse_scores
from akastats.store.scripts import REMOVE_PENDING, STORE_ERROR, STORE_ROWS
from akastats.store.server import read_time

#: Maximum number of newest points of a test that are read to update its row.
NEWEST = 8
# Maximum number of histories per round trip: 100 histories of 8 points take the server less than a millisecond.
CHUNK = 100
# Maximum number of rows per command. A row has about 600 bytes, so a reply has about 300 KB.
ROWS_PER_READ = 500
#: Seconds after which a pending run counts as orphaned, because its shipper was probably killed.
ORPHANED_S = 60.0
#: Seconds for which a shipper holds the turn to index other producers' runs, unless it renews it.
TURN_S = 120
#: Maximum number of runs of other producers that a shipper indexes per step.
MAX_OTHERS = 20
#: Maximum number of stored fingerprints. The least recently reported fingerprints are removed.
MAX_ERRORS = 5000


class PendingRun(NamedTuple):
    """A run whose index update is pending.

    run_id: id of the run.
    score: time of the last report of its end. The run stays pending if this time changes during the update.
    """

    run_id: str
    score: float


def read_pending(namespace: str, own: Sequence[str] = (), others: int = MAX_OTHERS) -> Operation[list[PendingRun]]:
    """Read pending runs: those in `own`, and at most `others` runs that other producers abandoned."""
    key = keys.pending_index(namespace)
    (seconds, _), *scores = yield from send_reads([("TIME",), *(("ZSCORE", key, run_id) for run_id in own)])
    pending = [
        PendingRun(run_id, float(score)) for run_id, score in zip(own, scores, strict=True) if score is not None
    ]
    if not others:
        return pending
    oldest = float(seconds) - ORPHANED_S
    reply = yield from send_read("ZRANGEBYSCORE", key, "-inf", oldest, "WITHSCORES", "LIMIT", 0, others)
    return pending + [PendingRun(*item) for item in parse_scores(reply) if item[0] not in own]


def take_turn(namespace: str, holder: str) -> Operation[bool]:
    """Acquire or renew the turn to index other producers' runs; return whether `holder` has it.

    The turn prevents two shippers from indexing the same runs.
    """
    key = keys.index_lock(namespace)
    (is_set,) = yield from send_writes(("SET", key, holder, "NX", "EX", TURN_S))
    if is_set:
        return True
    if (yield from send_read("GET", key)) != holder.encode():
        return False
    yield from send_writes(("EXPIRE", key, TURN_S))
    return True


def end_turn(namespace: str) -> Operation[None]:
    """Release the turn to index other producers' runs."""
    yield from send_writes(("DEL", keys.index_lock(namespace)))


def remove_pending(namespace: str, pending: Sequence[PendingRun]) -> Operation[int]:
    """Remove pending runs unless they were reported again; return the number of removed runs."""
    if not pending:
        return 0
    arguments = [part for run in pending for part in (run.run_id, repr(run.score))]
    return int((yield from call_script(REMOVE_PENDING, [keys.pending_index(namespace)], arguments)))


@dataclass(frozen=True)
class StoredTest:
    """Stored data of one test.

    row: packed row; `None` for a new test.
    count: number of all points, including those that the history no longer contains.
    avg: mean of all durations, in seconds.
    newest: newest entries of the history, newest first.
    """

    row: bytes | None
    count: int
    avg: float | None
    newest: list[bytes]


def read_tests(namespace: str, labels: Sequence[str]) -> Operation[dict[str, StoredTest]]:
    """Read rows, counts, averages and newest points of several tests, in one round trip."""
    if not labels:
        return {}
    number_keys = [keys.number(namespace, field, label) for label in labels for field in ("COUNT", "AVG")]
    commands: list[Command] = [("HMGET", keys.tests(namespace), *labels), ("MGET", *number_keys)]
    commands += [("LRANGE", keys.history(namespace, label), 0, NEWEST - 1) for label in labels]
    rows, numbers, *histories = yield from send_reads(commands)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return {
        label: StoredTest(row, int(parse_number(count) or 0), parse_number(avg), history)
        for label, row, (count, avg), history in zip(labels, rows, pairs, histories, strict=True)
    }


def read_newest_points(namespace: str, labels: Sequence[str], size: int) -> Operation[dict[str, list[bytes]]]:
    """Read the newest `size` entries of several histories, as stored, in one round trip."""
    commands: list[Command] = [("LRANGE", keys.history(namespace, label), 0, size - 1) for label in labels]
    replies = yield from send_reads(commands)
    return dict(zip(labels, replies, strict=True))


def store_rows(namespace: str, rows: Mapping[str, bytes]) -> Operation[None]:
    """Store packed rows of tests by label; a row expires two weeks after its last change."""
    if rows:
        arguments: list[Argument] = [keys.LABEL_TTL_S]
        for label, row in rows.items():
            arguments += (label, row)
        yield from call_script(STORE_ROWS, [keys.tests(namespace), keys.tests_at(namespace)], arguments)


def read_error_fields(
    namespace: str, fingerprints: Sequence[str], names: Sequence[str]
) -> Operation[dict[str, dict[str, bytes | None]]]:
    """Read some fields of several fingerprints' records, in one round trip; absent fields are `None`."""
    replies = yield from send_reads([("HMGET", keys.error(namespace, id_), *names) for id_ in fingerprints])
    return {id_: dict(zip(names, reply, strict=True)) for id_, reply in zip(fingerprints, replies, strict=True)}


def store_error(
    namespace: str, fingerprint: str, revision: bytes, last_seen: float, fields: Mapping[str, bytes], ttl_s: int
) -> Operation[bool]:
    """Store a fingerprint's record if its stored revision is still `revision`; return whether it was stored."""
    names = [keys.error(namespace, fingerprint), keys.errors(namespace), keys.errors_at(namespace)]
    arguments: list[Argument] = [fingerprint, revision, ttl_s, repr(last_seen)]
    for name, value in fields.items():
        arguments += (name, value)
    return bool((yield from call_script(STORE_ERROR, names, arguments)))


def prune_errors(namespace: str, ttl_s: float) -> Operation[int]:
    """Remove fingerprints without a report for `ttl_s` seconds, and those that are not among the 5,000 newest.

    The server's time of the last report counts, because the clock of a client may be wrong. Removes at most 100
    fingerprints for each of the two reasons. Returns the number of removed fingerprints.
    """
    key, changed_at = keys.errors(namespace), keys.errors_at(namespace)
    oldest = (yield from read_time()) - ttl_s
    expired, surplus = yield from send_reads(
        [
            ("ZRANGEBYSCORE", changed_at, "-inf", f"({oldest!r}", "LIMIT", 0, 100),
            ("ZREVRANGE", changed_at, MAX_ERRORS, MAX_ERRORS + 99),
        ]
    )
    obsolete = list(dict.fromkeys([*expired, *surplus]))
    if obsolete:
        records = [keys.error(namespace, decode_member(fingerprint)) for fingerprint in obsolete]
        yield from send_writes(("ZREM", key, *obsolete), ("ZREM", changed_at, *obsolete), ("UNLINK", *records))
    return len(obsolete)


@dataclass(frozen=True)
class Changes:
    """Changes of an index since the last read.

    members: times of change by member, oldest first.
    more: whether further changes follow.
    size: current number of members.
    oldest, newest: times of the first and the last change; `None` for an empty index.
    """

    members: dict[str, float]
    more: bool
    size: int
    oldest: float | None
    newest: float | None


# Maximum number of changes per read. A new reader fetches 10,000 tests in about ten reads.
CHANGES = 1000


def read_changes(key: str, since: float) -> Operation[Changes]:
    """Read at most 1,000 members of `key` (`tests_at` or `errors_at`) that changed after `since`."""
    changed, size, oldest, newest = yield from send_reads(
        [
            ("ZRANGEBYSCORE", key, f"({since!r}", "+inf", "WITHSCORES", "LIMIT", 0, CHANGES),
            ("ZCARD", key),
            ("ZRANGE", key, 0, 0, "WITHSCORES"),
            ("ZREVRANGE", key, 0, 0, "WITHSCORES"),
        ]
    )
    members = parse_scores(changed)
    more = len(members) == CHANGES
    if more:
        # Omit the last time: up to 100 members have the same time, and this read may lack some of them.
        members = [member for member in members if member[1] < members[-1][1]]
    ends = [next((score for _, score in parse_scores(reply)), None) for reply in (oldest, newest)]
    return Changes(dict(members), more, int(size), *ends)


def read_rows(namespace: str, labels: Sequence[str]) -> Operation[dict[str, bytes | None]]:
    """Read packed rows of tests by label, in one round trip."""
    chunks = [labels[at : at + ROWS_PER_READ] for at in range(0, len(labels), ROWS_PER_READ)]
    replies = yield from send_reads([("HMGET", keys.tests(namespace), *chunk) for chunk in chunks])
    return {
        label: row
        for chunk, reply in zip(chunks, replies, strict=True)
        for label, row in zip(chunk, reply, strict=True)
    }
