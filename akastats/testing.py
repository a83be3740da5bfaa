"""Fixtures for tests of code that pushes statistics; the pytest plugin provides them.

If the plugin is disabled (`-p no:akastats`), load them with `pytest_plugins = ["akastats.testing"]`.

| fixture | effect on the code under test |
|---|---|
| `mock_stats` | its points are added to a list; no server is used |
| `fake_stats` | its points are stored in a server inside this process, and can be read back |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pytest

from akastats import stats
from akastats.config import Config
from akastats.errors import AkastatsError
from akastats.records import Point
from akastats.redis import connections
from akastats.store.push import Batch
from akastats.store.requests import Operation

if TYPE_CHECKING:
    from fakeredis import FakeAsyncRedis, FakeRedis


@pytest.fixture
def mock_stats() -> Iterator[list[Point]]:
    """Return the points that the code under test pushed, in order; nothing is written, no server is contacted.

    A point is a tuple: `mock_stats[0] == (1612550961.0, "test", 1, None)`.
    """
    with recording() as points:
        yield points


@pytest.fixture
def fake_stats() -> Iterator[FakeRedis]:
    """Return a client of the fakeredis server that this test pushes to and reads from (extra `testing`)."""
    with connect_fakes() as client:
        yield client


@contextmanager
def recording() -> Iterator[list[Point]]:
    """Collect points instead of writing them, however `Stats` and `push_stat` were imported."""
    points: list[Point] = []

    def record(pushed: Iterable[Point]) -> Iterator[tuple[Batch, list[Point]]]:
        batch = list(pushed)
        points.extend(batch)
        yield Batch(), batch

    # Every push calls these two functions. Replacing `Stats` would not affect modules that imported it before.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "make_batches", record)
        patch.setattr(stats, "apply_batch", _send_nothing)
        yield points


def _send_nothing(batch: Batch, config: Config) -> Operation[str]:
    """Replace `apply_batch` with an operation that sends nothing."""
    yield from ()
    return ""


@contextmanager
def connect_fakes() -> Iterator[FakeRedis]:
    """Connect the blocking and the asyncio client to one fakeredis server until the block ends; yield a client.

    Raises `AkastatsError` if fakeredis, or lupa, which runs its scripts, is not installed.
    """
    for module in ("fakeredis", "lupa"):
        if find_spec(module) is None:
            raise AkastatsError(f"fake_stats needs {module}: pip install 'pytest-akastats[testing]'")
    from fakeredis import FakeAsyncRedis, FakeRedis, FakeServer

    server = FakeServer()
    with FakeRedis(server=server) as client, pytest.MonkeyPatch.context() as patch:
        _disconnect(patch)
        # Replace the functions that connect. Attaching one client does not suffice: each event loop has its own.
        patch.setattr(connections, "connect", lambda url, **options: FakeRedis(server=server))
        patch.setattr(
            connections,
            "connect_async",
            lambda url, **options: _close_pool_with_client(FakeAsyncRedis(server=server)),
        )
        yield client
        connections.sync_redis.close()


def _close_pool_with_client(client: FakeAsyncRedis) -> FakeAsyncRedis:
    """Return `client`, changed so that closing it closes its connections, as redis-py's own clients do."""
    # fakeredis 2.26 passes a connection pool, which redis-py 5 then does not close. The result is eight
    # ResourceWarnings.
    client.auto_close_connection_pool = True
    return client


def _disconnect(patch: pytest.MonkeyPatch) -> None:
    """Ignore attached and open connections until the patch is undone."""
    for connection in (connections.sync_redis, connections.async_redis):
        patch.setattr(connection, "_attached", None)
    patch.setattr(connections.sync_redis, "_single", connections.OwnClient())
    patch.setattr(connections.async_redis, "_owns", WeakKeyDictionary())
