"""Hosts: what a `Host` header names, and which names are this machine's own."""

from __future__ import annotations

import pytest

from akastats import hosts
from akastats.errors import ConfigError


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8321", "localhost"),
        ("localhost.:80", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("[::1]:8321", "::1"),
        ("[FE80::A]:65535", "fe80::a"),
        ("stats.example.org:443", "stats.example.org"),
        ("::1", None),
        ("[::1", None),
        ("[::1]8321", None),
        ("[::1]:", None),
        ("[localhost]", None),
        ("[1::2::3]", None),
        ("localhost:", None),
        ("localhost:0", None),
        ("localhost:65536", None),
        ("localhost:80:80", None),
        ("user@localhost", None),
        ("localhost/", None),
        ("localhost evil", None),
        ("localhost,evil", None),
        ("lócalhost", None),
        ("localhost\n", None),
        (".", None),
        ("", None),
    ],
)
def test_a_header_names_a_host_or_none(header, host):
    """Brackets, ports and capitals are removed; an invalid host is `None`."""
    assert host == hosts.parse_host_header(header)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("", False),
    ],
)
def test_only_this_machine_s_own_names_are_loopback(host, expected):
    """Names that begin or look like ours may belong to others."""
    assert expected == hosts.is_loopback(host)


def test_allowed_hosts_stand_between_blanks_or_commas():
    """Capitals and a last dot make no difference; an address may have its brackets."""
    found = hosts.parse_hosts("--allow-host", " Stats.example.org., ci_1 [2001:db8::1],, 192.0.2.1")

    assert {"stats.example.org", "ci_1", "2001:db8::1", "192.0.2.1"} == found


@pytest.mark.parametrize(
    "text", ["*", "*.example.org", "example.org:80", "http://example.org", "[::1", "ä.example"]
)
def test_what_is_no_host_is_refused(text):
    """Wildcards are not supported, and a port or scheme is an error; the message names the option."""
    with pytest.raises(ConfigError, match=r"^--allow-host: "):
        hosts.parse_hosts("--allow-host", text)
