"""Read kind, version, clock and health of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from akastats.errors import AccessDeniedError, RequestRefusedError, ServerError
from akastats.store import keys
from akastats.store.requests import Operation, send_read, send_reads

#: The only `maxmemory-policy` under which a server removes no keys before they expire.
NO_EVICTION = "noeviction"


class Server(NamedTuple):
    """Kind and version of a server, such as `valkey` and `8.1.3`."""

    kind: Literal["redis", "valkey"]
    version: str


def identify() -> Operation[Server]:
    """Read the kind and version of the server, in one round trip."""
    # redis-py parses the reply to INFO into a dict, even if it leaves all other replies undecoded.
    return parse_server((yield from send_read("INFO", "server")))


def identify_single(namespace: str) -> Operation[Server]:
    """Read kind and version as `identify` does; raise `ClusterError` if the keys are in several cluster slots."""
    server = yield from identify()
    yield from send_read("EXISTS", keys.index(namespace), keys.seen(namespace))
    return server


def parse_server(info: dict[str, Any]) -> Server:
    """Return kind and version from the reply to INFO."""
    if "valkey_version" in info:
        return Server("valkey", str(info["valkey_version"]))
    return Server("redis", str(info["redis_version"]))


def read_time() -> Operation[float]:
    """Read the server's time in epoch seconds, because a machine's own clock may be wrong by a day."""
    seconds, microseconds = yield from send_read("TIME")
    return float(seconds) + float(microseconds) / 1e6


@dataclass(frozen=True)
class Health:
    """Persistence, memory and eviction of a server.

    kind, version: the server, such as `redis` and `7.4.1`.
    persistence: `aof`, `rdb`, `aof and rdb`, `none`, or `unknown` if the server does not report it.
    eviction: its `maxmemory-policy`.
    max_memory: memory limit in bytes; 0 without a limit.
    memory_bytes: used memory in bytes.
    write_error: whether the server's last write to disk failed.
    evicted_keys: number of keys that were removed because memory was full, since the server started.
    """

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
        """The version as numbers, for comparison."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit())


def check_eviction() -> Operation[bool]:
    """Return whether the server evicts keys when its memory is full, or has evicted some; true if unknown."""
    try:
        memory, stats = yield from send_reads([("INFO", "memory"), ("INFO", "stats")])
    except (AccessDeniedError, RequestRefusedError):
        return True
    return memory.get("maxmemory_policy") != NO_EVICTION or int(stats.get("evicted_keys", 0)) > 0


def read_health() -> Operation[Health]:
    """Read persistence, memory and eviction of the server; values that it does not report are `unknown`."""
    info = yield from send_read("INFO")
    snapshots = yield from _snapshots()
    appends = bool(int(info.get("aof_enabled", 0)))
    kinds = [name for name, is_enabled in (("aof", appends), ("rdb", bool(snapshots))) if is_enabled]
    without_any = "unknown" if snapshots is None else "none"
    failed = [info.get("aof_last_write_status"), info.get("rdb_last_bgsave_status") if snapshots else "ok"]
    return Health(
        *parse_server(info),
        persistence=" and ".join(kinds) or without_any,
        eviction=str(info.get("maxmemory_policy", "unknown")),
        max_memory=int(info.get("maxmemory", 0)),
        memory_bytes=int(info.get("used_memory", 0)),
        write_error="err" in failed,
        evicted_keys=int(info.get("evicted_keys", 0)),
    )


def _snapshots() -> Operation[str | None]:
    """Read the snapshot schedule of the server; empty without snapshots, `None` if it does not report it."""
    try:
        reply = yield from send_read("CONFIG", "GET", "save")
    except ServerError:
        # Hosted servers refuse CONFIG.
        return None
    values = list(reply.values()) if isinstance(reply, dict) else reply[1:2]
    return _text(values[0]) if values else None


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
