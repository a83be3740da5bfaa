"""Connections, and the two runners of operations: the only room that knows redis-py.

`sync_redis` and `async_redis` hold a reader and a writer: attached ones, which are never closed here, or
own ones, opened at first use from `AKA_STATS_REDIS_URL` and closed when nobody uses them any more.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from akastats.config import config, without_credentials
from akastats.errors import ConfigError, ServerError
from akastats.operations.requests import Ask, Operation

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

T = TypeVar("T")

# A server that is alive answers a batch in some 10 ms; these bound how long a dead one is waited for.
CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0


def connect(url: str, **options: Any) -> Redis:
    """Return a client of `url` that tries everything once; `options` as redis-py's, timeouts in seconds."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # redis-py's default retries run a script again whose reply was lost: version 8 up to eleven times.
    try:
        return Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_TIMEOUTS | options)
    except ValueError as error:
        raise _unusable(url, error) from error


def connect_async(url: str, **options: Any) -> AsyncClient:
    """As `connect`, for asyncio."""
    from redis.asyncio import Redis as AsyncClient
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    try:
        return AsyncClient.from_url(url, retry=Retry(NoBackoff(), 0), **_TIMEOUTS | options)
    except ValueError as error:
        raise _unusable(url, error) from error


_TIMEOUTS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": REPLY_TIMEOUT_S,
}


def _unusable(url: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot use the Redis URL {without_credentials(url)!r}: {type(error).__name__}; "
        "it reads redis://host:port/database, rediss:// or unix:///path"
    )


class SyncRedis:
    """The connections of code that blocks, safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._attached: tuple[Redis, Redis] | None = None
        self._own: Redis | None = None
        self.call_count = 0

    def __call__(self) -> SyncRedis:
        return self

    @property
    def reader(self) -> Redis | None:
        """The client that is read from, `None` while there is no connection."""
        return self._attached[0] if self._attached else self._own

    @property
    def writer(self) -> Redis | None:
        """The client that is written to, `None` while there is no connection."""
        return self._attached[1] if self._attached else self._own

    def attach(self, reader: Redis, writer: Redis) -> None:
        """Use these clients from now on; they stay the caller's to close."""
        self._attached = (reader, writer)

    def detach(self) -> None:
        """Forget attached clients: own connections are used again."""
        self._attached = None

    def open_connection(self, redis_url: str | None = None) -> tuple[Redis, Redis]:
        """Open an own connection that stays open until `close`; without a URL the configured one."""
        with self._lock:
            if self._own is None and self._attached is None:
                self._own = connect(redis_url or config.redis_url)
            self.call_count += 1
            return self._pair()

    def redis_pair(self) -> tuple[Redis, Redis]:
        """Return reader and writer, to be given back by leaving the context or by `close`."""
        return self.open_connection()

    def __enter__(self) -> tuple[Redis, Redis]:
        return self.open_connection()

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self.call_count = max(0, self.call_count - 1)
            if self.call_count == 0:
                self.close()

    def close(self) -> None:
        """Close the own connection, whoever still counts on it; attached clients are left alone."""
        with self._lock:
            own, self._own = self._own, None
            self.call_count = 0
        if own is not None:
            own.close()

    def _pair(self) -> tuple[Redis, Redis]:
        if self._attached is not None:
            return self._attached
        assert self._own is not None
        return self._own, self._own

    def run(self, operation: Operation[T]) -> T:
        """Carry out an operation; a driver's error reaches it, and the caller, as `ServerError`."""
        with self as (reader, writer):
            return run(operation, reader, writer)


