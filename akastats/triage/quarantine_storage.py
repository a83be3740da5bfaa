"""The quarantine: which tests are in it, as stored, by the server's clock."""

from __future__ import annotations

from dataclasses import dataclass

from akastats.store import keys
from akastats.store.requests import Operation, call_script, send_reads, send_writes
from akastats.store.scripts import QUARANTINE

#: Everyone who runs tests reads all of them: so many are some 300 KB.
MAX_ENTRIES = 1000
#: Nothing is in quarantine for longer: 90 days, the rest of that day, and one for clocks.
TTL_S = 92 * 86_400


@dataclass(frozen=True)
class StoredQuarantine:
    """Packed entries by label, those whose time is over too, and the server's time in epoch seconds."""

    entries: dict[str, bytes]
    now: float


def read_entries(namespace: str) -> Operation[StoredQuarantine]:
    """Read the whole quarantine, in one round trip."""
    (seconds, _), entries = yield from send_reads([("TIME",), ("HGETALL", keys.quarantine(namespace))])
    return StoredQuarantine(
        {label.decode(errors="replace"): entry for label, entry in entries.items()}, float(seconds)
    )


@dataclass(frozen=True)
class StoredTest:
    """What is stored of one test: its packed entry in the quarantine, its packed row among the tests."""

    entry: bytes | None
    row: bytes | None
    now: float


def read_test(namespace: str, label: str) -> Operation[StoredTest]:
    """Read what the quarantine and the lists say of one test, in one round trip."""
    (seconds, _), entry, row = yield from send_reads(
        [("TIME",), ("HGET", keys.quarantine(namespace), label), ("HGET", keys.tests(namespace), label)]
    )
    return StoredTest(entry, row, float(seconds))


def put(namespace: str, label: str, packed: bytes) -> Operation[bool]:
    """Put a test into quarantine and those out whose time is over; tell whether there was room."""
    arguments = (label, packed, MAX_ENTRIES, TTL_S)
    return bool((yield from call_script(QUARANTINE, [keys.quarantine(namespace)], arguments)))


def remove(namespace: str, label: str) -> Operation[bool]:
    """Take a test out; tell whether it was in."""
    (gone,) = yield from send_writes(("HDEL", keys.quarantine(namespace), label))
    return bool(gone)
