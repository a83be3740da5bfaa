"""Connections, and the two runners of operations: the only room that knows redis-py.

`sync_redis` and `async_redis` hold a reader and a writer: attached ones, which are never closed here, or
own ones, opened at first use from `AKA_STATS_REDIS_URL` and closed when nobody uses them any more.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from akastats.config import config, without_credentials
from akastats.errors import ConfigError, ServerError
from akastats.operations.requests import Ask, Command, Operation

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

T = TypeVar("T")
Client = TypeVar("Client")

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


_TIMEOUTS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": REPLY_TIMEOUT_S,
}

# One batch is prepared and sent while the server works on the other; a third would only wait there, and be in
# doubt when the connection is lost.
IN_FLIGHT = 2


def _unusable(url: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot use the Redis URL {without_credentials(url)!r}: {type(error).__name__}; "
        "it reads redis://host:port/database, rediss:// or unix:///path"
    )


class Own(Generic[Client]):
    """An own client and who counts on it: those who opened it, and the contexts entered."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.opened = self.entered = 0

    def taken(self) -> Client | None:
        """Take the client out once nobody counts on it."""
        if self.opened + self.entered:
            return None
        client, self.client = self.client, None
        return client


class SyncRedis:
    """The connections of code that blocks, safe to share between threads and with forked children."""

    def __init__(self) -> None:
        self._attached: tuple[Redis, Redis] | None = None
        self._own: Own[Redis] = Own()
        self._renew_lock()
        # A child forked while another thread holds the lock would wait for it for ever.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def __call__(self) -> SyncRedis:
        return self

    @property
    def call_count(self) -> int:
        """How many users the connection has: open contexts, and calls of `open_connection`."""
        return self._own.opened + self._own.entered

    @property
    def reader(self) -> Redis | None:
        """The client that is read from, `None` while there is no connection."""
        return self._attached[0] if self._attached else self._own.client

    @property
    def writer(self) -> Redis | None:
        """The client that is written to, `None` while there is no connection."""
        return self._attached[1] if self._attached else self._own.client

    def attach(self, reader: Redis, writer: Redis) -> None:
        """Use these clients from now on; they stay the caller's to close."""
        self._attached = (reader, writer)

    def detach(self) -> None:
        """Forget attached clients: own connections are used again."""
        self._attached = None

    def open_connection(self, redis_url: str | None = None) -> tuple[Redis, Redis]:
        """Open an own connection that stays open until `close`; without a URL the configured one."""
        with self._lock:
            pair = self._pair(redis_url)
            self._own.opened += 1
        return pair

    def redis_pair(self) -> tuple[Redis, Redis]:
        """Return reader and writer, to be given back by `close`."""
        return self.open_connection()

    def __enter__(self) -> tuple[Redis, Redis]:
        with self._lock:
            pair = self._pair()
            self._own.entered += 1
        return pair

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._own.entered -= 1
            unused = self._own.taken()
        _close(unused)

    def close(self) -> None:
        """Close the own connection, now or when the last open context ends; attached ones are left alone."""
        with self._lock:
            self._own.opened = 0
            unused = self._own.taken()
        _close(unused)

    def _pair(self, redis_url: str | None = None) -> tuple[Redis, Redis]:
        if self._attached is not None:
            return self._attached
        if self._own.client is None:
            self._own.client = connect(redis_url or config.redis_url)
        return self._own.client, self._own.client

    def run(self, operation: Operation[T]) -> T:
        """Carry out an operation; a driver's error reaches it, and the caller, as `ServerError`."""
        with self as (reader, writer):
            return run(operation, reader, writer)

    def run_all(self, operations: Iterable[Operation[T]]) -> Iterator[T]:
        """Carry out operations that write, two at a time on one connection; yield what each returns as it ends.

        After an error nothing more is sent; what is under way is waited for, then the error is raised.
        """
        with self as (_, writer):
            yield from run_all(operations, writer)


