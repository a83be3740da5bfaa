"""`sync_redis` and `async_redis`: attached clients, or own clients that are closed after their last user."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from akastats.config import config, remove_credentials
from akastats.errors import ConfigError
from akastats.redis.attachment import check_client, check_loop, sends_once
from akastats.redis.clients import connect, connect_async
from akastats.redis.exchange import execute, execute_all
from akastats.redis.runners import drive, drive_async
from akastats.store.requests import Operation

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from redis import Redis
    from redis.asyncio import Redis as AsyncClient

T = TypeVar("T")
Client = TypeVar("Client")


class OwnClient(Generic[Client]):
    """A client that akastats creates and closes, with its number of users.

    client: the open client; `None` without users.
    closed: the last client, for reuse, because creating a client takes three times the time of connecting.
    url: address of the server.
    opened: number of `open_connection` calls.
    entered: number of entered contexts.
    """

    def __init__(self) -> None:
        self.client: Client | None = None
        self.closed: Client | None = None
        self.url = ""
        self.opened = self.entered = 0

    @property
    def users(self) -> int:
        """The number of users of the client."""
        return self.opened + self.entered

    def take_unused(self) -> Client | None:
        """Remove and return the client if it has no users, so that the caller closes it."""
        if self.users:
            return None
        client, self.client = self.client, None
        return client

    def take_reusable(self, url: str) -> Client | None:
        """Remove and return the closed client if it has this URL."""
        client, self.closed = self.closed, None
        return client if url == self.url else None


class Connections(Generic[Client]):
    """Base of `SyncRedis` and `AsyncRedis`: a reading and a writing client, attached or own."""

    def __init__(self) -> None:
        self._attached: tuple[Client, Client] | None = None

    @property
    def call_count(self) -> int:
        """Number of users of the connection: open contexts, and calls of `open_connection`."""
        return self._own().users

    @property
    def reader(self) -> Client | None:
        """The reading client; `None` without a connection."""
        return self._attached[0] if self._attached else self._own().client

    @property
    def writer(self) -> Client | None:
        """The writing client; `None` without a connection."""
        return self._attached[1] if self._attached else self._own().client

    @property
    def sends_once(self) -> bool:
        """Return whether no command is ever sent twice; an attached client may retry."""
        return self._attached is None or sends_once(self._attached[1])

    def attach(self, reader: Client, writer: Client) -> None:
        """Use these clients from now on; the caller closes them.

        Raises `ConfigError` unless both are clients of this kind for a single server.
        """
        for client in (reader, writer):
            check_client(client, is_asyncio=self._is_asyncio)
        self._attached = (reader, writer)

    def detach(self) -> None:
        """Stop using the attached clients; own connections are used again."""
        self._attached = None

    _is_asyncio: bool

    def _own(self) -> OwnClient[Client]:
        raise NotImplementedError

    def _connect(self, url: str) -> Client:
        raise NotImplementedError

    def _pair(self, redis_url: str | None = None) -> tuple[Client, Client]:
        if self._attached is not None:
            if redis_url is not None:
                raise ConfigError(f"{_cannot_open(redis_url)}: clients are attached. Call detach() first.")
            return self._attached
        own = self._own()
        if own.client is None:
            url = redis_url or config.redis_url
            own.client, own.url = own.take_reusable(url) or self._connect(url), url
        elif redis_url not in (None, own.url):
            raise ConfigError(
                f"{_cannot_open(redis_url)}: a connection to {remove_credentials(own.url)} is open, with "
                f"{own.users} user{'' if own.users == 1 else 's'}. Call close() first."
            )
        return own.client, own.client


def _cannot_open(redis_url: str) -> str:
    return f"cannot open a connection to {remove_credentials(redis_url)}"


class SyncRedis(Connections["Redis"]):
    """The connections of blocking code, which threads and forked children may share."""

    _is_asyncio = False

    def __init__(self) -> None:
        super().__init__()
        self._single: OwnClient[Redis] = OwnClient()
        self._renew_lock()
        # A child that is forked while another thread holds the lock would wait for it forever.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def _own(self) -> OwnClient[Redis]:
        return self._single

    def _connect(self, url: str) -> Redis:
        return connect(url)

    def __call__(self) -> SyncRedis:
        return self

    def open_connection(self, redis_url: str | None = None) -> tuple[Redis, Redis]:
        """Open a connection that stays open until `close`, to `redis_url` or else to the configured URL.

        Raises `ConfigError` for another URL while a connection is open or clients are attached.
        """
        with self._lock:
            pair = self._pair(redis_url)
            self._single.opened += 1
        return pair

    def redis_pair(self) -> tuple[Redis, Redis]:
        """Return the reading and the writing client; call `close` after use."""
        return self.open_connection()

    def __enter__(self) -> tuple[Redis, Redis]:
        with self._lock:
            pair = self._pair()
            self._single.entered += 1
        return pair

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._single.entered -= 1
            unused = self._single.take_unused()
        self._close(unused)

    def close(self) -> None:
        """Close the connection that this object opened, now or after the last open context.

        Attached clients stay open.
        """
        with self._lock:
            self._single.opened = 0
            unused = self._single.take_unused()
        self._close(unused)

    def _close(self, client: Redis | None) -> None:
        if client is not None:
            client.close()
            # redis-py does not close a pool that it did not create.
            client.connection_pool.disconnect()
            self._single.closed = client

    def run(self, operation: Operation[T]) -> T:
        """Execute an operation; raise errors of redis-py as `ServerError`, first inside the operation."""
        with self as (reader, writer):
            return drive(execute(operation, reader, writer))

    def run_all(self, operations: Iterable[Operation[T]]) -> list[T]:
        """Execute writing operations, two at a time on one connection; return results in the order of their ends.

        After an error, send nothing more, read the pending replies, and raise the error.
        """
        with self as (_, writer):
            return drive(execute_all(operations, writer))


class AsyncRedis(Connections["AsyncClient"]):
    """The connections of asyncio code; event loops cannot share a client, so each one has its own."""

    _is_asyncio = True

    def __init__(self) -> None:
        super().__init__()
        self._owns: WeakKeyDictionary[AbstractEventLoop, OwnClient[AsyncClient]] = WeakKeyDictionary()

    def _own(self) -> OwnClient[AsyncClient]:
        from asyncio import get_running_loop

        try:
            loop = get_running_loop()
        except RuntimeError:
            return OwnClient()
        return self._owns.setdefault(loop, OwnClient())

    def _connect(self, url: str) -> AsyncClient:
        return connect_async(url)

    def _pair(self, redis_url: str | None = None) -> tuple[AsyncClient, AsyncClient]:
        pair = super()._pair(redis_url)
        if self._attached is not None:
            for client in pair:
                check_loop(client)
        return pair

    def __call__(self) -> AsyncRedis:
        return self

    async def open_connection(self, redis_url: str | None = None) -> tuple[AsyncClient, AsyncClient]:
        """Do the same as `SyncRedis.open_connection`, for this event loop."""
        pair = self._pair(redis_url)
        self._own().opened += 1
        return pair

    async def redis_pair(self) -> tuple[AsyncClient, AsyncClient]:
        """Return the reading and the writing client; call `close` after use."""
        return await self.open_connection()

    async def __aenter__(self) -> tuple[AsyncClient, AsyncClient]:
        pair = self._pair()
        self._own().entered += 1
        return pair

    async def __aexit__(self, *exc_info: object) -> None:
        own = self._own()
        own.entered -= 1
        await _close_async(own)

    async def close(self) -> None:
        """Close this loop's connection, now or after its last context; attached clients stay open."""
        own = self._own()
        own.opened = 0
        await _close_async(own)

    async def run(self, operation: Operation[T]) -> T:
        """Do the same as `SyncRedis.run`, with asyncio."""
        async with self as (reader, writer):
            return await drive_async(execute(operation, reader, writer))

    async def run_all(self, operations: Iterable[Operation[T]]) -> list[T]:
        """Do the same as `SyncRedis.run_all`, with asyncio."""
        async with self as (_, writer):
            return await drive_async(execute_all(operations, writer))


async def _close_async(own: OwnClient[Any]) -> None:
    client = own.take_unused()
    if client is not None:
        # redis-py 5.0.0 has `close`, but not `aclose`.
        await (getattr(client, "aclose", None) or client.close)()
        await client.connection_pool.disconnect()
        own.closed = client


sync_redis = SyncRedis()
async_redis = AsyncRedis()
