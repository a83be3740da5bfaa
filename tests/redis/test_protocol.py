"""The bytes of commands."""

from __future__ import annotations

from akastats.redis.protocol import encode_commands


def test_messages_are_what_the_protocol_wants():
    """Every kind of argument is packed with its length in bytes."""
    assert encode_commands([("SET", "é", b"\xff"), ("X", 12, 1.5)]) == (
        b"*3\r\n$3\r\nSET\r\n$2\r\n\xc3\xa9\r\n$1\r\n\xff\r\n*3\r\n$1\r\nX\r\n$2\r\n12\r\n$3\r\n1.5\r\n"
    )