def _close(client: Redis | None) -> None:
    if client is not None:
        client.close()
        # redis-py 5.0.0 takes the pool for the caller's.
        client.connection_pool.disconnect()


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
    if _lends(client):
        with _lent(client) as connection:
            connection.send_packed_command([pack(request.commands)])
            replies = [_reply(connection) for _ in request.commands]
        return _parse(client, request, replies)
    if len(request.commands) == 1:
        execute: Any = client.execute_command
        return [execute(*request.commands[0], **_UNDECODED)]
    return _piped(client, request).execute()  # type: ignore[no-any-return]  # redis-py's pipeline is untyped


def run_all(operations: Iterable[Operation[T]], writer: Redis) -> Iterator[T]:
    """Carry out operations that write, two at a time on one connection of `writer`, blocking."""
    if not _lends(writer):
        yield from (run(operation, writer, writer) for operation in operations)
        return
    talk = _Talk(operations, writer)
    messages = talk.messages()
    yield from talk.results()
    if messages:
        with _lent(writer) as connection:
            while talk.due():
                try:
                    for message in messages:
                        connection.send_packed_command([message])
                    talk.hear([_reply(connection) for _ in range(talk.due())])
                except _driver_errors() as error:
                    connection.disconnect()
                    talk.break_off(error)
                messages = talk.messages()
                yield from talk.results()
    talk.raise_error()


@contextmanager
def _lent(client: Redis) -> Iterator[Any]:
    """Lend a connection of a client's pool; after an error it is closed, since replies may still come."""
    pool = client.connection_pool
    try:
        connection = _from_pool(pool)
    except _driver_errors() as error:
        raise translate(error, client, sent=False) from error
    try:
        yield connection
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def _from_pool(pool: Any) -> Any:
    connection = _ask_pool(pool)
    try:
        # A server that was restarted has closed it: a script sent into it would be lost for nothing.
        if _is_stale(connection):
            connection.disconnect()
            connection.connect()
    except BaseException:
        pool.release(connection)
        raise
    return connection


def _is_stale(connection: Any) -> bool:
    try:
        return bool(connection.can_read())
    except _driver_errors():
        return True


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except _refusals() as error:
        return error


class AsyncRedis:
    """The connections of asyncio code; own ones are kept per event loop, since they cannot be shared."""

    def __init__(self) -> None:
        self._attached: tuple[AsyncClient, AsyncClient] | None = None
        self._owns: WeakKeyDictionary[AbstractEventLoop, Own[AsyncClient]] = WeakKeyDictionary()

    def __call__(self) -> AsyncRedis:
        return self

    @property
    def call_count(self) -> int:
        """How many users the running loop's connection has: open contexts, and calls of `open_connection`."""
        own = self._own()
        return own.opened + own.entered

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
        pair = self._pair(redis_url)
        self._own().opened += 1
        return pair

    async def redis_pair(self) -> tuple[AsyncClient, AsyncClient]:
        """Return reader and writer, to be given back by `close`."""
        return await self.open_connection()

    async def __aenter__(self) -> tuple[AsyncClient, AsyncClient]:
        pair = self._pair()
        self._own().entered += 1
        return pair

    async def __aexit__(self, *exc_info: object) -> None:
        own = self._own()
        own.entered -= 1
        await _close_async(own.taken())

    async def close(self) -> None:
        """Close this loop's connection, now or when its last context ends; attached ones are left alone."""
        own = self._own()
        own.opened = 0
        await _close_async(own.taken())

    def _own(self) -> Own[AsyncClient]:
        from asyncio import get_running_loop

        try:
            loop = get_running_loop()
        except RuntimeError:
            return Own()
        return self._owns.setdefault(loop, Own())

    def _pair(self, redis_url: str | None = None) -> tuple[AsyncClient, AsyncClient]:
        if self._attached is not None:
            return self._attached
        own = self._own()
        if own.client is None:
            own.client = connect_async(redis_url or config.redis_url)
        return own.client, own.client

    async def run(self, operation: Operation[T]) -> T:
        """Carry out an operation; a driver's error reaches it, and the caller, as `ServerError`."""
        async with self as (reader, writer):
            return await run_async(operation, reader, writer)

    async def run_all(self, operations: Iterable[Operation[T]]) -> AsyncIterator[T]:
        """As `SyncRedis.run_all`, awaiting."""
        async with self as (_, writer):
            async for result in run_all_async(operations, writer):
                yield result


