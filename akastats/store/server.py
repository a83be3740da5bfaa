"""Asking a server what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from akastats.errors import AccessDeniedError, RequestRefusedError, ServerError
from akastats.store import keys
from akastats.store.requests import Operation, send_read, send_reads

#: The only `maxmemory-policy` under which a server drops no keys that have not expired.
NO_EVICTION = "noeviction"


class Server(NamedTuple):
    """What answers at the other end."""

    kind: Literal["redis", "valkey"]
    version: str


def identify() -> Operation[Server]:
    """Ask which server this is, in one round trip."""
    # redis-py turns this one reply into a dict, whatever else it leaves undecoded.
    return parse_server((yield from send_read("INFO", "server")))


def identify_single(namespace: str) -> Operation[Server]:
    """Do as `identify`; raise `ServerError` of kind `cluster` if the namespace spans several cluster slots."""
    server = yield from identify()
    yield from send_read("EXISTS", keys.index(namespace), keys.seen(namespace))
    return server


def parse_server(found: dict[str, Any]) -> Server:
    """Return what a server's INFO says it is."""
    if "valkey_version" in found:
        return Server("valkey", str(found["valkey_version"]))
    return Server("redis", str(found["redis_version"]))


def read_time() -> Operation[float]:
    """Ask what time it is, in epoch seconds: a machine's own clock may be wrong by a day."""
    seconds, microseconds = yield from send_read("TIME")
    return float(seconds) + float(microseconds) / 1e6


@dataclass(frozen=True)
class Health:
    """How a server keeps data: `persistence` is `none` or how (`aof`, `rdb`), `unknown` where it does not say."""

    kind: Literal["redis", "valkey"]
    version: str
    persistence: str
    eviction: str
    max_memory: int
    memory_bytes: int
    write_error: bool
    evicted_keys: int = 0

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version as numbers, to be compared."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())


def check_eviction() -> Operation[bool]:
    """Return whether a server evicts keys when its memory is full, or has done so; true if it is unknown."""
    try:
        memory, stats = yield from send_reads([("INFO", "memory"), ("INFO", "stats")])
    except (AccessDeniedError, RequestRefusedError):
        return True
    return memory.get("maxmemory_policy") != NO_EVICTION or int(stats.get("evicted_keys", 0)) > 0


def read_health() -> Operation[Health]:
    """Ask how a server keeps data; what it may not tell is `unknown`."""
    found = yield from send_read("INFO")
    snapshots = yield from _snapshots()
    appends = bool(int(found.get("aof_enabled", 0)))
    kinds = [name for name, on in (("aof", appends), ("rdb", bool(snapshots))) if on]
    unsure = "unknown" if snapshots is None else "none"
    failed = [found.get("aof_last_write_status"), found.get("rdb_last_bgsave_status") if snapshots else "ok"]
    return Health(
        *parse_server(found),
        persistence=" and ".join(kinds) or unsure,
        eviction=str(found.get("maxmemory_policy", "unknown")),
        max_memory=int(found.get("maxmemory", 0)),
        memory_bytes=int(found.get("used_memory", 0)),
        write_error="err" in failed,
        evicted_keys=int(found.get("evicted_keys", 0)),
    )


def _snapshots() -> Operation[str | None]:
    """Ask when a server writes snapshots; empty: never, `None`: it does not say."""
    try:
        found = yield from send_read("CONFIG", "GET", "save")
    except ServerError:
        # Hosted servers do not let CONFIG through.
        return None
    values = list(found.values()) if isinstance(found, dict) else found[1:2]
    return _text(values[0]) if values else None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
