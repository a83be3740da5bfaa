"""Clients of a URL that try everything once, with our timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akastats.config import remove_credentials
from akastats.errors import ConfigError

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

# A server that is alive answers a batch in some 10 ms; these bound how long a dead one is waited for.
CONNECT_TIMEOUT_S = 2.0
# In asyncio the work of all other tasks counts: 300 requests that come at once may hold the loop for over 2 s.
ASYNC_CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 5.0

#: Connections of one pool, and seconds that a caller waits for a free one. redis-py 8 refuses the 101st user of
#: its default pool; 500 callers that wait in line for 50 connections are done in about a second.
POOL_CONNECTIONS = 50
POOL_TIMEOUT_S = 10.0

_TIMEOUTS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": REPLY_TIMEOUT_S,
}
_POOL: dict[str, Any] = {"max_connections": POOL_CONNECTIONS, "timeout": POOL_TIMEOUT_S}


def connect(url: str, **options: Any) -> Redis:
    """Return a client of `url` that does not retry; `options` are redis-py's, timeouts in seconds.

    Callers wait up to `POOL_TIMEOUT_S` for one of its `POOL_CONNECTIONS` connections.
    """
    from redis import BlockingConnectionPool, Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # redis-py's default retries run a script again whose reply was lost: version 8 up to eleven times.
    settings = {"retry": Retry(NoBackoff(), 0), **_TIMEOUTS, **_POOL, **_anonymous(), **options}
    try:
        client = Redis(connection_pool=BlockingConnectionPool.from_url(url, **settings))
        _try_options(client)
    except (ValueError, TypeError) as error:
        # Without its cause: redis-py's message may quote a piece of the password.
        raise _unusable(url, error) from None
    return client


def connect_async(url: str, **options: Any) -> AsyncClient:
    """As `connect`, for asyncio."""
    from redis.asyncio import BlockingConnectionPool
    from redis.asyncio import Redis as AsyncClient
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    timeouts = _TIMEOUTS | {"socket_connect_timeout": ASYNC_CONNECT_TIMEOUT_S}
    settings = {"retry": Retry(NoBackoff(), 0), **timeouts, **_POOL, **_anonymous(), **options}
    try:
        client = AsyncClient(connection_pool=BlockingConnectionPool.from_url(url, **settings))
        _try_options(client)
    except (ValueError, TypeError) as error:
        raise _unusable(url, error) from None
    return client


def _anonymous() -> dict[str, None]:
    """Return the options that keep redis-py from sending its name and version on each connection.

    It reads them from its distribution's metadata for each connection: 2 of the 2.3 ms of a push.
    """
    from importlib.util import find_spec

    # From 7.2 on; the older options warn there.
    if find_spec("redis.driver_info"):
        return {"driver_info": None}
    return {"lib_name": None, "lib_version": None}


def _try_options(client: Any) -> None:
    # redis-py meets an unknown option of a URL only when it connects, and then as a TypeError.
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)


def _unusable(url: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot use the Redis URL {remove_credentials(url)!r}: {type(error).__name__}; "
        "it reads redis://host:port/database, rediss:// or unix:///path"
    )
