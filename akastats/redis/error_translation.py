"""Translate exceptions of redis-py into `ServerError`, with the address and a remedy in the message."""

from __future__ import annotations

from typing import Any

from akastats.errors import (
    AccessDeniedError,
    ClusterError,
    ConnectionLostError,
    RequestRefusedError,
    ServerBusyError,
    ServerError,
    ServerUnreachableError,
    UnknownScriptError,
)


def driver_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that a Redis client raises for faults of its server or its connection."""
    from redis.exceptions import RedisError

    return (RedisError, OSError)


def response_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that a Redis client raises for an error reply of the server."""
    from redis.exceptions import ResponseError

    return (ResponseError,)


def translate(error: Exception, client: Any, sent: bool = True) -> Exception:
    """Return a driver's error as `ServerError` with the original as its cause; return any other unchanged.

    `sent`: whether the request had been sent when the error occurred.
    """
    if not (isinstance(error, OSError) or _class_names(error) & _FAMILIES):
        return error
    error_class = classify(error)
    if error_class is ConnectionLostError and not sent:
        error_class = ServerUnreachableError
    message = _message(error, error_class, client)
    translated = error_class(message.format(address=format_address(client), error=_first_line(error)))
    translated.__cause__ = error
    return translated


def _message(error: Exception, error_class: type[ServerError], client: Any) -> str:
    if "InvalidResponse" in _class_names(error):
        # Another kind of server listens there, or bytes were damaged.
        return _NOT_REDIS
    return _pool_message(client) if _is_pool_exhausted(error) else MESSAGES[error_class]


def _class_names(error: Exception) -> set[str]:
    """Return the names of an error's classes; forks of redis-py use the same names."""
    return {cls.__name__ for cls in type(error).__mro__}


_FAMILIES = {"RedisError", "ValkeyError"}


def classify(error: Exception) -> type[ServerError]:
    """Return the subclass of `ServerError` that corresponds to a driver's error."""
    names = _class_names(error)
    if "NoScriptError" in names:
        return UnknownScriptError
    if names & {"AuthenticationError", "NoPermissionError"}:
        return AccessDeniedError
    # redis-py removes the first word of these errors; its MasterDownError is a ClusterDownError.
    if names & _BUSY_ERRORS or _is_pool_exhausted(error):
        return ServerBusyError
    if names & _CLUSTER_ERRORS:
        return ClusterError
    message = str(error)
    if "ResponseError" in names:
        matches = (each for each, prefixes in _PREFIXES.items() if message.startswith(prefixes))
        return next(matches, RequestRefusedError)
    # Only the text shows whether connecting failed: "Error 111 connecting to", "Timeout connecting to".
    return ServerUnreachableError if "connecting to" in message else ConnectionLostError


_BUSY_ERRORS = {"BusyLoadingError", "ReadOnlyError", "TryAgainError", "MasterDownError"}
_CLUSTER_ERRORS = {"MovedError", "AskError", "ClusterDownError", "ClusterCrossSlotError"}


def _is_pool_exhausted(error: Exception) -> bool:
    """Return whether a client's pool had no free connection; redis-py before version 6 has no class for this."""
    return str(error).startswith(("No connection available", "Too many connections"))


def _pool_message(client: Any) -> str:
    pool = client.connection_pool
    size, timeout = getattr(pool, "max_connections", "all"), getattr(pool, "timeout", None)
    duration = f" for {timeout:g} s" if isinstance(timeout, (int, float)) else ""
    return (
        f"All {size} connections of the pool to Redis at {{address}} were in use{duration} ({{error}}); nothing "
        "was sent. Use fewer at a time, or attach a client whose BlockingConnectionPool has more max_connections."
    )


# First words of the server's error replies.
_PREFIXES: dict[type[ServerError], tuple[str, ...]] = {
    AccessDeniedError: (
        "NOAUTH",
        "WRONGPASS",
        "NOPERM",
        "AUTH",
        "invalid username-password",
        "Authentication",
        # For a command inside a script: Redis and Valkey.
        "The user executing the script",
        "ACL failure in script",
        # Redis before version 6 replies "operation not permitted" instead of NOAUTH. The replies after it report a
        # database that does not exist.
        "operation not permitted",
        "DB index is out of range",
        "invalid DB index",
        "SELECT is not allowed",
    ),
    UnknownScriptError: ("NOSCRIPT", "No matching script"),
    ClusterError: (
        "MOVED",
        "ASK ",
        "CROSSSLOT",
        "CLUSTERDOWN",
        "Keys in request don't hash to the same slot",
        # For a command inside a script.
        "Script attempted to access keys that do not hash to the same slot",
        "Script attempted to access a non local key in a cluster node",
    ),
    ServerBusyError: (
        "OOM",
        "LOADING",
        "READONLY",
        "MISCONF",
        "BUSY",
        "TRYAGAIN",
        "MASTERDOWN",
        "NOREPLICAS",
        "command not allowed when used memory",
    ),
}

#: The message of each subclass of `ServerError`; `{address}` contains no credentials.
MESSAGES: dict[type[ServerError], str] = {
    ServerUnreachableError: (
        "Cannot connect to Redis at {address} ({error}). "
        "Start a server, or set AKA_STATS_REDIS_URL, pass --url, or call attach()."
    ),
    ConnectionLostError: (
        "Redis at {address} did not reply ({error}). The last request may or may not have been executed."
    ),
    ServerBusyError: (
        "Redis at {address} cannot execute requests now ({error}). Nothing was written; try again later."
    ),
    ClusterError: (
        "Redis at {address} is a cluster ({error}), which akastats does not support; nothing was written. "
        "Set AKA_STATS_REDIS_URL to a single server."
    ),
    AccessDeniedError: (
        "Redis at {address} denies access ({error}). Check user, password and database in AKA_STATS_REDIS_URL or "
        "--url, and the user's permissions."
    ),
    UnknownScriptError: "Redis at {address} does not have the script ({error}). Nothing was written; try again.",
    RequestRefusedError: "Redis at {address} refused the request: {error}. Nothing was written.",
}


_NOT_REDIS = (
    "The server at {address} is not a Redis server ({error}). "
    "Check host, port and scheme in AKA_STATS_REDIS_URL or --url."
)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def format_address(client: Any) -> str:
    """Return the URL of a client's server, without credentials."""
    try:
        settings, pool = client.get_connection_kwargs(), client.connection_pool
    except AttributeError:
        return "the attached connection"
    if "path" in settings:
        return f"unix://{settings['path']}"
    host, port = str(settings.get("host", "localhost")), settings.get("port", 6379)
    scheme = "rediss" if pool.connection_class.__name__.startswith("SSL") else "redis"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
