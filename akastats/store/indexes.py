"""What lists are read from: rows of tests, records of failures, and the runs that neither tells of yet."""

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

#: Of a test's history so many points are read where its row is to be brought up to date.
NEWEST = 8
# What one round trip asks for: 100 histories of 8 points take the server under a millisecond.
CHUNK = 100
# A row is some 600 bytes: 256 KiB a reply.
ROWS_A_READ = 500
#: A run that waits for so many seconds is nobody's any more: its shipper was killed.
ORPHANED_S = 60.0
#: Seconds for which one shipper has the turn to index other producers' runs, unless it takes it again.
TURN_S = 120
#: Runs of other producers that a shipper indexes in one step.
ORPHANS = 20
#: Fingerprints that are stored: those reported last.
MAX_ERRORS = 5000


class PendingRun(NamedTuple):
    """A run that lists do not tell of yet, and the score by which that is taken back."""

    run_id: str
    score: float


def read_pending(namespace: str, own: Sequence[str] = (), orphans: int = ORPHANS) -> Operation[list[PendingRun]]:
    """Read the runs whose index update is pending: those among `own`, and at most `orphans` of other producers."""
    key = keys.pending_index(namespace)
    (seconds, _), *scores = yield from send_reads([("TIME",), *(("ZSCORE", key, run_id) for run_id in own)])
    waiting = [
        PendingRun(run_id, float(score)) for run_id, score in zip(own, scores, strict=True) if score is not None
    ]
    if not orphans:
        return waiting
    oldest = float(seconds) - ORPHANED_S
    found = yield from send_read("ZRANGEBYSCORE", key, "-inf", oldest, "WITHSCORES", "LIMIT", 0, orphans)
    return waiting + [PendingRun(*item) for item in parse_scores(found) if item[0] not in own]


def take_turn(namespace: str, holder: str) -> Operation[bool]:
    """Take, or keep, the turn to index other producers' runs: a hundred at once would all index the same runs."""
    key = keys.index_lock(namespace)
    (taken,) = yield from send_writes(("SET", key, holder, "NX", "EX", TURN_S))
    if taken:
        return True
    if (yield from send_read("GET", key)) != holder.encode():
        return False
    yield from send_writes(("EXPIRE", key, TURN_S))
    return True


def end_turn(namespace: str) -> Operation[None]:
    """Release the turn."""
    yield from send_writes(("DEL", keys.index_lock(namespace)))


def remove_pending(namespace: str, listed: Sequence[PendingRun]) -> Operation[int]:
    """Say that these runs are told of, unless one was told anew meanwhile; return how many are."""
    if not listed:
        return 0
    arguments = [part for run in listed for part in (run.run_id, repr(run.score))]
    return int((yield from call_script(REMOVE_PENDING, [keys.pending_index(namespace)], arguments)))


@dataclass(frozen=True)
class StoredTest:
    """What there is of one test: its packed row, how many points it ever had, their average, the newest."""

    row: bytes | None
    count: int
    avg: float | None
    newest: list[bytes]


def read_tests(namespace: str, labels: Sequence[str]) -> Operation[dict[str, StoredTest]]:
    """Read what rows of some 100 tests are made of, in one round trip."""
    if not labels:
        return {}
    numbers = [keys.number(namespace, field, label) for label in labels for field in ("COUNT", "AVG")]
    commands: list[Command] = [("HMGET", keys.tests(namespace), *labels), ("MGET", *numbers)]
    commands += [("LRANGE", keys.history(namespace, label), 0, NEWEST - 1) for label in labels]
    rows, told, *histories = yield from send_reads(commands)
    return {
        label: StoredTest(row, int(parse_number(count) or 0), parse_number(avg), history)
        for label, row, count, avg, history in zip(labels, rows, told[::2], told[1::2], histories, strict=True)
    }


def read_newest_points(namespace: str, labels: Sequence[str], size: int) -> Operation[dict[str, list[bytes]]]:
    """Read the newest `size` entries of several histories, as stored, in one round trip."""
    commands: list[Command] = [("LRANGE", keys.history(namespace, label), 0, size - 1) for label in labels]
    replies = yield from send_reads(commands)
    return dict(zip(labels, replies, strict=True))


