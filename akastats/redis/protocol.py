"""Encode commands in the Redis protocol."""

from __future__ import annotations

from collections.abc import Iterable

from akastats.store.requests import Argument, Command


def encode_commands(commands: Iterable[Command]) -> bytes:
    """Return commands encoded as one message.

    This takes 0.4 ms for the 1100 arguments of a batch. redis-py takes 1.6 ms, because it encodes each separately.
    """
    return b"".join(map(_encode, commands))


def _encode(command: Command) -> bytes:
    contents = [each.encode() if type(each) is str else _bytes(each) for each in command]
    # One format operation takes 4.1 ms for the 8000 keys of a thousand labels, one per argument 5.6 ms.
    parts: list[int | bytes] = [len(contents), *range(2 * len(contents))]
    parts[1::2] = map(len, contents)
    parts[2::2] = contents
    return (b"*%d\r\n" + b"$%d\r\n%b\r\n" * len(contents)) % tuple(parts)


def _bytes(argument: Argument) -> bytes:
    if isinstance(argument, str):
        return argument.encode()
    return argument if isinstance(argument, bytes) else repr(argument).encode()
