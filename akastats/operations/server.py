"""Asking a server what it is."""

from __future__ import annotations

from typing import Literal, NamedTuple

from akastats.operations.requests import Operation, ask


class Server(NamedTuple):
    """What answers at the other end."""

    kind: Literal["redis", "valkey"]
    version: str


def identify() -> Operation[Server]:
    """Ask which server this is, in one round trip."""
    # redis-py turns this one reply into a dict, whatever else it leaves undecoded.
    found = yield from ask("INFO", "server")
    if "valkey_version" in found:
        return Server("valkey", str(found["valkey_version"]))
    return Server("redis", str(found["redis_version"]))
