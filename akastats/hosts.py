"""Hosts: by which names this machine may be asked. Pure.

A page of a stranger can have its own name point here (DNS rebinding) and then read as if it were ours: it
cannot choose what the browser writes into `Host`, so that header must be a name we know.
"""

from __future__ import annotations

import ipaddress
import re

from akastats.errors import ConfigError

_HEADER = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")


def parse_host_header(value: str) -> str | None:
    """Return the host in a `Host` header, lower case, without port and brackets; `None` if it is none."""
    found = _HEADER.fullmatch(value)
    if not found or int(found[3] or 1) not in range(1, 65_536):
        return None
    if found[1] is not None:
        return found[1].lower() if is_address(found[1]) else None
    return found[2].lower().removesuffix(".") or None


def is_address(host: str) -> bool:
    """Tell whether `host` is an IP address: such a one no name server can have point elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether `host` is a name or an address that only this machine reaches."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_wildcard(host: str) -> bool:
    """Tell whether `host` means every address of this machine."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def parse_hosts(variable: str, text: str) -> frozenset[str]:
    """Return the hosts of `text`, which stand between blanks or commas, without ports.

    Raises `ConfigError` naming `variable`: there is no wildcard, for a name that ends like ours is not ours.
    """
    return frozenset(_parse_one(variable, word) for word in re.split(r"[\s,]+", text) if word)


def _parse_one(variable: str, word: str) -> str:
    bare = word[1:-1] if word.startswith("[") and word.endswith("]") else word
    if not (_NAME.fullmatch(bare) or is_address(bare)):
        raise ConfigError(
            f"{variable}: {word[:100]!r} is no name of a host; it reads stats.example.org, without port"
        )
    return bare.lower().removesuffix(".")


def get_network(client: str) -> str:
    """Return the network that a client's limits apply to: of IPv6 the /64, which is one customer's."""
    if ":" not in client:
        return client
    try:
        return str(ipaddress.ip_network((client.partition("%")[0], 64), strict=False))
    except ValueError:
        return client
