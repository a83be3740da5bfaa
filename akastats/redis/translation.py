"""A driver's errors in our words: what was tried, at which address, and what to do."""

from __future__ import annotations

from typing import Any

from akastats.errors import ServerError


def driver_errors() -> tuple[type[Exception], ...]:
    """Return what a client raises when something is wrong with its server or the way there."""
    from redis.exceptions import RedisError

    return (RedisError, OSError)


def refusals() -> tuple[type[Exception], ...]:
    """Return what stands for an error that the server answered."""
    from redis.exceptions import ResponseError

    return (ResponseError,)


def translate(error: Exception, client: Any, sent: bool = True) -> Exception:
    """Return a driver's error as `ServerError` with the original as its cause; any other as it is."""
    if not isinstance(error, driver_errors()):
        return error
    kind = kind_of(error)
    if kind == "lost" and not sent:
        kind = "absent"
    advice = _NO_REDIS if _is_foreign(error) else ADVICE[kind]
    translated = ServerError(advice.format(address=address(client), error=_first_line(error)), kind)
    translated.__cause__ = error
    return translated


def kind_of(error: Exception) -> str:
    """Return which kind of `ServerError` a driver's error is."""
    from redis import exceptions

    if isinstance(error, exceptions.NoScriptError):
        return "unknown_script"
    if isinstance(error, (exceptions.AuthenticationError, exceptions.NoPermissionError)):
        return "denied"
    if isinstance(error, _passing_states()):
        return "busy"
    message = str(error)
    if isinstance(error, exceptions.ResponseError):
        return next((kind for kind, words in _WORDS.items() if message.startswith(words)), "refused")
    # redis-py tells the two apart in words alone: "Error 111 connecting to", "Timeout connecting to".
    return "absent" if "connecting to" in message else "lost"


def _passing_states() -> tuple[type[Exception], ...]:
    """Return what redis-py has a class of its own for, and takes the server's first word from."""
    from redis import exceptions

    alone = (exceptions.BusyLoadingError, exceptions.ReadOnlyError)
    return (*alone, exceptions.ClusterDownError, exceptions.TryAgainError, exceptions.MasterDownError)


def _is_foreign(error: Exception) -> bool:
    """Tell whether what came was no reply at all: another kind of server listens there, or bytes were spoilt."""
    from redis.exceptions import InvalidResponse

    return isinstance(error, InvalidResponse)


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
    "busy": (
        "OOM",
        "LOADING",
        "READONLY",
        "MISCONF",
        "BUSY",
        "CLUSTERDOWN",
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
