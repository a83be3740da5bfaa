"""Connections, and the two runners of operations: the only package that imports redis-py.

`sync_redis` and `async_redis` hold a reader and a writer: attached ones, which are never closed here, or
own ones, opened at first use from `AKA_STATS_REDIS_URL` and closed when nobody uses them any more.

| file | what lives there |
|---|---|
| `connections.py` | `sync_redis` and `async_redis` |
| `attachment.py` | checks of attached clients |
| `clients.py` | clients of a URL, with nothing tried twice |
| `conversation.py` | what is said to a client and heard from it, once for both flavours |
| `driving.py` | the two runners |
| `pipelining.py`, `protocol.py` | several operations on one connection; bytes on the wire. Pure |
| `translation.py` | a driver's errors in our words |
"""

from akastats.redis.clients import connect, connect_async
from akastats.redis.connections import AsyncRedis, SyncRedis, async_redis, sync_redis
from akastats.redis.runners import run, run_all, run_async

__all__ = [
    "AsyncRedis",
    "SyncRedis",
    "async_redis",
    "connect",
    "connect_async",
    "run",
    "run_all",
    "run_async",
    "sync_redis",
]
