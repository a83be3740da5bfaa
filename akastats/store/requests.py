"""What an operation yields: commands for a server. Operations see no client, no clock, no `await`.

A runner in `akastats.redis` sends each `Ask` and sends its reply back in; a server's error is thrown in
as `ServerError`.
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
    """Commands to be sent in one go; replies come back as a list in their order."""

    commands: tuple[Command, ...]
    writes: bool = False


#: A conversation with the server that ends in a `T`.
Operation = Generator[Request, list[Any], T]


def send_read(*command: Argument) -> Operation[Any]:
    """Ask the reader one command and return its reply, bytes undecoded."""
    replies = yield Request((command,))
    return replies[0]


def send_reads(commands: Sequence[Command]) -> Operation[list[Any]]:
    """Ask the reader several commands in one round trip."""
    if not commands:
        return []
    return (yield Request(tuple(commands)))


def send_writes(*commands: Command) -> Operation[list[Any]]:
    """Have the writer carry out `commands` in one round trip; not atomic."""
    return (yield Request(commands, writes=True))


def call_script(script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Operation[Any]:
    """Run a script by its SHA-1, with its text where the server has not seen it yet."""
    rest = (len(keys), *keys, *arguments)
    try:
        return (yield Request((("EVALSHA", script.sha, *rest),), writes=True))[0]
    except UnknownScriptError:
        pass
    return (yield Request((("EVAL", script.source, *rest),), writes=True))[0]
