"""Connections to Redis, and the runners of operations: the only package that imports redis-py.

`sync_redis` and `async_redis` hold a reading and a writing client. Attached clients are never closed here. Own
clients are opened at first use from `AKA_STATS_REDIS_URL`, and closed after the last use.

| file | purpose |
|---|---|
| `connections.py` | `sync_redis` and `async_redis` |
| `attachment.py` | checks of attached clients |
| `clients.py` | clients for a URL, which never retry |
| `exchange.py` | sends the requests of operations and reads the replies, for blocking and asyncio clients |
| `runners.py` | runs an exchange, blocking or with asyncio |
| `pipelining.py` | order of requests and replies of several operations on one connection. Pure |
| `protocol.py` | encodes commands. Pure |
| `error_translation.py` | translates exceptions of redis-py |
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
