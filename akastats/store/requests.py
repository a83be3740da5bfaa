"""Operations: generators that yield commands for a server, independent of client, clock and `await`.

A runner in `akastats.redis` executes each `Request` and sends the replies into the generator. It throws errors of
the server into the generator as `ServerError`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from akastats.errors import UnknownScriptError
from akastats.store.scripts import Script

Argument = str | bytes | int | float
Command = tuple[Argument, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """Commands that are sent together; the reply is a list in their order.

    commands: name and arguments of each command.
    writes: whether the writing connection executes them.
    """

    commands: tuple[Command, ...]
    writes: bool = False


#: A generator that sends requests to the server and returns a `T`.
Operation = Generator[Request, list[Any], T]


def send_read(*command: Argument) -> Operation[Any]:
    """Send one command to the reading connection; return its reply, bytes undecoded."""
    replies = yield Request((command,))
    return replies[0]


def send_reads(commands: Sequence[Command]) -> Operation[list[Any]]:
    """Send several commands to the reading connection in one round trip; return their replies."""
    if not commands:
        return []
    return (yield Request(tuple(commands)))


def send_writes(*commands: Command) -> Operation[list[Any]]:
    """Send commands to the writing connection in one round trip, not atomically; return their replies."""
    return (yield Request(commands, writes=True))


def call_script(script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Operation[Any]:
    """Run a script by its SHA-1, or by its source if the server does not have it yet."""
    rest = (len(keys), *keys, *arguments)
    try:
        return (yield Request((("EVALSHA", script.sha, *rest),), writes=True))[0]
    except UnknownScriptError:
        pass
    return (yield Request((("EVAL", script.source, *rest),), writes=True))[0]
