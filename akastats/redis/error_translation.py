"""A driver's errors in our words: what was tried, at which address, and what to do."""

from __future__ import annotations

from typing import Any

from akastats.errors import ServerError


def driver_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that a Redis client raises for faults of its server or its connection."""
    from redis.exceptions import RedisError

    return (RedisError, OSError)


def refusals() -> tuple[type[Exception], ...]:
    """Return what stands for an error that the server answered."""
    from redis.exceptions import ResponseError

    return (ResponseError,)


def translate(error: Exception, client: Any, sent: bool = True) -> Exception:
    """Return a driver's error as `ServerError` with the original as its cause; any other as it is."""
    if not (isinstance(error, OSError) or _names(error) & _FAMILIES):
        return error
    kind = kind_of(error)
    if kind == "lost" and not sent:
        kind = "absent"
    advice = _advice(error, kind, client)
    translated = ServerError(advice.format(address=address(client), error=_first_line(error)), kind)
    translated.__cause__ = error
    return translated


def _advice(error: Exception, kind: str, client: Any) -> str:
    if "InvalidResponse" in _names(error):
        # Another kind of server listens there, or bytes were damaged.
        return _NO_REDIS
    return _pool_advice(client) if _is_pool_exhausted(error) else ADVICE[kind]


def _names(error: Exception) -> set[str]:
    """Return the names of an error's classes: redis-py's forks have the same ones."""
    return {cls.__name__ for cls in type(error).__mro__}


_FAMILIES = {"RedisError", "ValkeyError"}


def kind_of(error: Exception) -> str:
    """Return which kind of `ServerError` a driver's error is."""
    names = _names(error)
    if "NoScriptError" in names:
        return "unknown_script"
    if names & {"AuthenticationError", "NoPermissionError"}:
        return "denied"
    # redis-py removes the first word of these errors; its MasterDownError is a ClusterDownError.
    if names & _PASSING_ERRORS or _is_pool_exhausted(error):
        return "busy"
    if names & _CLUSTER_ERRORS:
        return "cluster"
    message = str(error)
    if "ResponseError" in names:
        return next((kind for kind, words in _WORDS.items() if message.startswith(words)), "refused")
    # redis-py tells the two apart in words alone: "Error 111 connecting to", "Timeout connecting to".
    return "absent" if "connecting to" in message else "lost"


_PASSING_ERRORS = {"BusyLoadingError", "ReadOnlyError", "TryAgainError", "MasterDownError"}
_CLUSTER_ERRORS = {"MovedError", "AskError", "ClusterDownError", "ClusterCrossSlotError"}


def _is_pool_exhausted(error: Exception) -> bool:
    """Return whether a client's pool had no connection to lend: redis-py has no class for it before version 6."""
    return str(error).startswith(("No connection available", "Too many connections"))


def _pool_advice(client: Any) -> str:
    pool = client.connection_pool
    size, wait = getattr(pool, "max_connections", "all"), getattr(pool, "timeout", None)
    waited = f" for {wait:g} s" if isinstance(wait, (int, float)) else ""
    return (
        f"All {size} connections of the pool to Redis at {{address}} were in use{waited} ({{error}}); nothing was "
        "sent. Use fewer at a time, or attach a client with a BlockingConnectionPool of more max_connections."
    )


_WORDS = {
    "denied": (
        "NOAUTH",
        "WRONGPASS",
        "NOPERM",
        "AUTH",
        "invalid username-password",
        "Authentication",
        # Of a command inside a script: Redis and Valkey.
        "The user executing the script",
        "ACL failure in script",
        # What before Redis 6 says NOAUTH; then databases that there are not.
        "operation not permitted",
        "DB index is out of range",
        "invalid DB index",
        "SELECT is not allowed",
    ),
    "unknown_script": ("NOSCRIPT", "No matching script"),
    "cluster": (
        "MOVED",
        "ASK ",
        "CROSSSLOT",
        "CLUSTERDOWN",
        "Keys in request don't hash to the same slot",
        # These report a command inside a script.
        "Script attempted to access keys that do not hash to the same slot",
        "Script attempted to access a non local key in a cluster node",
    ),
    "busy": (
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

#: What each kind of `ServerError` says; `{address}` holds no credentials.
ADVICE = {
    "absent": "No Redis at {address} ({error}): set AKA_STATS_REDIS_URL, pass --url, or call attach().",
    "lost": "Redis at {address} did not answer ({error}): what was sent last may or may not have been done.",
    "busy": "Redis at {address} cannot do this just now ({error}); nothing was written, try again later.",
    "cluster": (
        "Redis at {address} is a cluster ({error}), which akastats does not support yet; nothing was written. "
        "Set AKA_STATS_REDIS_URL to a single server."
    ),
    "denied": "Redis at {address} denies access ({error}): check what AKA_STATS_REDIS_URL or --url names.",
    "unknown_script": "Redis at {address} does not hold the script ({error}).",
    "refused": "Redis at {address} refused: {error}. Nothing was written.",
}


_NO_REDIS = (
    "What answers at {address} is no Redis ({error}): "
    "check host, port and scheme in AKA_STATS_REDIS_URL, or of --url."
)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def address(client: Any) -> str:
    """Return where a client's server is, without credentials."""
    try:
        settings, pool = client.get_connection_kwargs(), client.connection_pool
    except AttributeError:
        return "the attached connection"
    if "path" in settings:
        return f"unix://{settings['path']}"
    host, port = str(settings.get("host", "localhost")), settings.get("port", 6379)
    scheme = "rediss" if pool.connection_class.__name__.startswith("SSL") else "redis"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