async def _close_async(client: Any) -> None:
    if client is not None:
        # redis-py 5.0.0 has the older name only.
        await (getattr(client, "aclose", None) or client.close)()
        await client.connection_pool.disconnect()


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
    if _lends(client):
        async with _lent_async(client) as connection:
            await connection.send_packed_command([pack(request.commands)])
            replies = [await _reply_async(connection) for _ in request.commands]
        return _parse(client, request, replies)
    if len(request.commands) == 1:
        execute: Any = client.execute_command
        return [await execute(*request.commands[0], **_UNDECODED)]
    return await _piped(client, request).execute()  # type: ignore[no-any-return]  # redis-py's pipeline is untyped


async def run_all_async(operations: Iterable[Operation[T]], writer: AsyncClient) -> AsyncIterator[T]:
    """Carry out operations that write, two at a time on one connection of `writer`, awaiting."""
    if not _lends(writer):
        for operation in operations:
            yield await run_async(operation, writer, writer)
        return
    talk = _Talk(operations, writer)
    messages = talk.messages()
    for result in talk.results():
        yield result
    if messages:
        async with _lent_async(writer) as connection:
            while talk.due():
                try:
                    for message in messages:
                        await connection.send_packed_command([message])
                    talk.hear([await _reply_async(connection) for _ in range(talk.due())])
                except _driver_errors() as error:
                    await connection.disconnect()
                    talk.break_off(error)
                messages = talk.messages()
                for result in talk.results():
                    yield result
    talk.raise_error()


@asynccontextmanager
async def _lent_async(client: AsyncClient) -> AsyncIterator[Any]:
    """As `_lent`, awaiting."""
    pool = client.connection_pool
    try:
        connection = await _from_pool_async(pool)
    except _driver_errors() as error:
        raise translate(error, client, sent=False) from error
    try:
        yield connection
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)


async def _from_pool_async(pool: Any) -> Any:
    connection = await _ask_pool(pool)
    try:
        if await _is_stale_async(connection):
            await connection.disconnect()
            await connection.connect()
    except BaseException:
        await pool.release(connection)
        raise
    return connection


async def _is_stale_async(connection: Any) -> bool:
    try:
        # Before redis-py 8 it has the other name only, and says b"" at the end of the stream.
        can_read = getattr(connection, "can_read", None) or connection.can_read_destructive
        return await can_read() is not False
    except _driver_errors():
        return True


async def _reply_async(connection: Any) -> Any:
    try:
        return await connection.read_response(disable_decoding=True)
    except _refusals() as error:
        return error


