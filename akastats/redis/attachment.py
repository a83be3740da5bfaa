"""Check attached clients: their kind, their event loop, and whether they may send a command twice."""

from __future__ import annotations

from inspect import isawaitable, iscoroutinefunction
from typing import Any

from akastats.errors import ConfigError


def check_client(client: Any, *, is_asyncio: bool) -> None:
    """Raise `ConfigError` unless `client` is a client of the expected kind for a single server."""
    reason = _reason_against(client, is_asyncio)
    if reason:
        name = "async_redis" if is_asyncio else "sync_redis"
        raise ConfigError(f"cannot attach {type(client).__name__} to {name}: {reason}.")
    if is_asyncio:
        check_loop(client)


def _reason_against(client: Any, is_asyncio: bool) -> str:
    if isawaitable(client) and not hasattr(client, "execute_command"):
        return "it is an awaitable. Await it, and attach the result"
    if isinstance(client, type):
        return "it is a class, not a client"
    if hasattr(client, "nodes_manager"):
        return "clusters are not supported. Attach a client of a single server"
    if hasattr(client, "command_stack"):
        return "it is a pipeline. Attach the client that created it"
    if not all(hasattr(client, name) for name in ("execute_command", "pipeline", "connection_pool")):
        # Such clients may retry a command at another server, which lacks the key that prevents a second push.
        return "it does not work like redis.Redis, so a push could be sent twice. Attach a client of redis-py"
    if _is_asyncio(client) != is_asyncio:
        kind, other = ("a blocking", "sync_redis") if is_asyncio else ("an asyncio", "async_redis")
        return f"it is {kind} client. Attach it to {other}"
    return ""


def _is_asyncio(client: Any) -> bool:
    modules = {part for cls in type(client).__mro__ for part in cls.__module__.split(".")}
    return "asyncio" in modules or iscoroutinefunction(client.execute_command)


def check_loop(client: Any) -> None:
    """Raise `ConfigError` if an asyncio client has connections of an event loop that is not the running one."""
    from asyncio import get_running_loop

    # Check only the newest free connection, because redis-py cannot open connections of one pool in two loops.
    free = getattr(client.connection_pool, "_available_connections", None)
    loop = getattr(getattr(free[-1], "_reader", None), "_loop", None) if free else None
    try:
        running = get_running_loop()
    except RuntimeError:
        return
    if loop not in (None, running):
        raise ConfigError(
            "the attached asyncio client has connections of another event loop. Create and attach a client in the "
            "event loop that uses it."
        )


def sends_once(client: Any) -> bool:
    """Return whether commands can be sent directly on a pool connection, so that none is sent twice.

    `execute_command` of redis-py retries. Subclasses may override how a command is sent.
    """
    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

    return type(client) in (Redis, AsyncClient) and not (
        client.connection or getattr(client, "single_connection_client", False)
    )
