"""Clients of a URL that try everything once, with our timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akastats.config import without_credentials
from akastats.errors import ConfigError

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

# A server that is alive answers a batch in some 10 ms; these bound how long a dead one is waited for.
CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0

_TIMEOUTS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": REPLY_TIMEOUT_S,
}


def connect(url: str, **options: Any) -> Redis:
    """Return a client of `url` that tries everything once; `options` as redis-py's, timeouts in seconds."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # redis-py's default retries run a script again whose reply was lost: version 8 up to eleven times.
    try:
        client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_TIMEOUTS | options)
        _try_options(client)
    except (ValueError, TypeError) as error:
        # Without its cause: redis-py's message may quote a piece of the password.
        raise _unusable(url, error) from None
    return client


def connect_async(url: str, **options: Any) -> AsyncClient:
    """As `connect`, for asyncio."""
    from redis.asyncio import Redis as AsyncClient
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    try:
        client = AsyncClient.from_url(url, retry=Retry(NoBackoff(), 0), **_TIMEOUTS | options)
        _try_options(client)
    except (ValueError, TypeError) as error:
        raise _unusable(url, error) from None
    return client


def _try_options(client: Any) -> None:
    # redis-py meets an unknown option of a URL only when it connects, and then as a TypeError.
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)


def _unusable(url: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot use the Redis URL {without_credentials(url)!r}: {type(error).__name__}; "
        "it reads redis://host:port/database, rediss:// or unix:///path"
    )
