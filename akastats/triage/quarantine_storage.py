"""Read and write the quarantine in Redis."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.store import keys
from akastats.store.requests import Operation, call_script, send_reads, send_writes
from akastats.store.scripts import QUARANTINE

#: Maximum number of entries; each test run reads all of them, about 300 KB.
MAX_ENTRIES = 1000
#: Lifetime of the key: 90 days, the rest of the last day, and one day for clock skew.
TTL_S = 92 * 86_400


@dataclass(frozen=True)
class StoredQuarantine:
    """All stored entries, including expired ones.

    entries: encoded entries by label
    now: time of the server, epoch seconds
    """

    entries: dict[str, bytes]
    now: float


def read_entries(namespace: str) -> Operation[StoredQuarantine]:
    """Read all entries, in one round trip."""
    (seconds, _), entries = yield from send_reads([("TIME",), ("HGETALL", keys.quarantine(namespace))])
    return StoredQuarantine(
        {label.decode(errors="replace"): entry for label, entry in entries.items()}, float(seconds)
    )


@dataclass(frozen=True)
class StoredTest:
    """Stored data of one test.

    entry: encoded quarantine entry; `None` if there is none
    row: encoded row of the tests list; `None` if there is none
    now: time of the server, epoch seconds
    """

    entry: bytes | None
    row: bytes | None
    now: float


def read_test(namespace: str, label: str) -> Operation[StoredTest]:
    """Read the quarantine entry and the row of one test, in one round trip."""
    (seconds, _), entry, row = yield from send_reads(
        [("TIME",), ("HGET", keys.quarantine(namespace), label), ("HGET", keys.tests(namespace), label)]
    )
    return StoredTest(entry, row, float(seconds))


def put(namespace: str, label: str, packed: bytes) -> Operation[bool]:
    """Store an entry and remove expired ones; return false if the quarantine is full."""
    arguments = (label, packed, MAX_ENTRIES, TTL_S)
    return bool((yield from call_script(QUARANTINE, [keys.quarantine(namespace)], arguments)))


def remove(namespace: str, label: str) -> Operation[bool]:
    """Remove an entry; return whether it existed."""
    (removed,) = yield from send_writes(("HDEL", keys.quarantine(namespace), label))
    return bool(removed)
