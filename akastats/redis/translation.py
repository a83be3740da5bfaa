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
    translated = ServerError(ADVICE[kind].format(address=address(client), error=_first_line(error)), kind)
    translated.__cause__ = error
    return translated


def kind_of(error: Exception) -> str:
    """Return which kind of `ServerError` a driver's error is."""
    from redis import exceptions

    if isinstance(error, exceptions.NoScriptError):
        return "unknown_script"
    if isinstance(error, (exceptions.AuthenticationError, exceptions.NoPermissionError)):
        return "denied"
    if isinstance(error, (exceptions.BusyLoadingError, exceptions.ReadOnlyError)):
        return "busy"
    message = str(error)
    if isinstance(error, exceptions.ResponseError):
        return next((kind for kind, words in _WORDS.items() if message.startswith(words)), "refused")
    # redis-py tells the two apart in words alone: "Error 111 connecting to", "Timeout connecting to".
    return "absent" if "connecting to" in message else "lost"


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
    "absent": "No Redis at {address} ({error}): set AKA_STATS_REDIS_URL or call attach().",
    "lost": "Redis at {address} did not answer ({error}): what was sent last may or may not have been done.",
    "busy": "Redis at {address} cannot do this just now ({error}); nothing was written, try again later.",
    "denied": "Redis at {address} denies access: check user and password in AKA_STATS_REDIS_URL.",
    "unknown_script": "Redis at {address} does not hold the script ({error}).",
    "refused": "Redis at {address} refused: {error}. Nothing was written.",
}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def address(client: Any) -> str:
    """Return where a client's server is, without credentials."""
    try:
        settings = client.get_connection_kwargs()
    except AttributeError:
        return "the attached connection"
    if "path" in settings:
        return f"unix://{settings['path']}"
    return f"redis://{settings.get('host', 'localhost')}:{settings.get('port', 6379)}"