def run(operation: Operation[T], reader: Redis, writer: Redis) -> T:
    """Carry out an operation over given clients, blocking."""
    try:
        request = next(operation)
        while True:
            client = writer if request.writes else reader
            try:
                replies = _send(client, request)
            except Exception as error:  # noqa: BLE001 - translated, or raised again unchanged
                request = operation.throw(translate(error, client))
            else:
                request = operation.send(replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


def _send(client: Redis, request: Ask) -> list[Any]:
    if len(request.commands) == 1:
        execute: Any = client.execute_command
        return [execute(*request.commands[0], **_UNDECODED)]
    pipeline = client.pipeline(transaction=False)
    queue: Any = pipeline.execute_command
    for command in request.commands:
        queue(*command, **_UNDECODED)
    return pipeline.execute()


# Contexts and profiles are bytes: they come back as bytes from clients that decode responses too.
_UNDECODED: dict[str, Any] = {"NEVER_DECODE": True}


class AsyncRedis:
    """The connections of asyncio code; own ones are kept per event loop, since they cannot be shared."""

    def __init__(self) -> None:
        self._attached: tuple[AsyncClient, AsyncClient] | None = None
        self._owns: WeakKeyDictionary[AbstractEventLoop, _Own] = WeakKeyDictionary()

    def __call__(self) -> AsyncRedis:
        return self

    @property
    def call_count(self) -> int:
        """How many users the running loop's own connection has."""
        return self._own().users

    @property
    def reader(self) -> AsyncClient | None:
        """The client that is read from, `None` while there is no connection."""
        return self._attached[0] if self._attached else self._own().client

    @property
    def writer(self) -> AsyncClient | None:
        """The client that is written to, `None` while there is no connection."""
        return self._attached[1] if self._attached else self._own().client

    def attach(self, reader: AsyncClient, writer: AsyncClient) -> None:
        """Use these clients from now on; they stay the caller's to close."""
        self._attached = (reader, writer)

    def detach(self) -> None:
        """Forget attached clients: own connections are used again."""
        self._attached = None

    async def open_connection(self, redis_url: str | None = None) -> tuple[AsyncClient, AsyncClient]:
        """Open an own connection that stays open until `close`; without a URL the configured one."""
        own = self._own()
        if own.client is None and self._attached is None:
            own.client = connect_async(redis_url or config.redis_url)
        own.users += 1
        return self._pair(own)

    async def redis_pair(self) -> tuple[AsyncClient, AsyncClient]:
        """Return reader and writer, to be given back by leaving the context or by `close`."""
        return await self.open_connection()

    async def __aenter__(self) -> tuple[AsyncClient, AsyncClient]:
        return await self.open_connection()

    async def __aexit__(self, *exc_info: object) -> None:
        own = self._own()
        own.users = max(0, own.users - 1)
        if own.users == 0:
            await self.close()

    async def close(self) -> None:
        """Close this loop's own connection, whoever still counts on it; attached clients are left alone."""
        own = self._own()
        client, own.client, own.users = own.client, None, 0
        if client is not None:
            await client.aclose()

    def _own(self) -> _Own:
        from asyncio import get_running_loop

        return self._owns.setdefault(get_running_loop(), _Own())

    def _pair(self, own: _Own) -> tuple[AsyncClient, AsyncClient]:
        if self._attached is not None:
            return self._attached
        assert own.client is not None
        return own.client, own.client

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation; a driver's error reaches it, and the caller, as `ServerError`."""
        async with self as (reader, writer):
            return await run_async(operation, reader, writer)


class _Own:
    """One event loop's own client and the number of its users."""

    client: AsyncClient | None = None
    users: int = 0


async def run_async(operation: Operation[T], reader: AsyncClient, writer: AsyncClient) -> T:
    """Carry out an operation over given clients, awaiting."""
    try:
        request = next(operation)
        while True:
            client = writer if request.writes else reader
            try:
                replies = await _send_async(client, request)
            except Exception as error:  # noqa: BLE001 - translated, or raised again unchanged
                request = operation.throw(translate(error, client))
            else:
                request = operation.send(replies)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # StopIteration.value is untyped


async def _send_async(client: AsyncClient, request: Ask) -> list[Any]:
    if len(request.commands) == 1:
        execute: Any = client.execute_command
        return [await execute(*request.commands[0], **_UNDECODED)]
    pipeline = client.pipeline(transaction=False)
    queue: Any = pipeline.execute_command
    for command in request.commands:
        queue(*command, **_UNDECODED)
    return await pipeline.execute()


def translate(error: Exception, client: Any) -> Exception:
    """Return a driver's error as `ServerError` with the original as its cause; any other as it is."""
    from redis.exceptions import RedisError

    if not isinstance(error, (RedisError, OSError)):
        return error
    kind = kind_of(error)
    translated = ServerError(_ADVICE[kind].format(address=address(client), error=_first_line(error)), kind)
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
    "denied": ("NOAUTH", "WRONGPASS", "NOPERM", "AUTH", "invalid username-password", "Authentication"),
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
_ADVICE = {
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


sync_redis = SyncRedis()
async_redis = AsyncRedis()
