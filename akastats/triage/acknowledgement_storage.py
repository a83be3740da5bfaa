"""What people say of changes of a duration, as stored, by the server's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from akastats.store import keys
from akastats.store.requests import Operation, send_reads, send_writes


@dataclass(frozen=True)
class StoredAcknowledgements:
    """Packed marks by the id of their change, those that have outlived theirs too, and the server's time."""

    entries: dict[str, bytes]
    now: float


def read_entries(namespace: str) -> Operation[StoredAcknowledgements]:
    """Read all marks, in one round trip."""
    (seconds, _), reply = yield from send_reads([("TIME",), ("HGETALL", keys.acknowledgements(namespace))])
    entries = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    return StoredAcknowledgements(
        {id_.decode(errors="replace"): bytes(entry) for id_, entry in entries.items()}, float(seconds)
    )


def put(namespace: str, id_: str, packed: bytes, gone: Sequence[str], ttl_s: int) -> Operation[None]:
    """Store the mark of one change and remove those that are `gone`; all live for `ttl_s` seconds from now on."""
    key = keys.acknowledgements(namespace)
    others = [other for other in gone if other != id_]
    removal = [("HDEL", key, *others)] if others else []
    yield from send_writes(("HSET", key, id_, packed), *removal, ("EXPIRE", key, ttl_s))


def remove(namespace: str, ids: Sequence[str]) -> Operation[int]:
    """Remove the marks of some changes; return how many there were."""
    if not ids:
        return 0
    (removed,) = yield from send_writes(("HDEL", keys.acknowledgements(namespace), *ids))
    return int(removed)
