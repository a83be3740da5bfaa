"""Read and write acknowledgements in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from akastats.store import keys
from akastats.store.requests import Operation, send_reads, send_writes


@dataclass(frozen=True)
class StoredAcknowledgements:
    """All stored acknowledgements, including expired ones.

    entries: encoded acknowledgements by id
    now: time of the server, epoch seconds
    """

    entries: dict[str, bytes]
    now: float


def read_entries(namespace: str) -> Operation[StoredAcknowledgements]:
    """Read all acknowledgements, in one round trip."""
    (seconds, _), reply = yield from send_reads([("TIME",), ("HGETALL", keys.acknowledgements(namespace))])
    entries = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    return StoredAcknowledgements(
        {id_.decode(errors="replace"): bytes(entry) for id_, entry in entries.items()}, float(seconds)
    )


def put(namespace: str, id_: str, packed: bytes, obsolete: Sequence[str], ttl_s: int) -> Operation[None]:
    """Store one acknowledgement and remove the `obsolete` ids; all entries expire after `ttl_s` seconds."""
    key = keys.acknowledgements(namespace)
    others = [other for other in obsolete if other != id_]
    removal = [("HDEL", key, *others)] if others else []
    yield from send_writes(("HSET", key, id_, packed), *removal, ("EXPIRE", key, ttl_s))


def remove(namespace: str, ids: Sequence[str]) -> Operation[int]:
    """Remove acknowledgements by id; return the number of removed ones."""
    if not ids:
        return 0
    (removed,) = yield from send_writes(("HDEL", keys.acknowledgements(namespace), *ids))
    return int(removed)