def store_rows(namespace: str, rows: Mapping[str, bytes]) -> Operation[None]:
    """Store packed rows of tests by label; a row lives as long as its label."""
    if rows:
        arguments: list[Argument] = [keys.LABEL_TTL_S]
        for label, row in rows.items():
            arguments += (label, row)
        yield from call_script(STORE_ROWS, [keys.tests(namespace), keys.tests_at(namespace)], arguments)


def read_error_fields(
    namespace: str, fingerprints: Sequence[str], names: Sequence[str]
) -> Operation[dict[str, dict[str, bytes | None]]]:
    """Read some fields of several fingerprints' records, in one round trip; each field may be absent."""
    replies = yield from send_reads([("HMGET", keys.error(namespace, id_), *names) for id_ in fingerprints])
    return {id_: dict(zip(names, reply, strict=True)) for id_, reply in zip(fingerprints, replies, strict=True)}


def store_error(
    namespace: str, fingerprint: str, revision: bytes, last_seen: float, fields: Mapping[str, bytes], ttl_s: int
) -> Operation[bool]:
    """Store a fingerprint's record if `revision` still stands there; tell whether it did."""
    names = [keys.error(namespace, fingerprint), keys.errors(namespace), keys.errors_at(namespace)]
    arguments: list[Argument] = [fingerprint, revision, ttl_s, repr(last_seen)]
    for name, value in fields.items():
        arguments += (name, value)
    return bool((yield from call_script(STORE_ERROR, names, arguments)))


def prune_errors(namespace: str, kept_s: float) -> Operation[int]:
    """Remove at most 100 fingerprints that were not reported for `kept_s` seconds, or beyond the 5,000 newest.

    Both go by the server's time of the last report: failures bear times of clients, one of which may be wrong.
    """
    key, changed_at = keys.errors(namespace), keys.errors_at(namespace)
    oldest = (yield from read_time()) - kept_s
    outlived, surplus = yield from send_reads(
        [
            ("ZRANGEBYSCORE", changed_at, "-inf", f"({oldest!r}", "LIMIT", 0, 100),
            ("ZREVRANGE", changed_at, MAX_ERRORS, MAX_ERRORS + 99),
        ]
    )
    gone = list(dict.fromkeys([*outlived, *surplus]))
    if gone:
        records = [keys.error(namespace, decode_member(fingerprint)) for fingerprint in gone]
        yield from send_writes(("ZREM", key, *gone), ("ZREM", changed_at, *gone), ("UNLINK", *records))
    return len(gone)


@dataclass(frozen=True)
class Changes:
    """What changed in a list since a reader saw it last: members by time of change, oldest first; `more` to come?

    `size` is how many there are now, `oldest` and `newest` the times of the list's ends (`None`: it is empty).
    """

    members: dict[str, float]
    more: bool
    size: int
    oldest: float | None
    newest: float | None


# A reader that comes for the first time takes 10,000 tests in some ten steps.
CHANGES = 1000


def read_changes(key: str, since: float) -> Operation[Changes]:
    """Read which members of `key` (`tests_at` or `errors_at`) changed after `since`, at most 1,000 of them."""
    found, size, oldest, newest = yield from send_reads(
        [
            ("ZRANGEBYSCORE", key, f"({since!r}", "+inf", "WITHSCORES", "LIMIT", 0, CHANGES),
            ("ZCARD", key),
            ("ZRANGE", key, 0, 0, "WITHSCORES"),
            ("ZREVRANGE", key, 0, 0, "WITHSCORES"),
        ]
    )
    members = parse_scores(found)
    more = len(members) == CHANGES
    if more:
        # 100 change at one time: those of the last one may not be all here.
        members = [member for member in members if member[1] < members[-1][1]]
    ends = [next((score for _, score in parse_scores(reply)), None) for reply in (oldest, newest)]
    return Changes(dict(members), more, int(size), *ends)


def read_rows(namespace: str, labels: Sequence[str]) -> Operation[dict[str, bytes | None]]:
    """Read packed rows of tests by label, in one round trip."""
    chunks = [labels[at : at + ROWS_A_READ] for at in range(0, len(labels), ROWS_A_READ)]
    replies = yield from send_reads([("HMGET", keys.tests(namespace), *chunk) for chunk in chunks])
    return {
        label: row
        for chunk, reply in zip(chunks, replies, strict=True)
        for label, row in zip(chunk, reply, strict=True)
    }
