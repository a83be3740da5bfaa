"""Validate host names, to protect the API from DNS rebinding.

A malicious page can resolve its own domain name to this machine and then read responses as the same origin. It
cannot choose the `Host` header that the browser sends, so the API accepts only allowed names there.
"""

from __future__ import annotations

import ipaddress
import re

from akastats.errors import ConfigError

_HEADER = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")


def parse_host_header(value: str) -> str | None:
    """Return the host in a `Host` header, in lower case, without port and brackets; `None` if it is invalid."""
    match = _HEADER.fullmatch(value)
    if not match or int(match[3] or 1) not in range(1, 65_536):
        return None
    if match[1] is not None:
        return match[1].lower() if is_address(match[1]) else None
    return match[2].lower().removesuffix(".") or None


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address, which DNS cannot point elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether `host` is a name or an address that only this machine can reach."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_wildcard(host: str) -> bool:
    """Return whether `host` is the wildcard address, which means every address of this machine."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


def parse_hosts(variable: str, text: str) -> frozenset[str]:
    """Return the hosts in `text`, separated by white space or commas, without ports.

    Raises `ConfigError`, which names `variable`. Wildcards are not supported: a name with the same suffix may
    belong to another owner.
    """
    return frozenset(_parse_one(variable, word) for word in re.split(r"[\s,]+", text) if word)


def _parse_one(variable: str, word: str) -> str:
    bare = word[1:-1] if word.startswith("[") and word.endswith("]") else word
    if not (_NAME.fullmatch(bare) or is_address(bare)):
        raise ConfigError(
            f"{variable}: {word[:100]!r} is not a host name. Use a name such as stats.example.org, without a port."
        )
    return bare.lower().removesuffix(".")


def get_network(client: str) -> str:
    """Return the network that shares a rate limit: the address, or the /64 of an IPv6 address (one customer)."""
    if ":" not in client:
        return client
    try:
        return str(ipaddress.ip_network((client.partition("%")[0], 64), strict=False))
    except ValueError:
        return client