class _Talk(Generic[T]):
    """What is under way on one connection: replies come in the order of their requests."""

    def __init__(self, operations: Iterable[Operation[T]], client: Any) -> None:
        self._coming = iter(operations)
        self._client = client
        self._waiting: deque[tuple[Operation[T], Ask]] = deque()
        self._again: deque[tuple[Operation[T], Ask]] = deque()
        self._results: list[T] = []
        self._error: Exception | None = None

    def messages(self) -> list[bytes]:
        """Return what is to be sent now, so that two operations are under way."""
        made = []
        while len(self._waiting) < IN_FLIGHT and self._prepare():
            following = self._again.popleft()
            self._waiting.append(following)
            made.append(pack(following[1].commands))
        return made

    def _prepare(self) -> bool:
        try:
            while not self._again and self._error is None:
                self._advance(next(self._coming))
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - raised when what is under way has been answered
            self._error = error
        return bool(self._again)

    def _advance(self, operation: Operation[T], replies: list[Any] | Exception | None = None) -> None:
        """Take an operation on to its next request, or to its end."""
        try:
            if isinstance(replies, Exception):
                request = operation.throw(replies)
            else:
                request = next(operation) if replies is None else operation.send(replies)
        except StopIteration as stop:
            self._results.append(stop.value)
        except Exception as error:  # noqa: BLE001 - the same
            self._error = self._error or error
        else:
            self._again.append((operation, request))

    def due(self) -> int:
        """Return how many replies the oldest request has, 0 when nothing is under way."""
        return len(self._waiting[0][1].commands) if self._waiting else 0

    def hear(self, replies: list[Any]) -> None:
        """Hand the oldest request's replies to its operation."""
        operation, request = self._waiting.popleft()
        try:
            self._advance(operation, _parse(self._client, request, replies))
        except _driver_errors() as error:
            self._advance(operation, translate(error, self._client))

    def results(self) -> list[T]:
        """Take out what operations have returned since the last time."""
        results, self._results = self._results, []
        return results

    def break_off(self, error: Exception) -> None:
        """Give up what is under way: its replies will not come."""
        self._error = self._error or translate(error, self._client)
        self._waiting.clear()
        self._again.clear()

    def raise_error(self) -> None:
        """Raise the first error, if there was one."""
        if self._error is not None:
            raise self._error


def pack(commands: Iterable[Command]) -> bytes:
    """Return commands as the protocol has them, in one piece.

    redis-py does it a piece at a time: for the 1100 arguments of a batch in 1.6 ms, this in 0.4.
    """
    pieces: list[bytes] = []
    for command in commands:
        pieces.append(b"*%d\r\n" % len(command))
        for argument in command:
            if isinstance(argument, str):
                content = argument.encode()
            else:
                content = argument if isinstance(argument, bytes) else repr(argument).encode()
            pieces.append(b"$%d\r\n%b\r\n" % (len(content), content))
    return b"".join(pieces)


def _parse(client: Any, request: Ask, replies: list[Any]) -> list[Any]:
    """Raise the first refusal; else give replies the form that redis-py gives them, whatever the protocol."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    forms = [client.response_callbacks.get(command[0]) for command in request.commands]
    return [form(reply) if form else reply for form, reply in zip(forms, replies, strict=True)]


def _lends(client: Any) -> bool:
    """Tell whether we may talk on a client's connection: any but redis-py's own is asked by its own means."""
    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

    return type(client) in (Redis, AsyncClient) and not (
        client.connection or getattr(client, "single_connection_client", False)
    )


def _ask_pool(pool: Any) -> Any:
    try:
        return pool.get_connection()
    except TypeError:
        # Before redis-py 5.3 it wants the command's name.
        return pool.get_connection("EVALSHA")


def _piped(client: Any, request: Ask) -> Any:
    pipeline = client.pipeline(transaction=False)
    for command in request.commands:
        pipeline.execute_command(*command, **_UNDECODED)
    return pipeline


# Contexts and profiles are bytes: they come back as bytes from clients that decode responses too.
_UNDECODED: dict[str, Any] = {"NEVER_DECODE": True}


def _driver_errors() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return (RedisError, OSError)


def _refusals() -> tuple[type[Exception], ...]:
    from redis.exceptions import ResponseError

    return (ResponseError,)


def translate(error: Exception, client: Any, sent: bool = True) -> Exception:
    """Return a driver's error as `ServerError` with the original as its cause; any other as it is."""
    if not isinstance(error, _driver_errors()):
        return error
    kind = kind_of(error)
    if kind == "lost" and not sent:
        kind = "absent"
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
