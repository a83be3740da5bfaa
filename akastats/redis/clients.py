"""Create clients for a URL, with timeouts and without retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from akastats.config import remove_credentials
from akastats.errors import ConfigError

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

# Maximum number of seconds to wait for an unreachable server. A server replies to a batch within about 10 ms.
CONNECT_TIMEOUT_S = 2.0
# In asyncio the wait includes the work of other tasks: 300 simultaneous requests may block the loop for over 2 s.
ASYNC_CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 5.0

#: Maximum number of connections per pool, and of seconds that a caller waits for a free one. 500 callers with 50
#: connections finish in about a second. The default pool of redis-py 8 refuses the 101st caller.
POOL_CONNECTIONS = 50
POOL_TIMEOUT_S = 10.0

_TIMEOUTS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": REPLY_TIMEOUT_S,
}
_POOL: dict[str, Any] = {"max_connections": POOL_CONNECTIONS, "timeout": POOL_TIMEOUT_S}


def connect(url: str, **options: Any) -> Redis:
    """Return a client for `url` that does not retry; `options` are those of redis-py, timeouts in seconds.

    Callers wait up to `POOL_TIMEOUT_S` for one of its `POOL_CONNECTIONS` connections.
    """
    from redis import BlockingConnectionPool, Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # By default redis-py runs a script again if its reply is lost: version 8 up to eleven times.
    settings = {"retry": Retry(NoBackoff(), 0), **_TIMEOUTS, **_POOL, **_anonymous(), **options}
    try:
        client = Redis(connection_pool=BlockingConnectionPool.from_url(url, **settings))
        _try_options(client)
    except (ValueError, TypeError) as error:
        # Raised without a cause, because the message of redis-py may quote a part of the password.
        raise _unusable(url, error) from None
    return client


def connect_async(url: str, **options: Any) -> AsyncClient:
    """Do the same as `connect`, for asyncio."""
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
    """Return the options that prevent redis-py from sending its name and version on each connection.

    redis-py reads them from the metadata of its distribution, which takes 2 of the 2.3 ms of a push.
    """
    from importlib.util import find_spec

    # redis-py 7.2 introduced this option, and warns of the older ones.
    if find_spec("redis.driver_info"):
        return {"driver_info": None}
    return {"lib_name": None, "lib_version": None}


def _try_options(client: Any) -> None:
    # redis-py detects an unknown option of a URL only when it connects, and then raises TypeError.
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)


def _unusable(url: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot use the Redis URL {remove_credentials(url)!r}: {type(error).__name__}. "
        "Use redis://host:port/database, rediss://host:port/database or unix:///path."
    )
