"""Fixtures for the tests of code that pushes statistics; the pytest plugin brings them by itself.

Where it is switched off (`-p no:akastats`) they come by `pytest_plugins = ["akastats.testing"]`.

| fixture | what the code under test pushes |
|---|---|
| `mock_stats` | goes into a list, and to no server |
| `fake_stats` | goes to a server inside this process, and can be read back |
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
    """Points that the code under test pushed, in order; nothing is written, no server is asked.

    A point is a tuple: `mock_stats[0] == (1612550961.0, "test", 1, None)`.
    """
    with record_pushes() as points:
        yield points


@pytest.fixture
def fake_stats() -> Iterator[FakeRedis]:
    """A client of the fakeredis server that this test pushes to and reads from (extra `testing`)."""
    with connect_fakes() as client:
        yield client


@contextmanager
def record_pushes() -> Iterator[list[Point]]:
    """Collect instead of write, whichever way `Stats` and `push_stat` were imported, until the block ends."""
    points: list[Point] = []

    def record(pushed: Iterable[Point]) -> Iterator[tuple[Batch, list[Point]]]:
        held = list(pushed)
        points.extend(held)
        yield Batch(), held

    # What every push goes through; the class and the functions stay the ones others have imported.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stats, "make_batches", record)
        patch.setattr(stats, "apply_batch", _say_nothing)
        yield points


def _say_nothing(batch: Batch, config: Config) -> Operation[str]:
    """Stand in for `apply`: an operation that asks the server nothing."""
    yield from ()
    return ""


@contextmanager
def connect_fakes() -> Iterator[FakeRedis]:
    """Connect both kinds to one fakeredis server until the block ends; yield a client of it.

    Raises `AkastatsError` where fakeredis, or the Lua it needs for the scripts, is missing.
    """
    for module in ("fakeredis", "lupa"):
        if find_spec(module) is None:
            raise AkastatsError(f"fake_stats needs {module}: pip install 'pytest-akastats[testing]'")
    from fakeredis import FakeAsyncRedis, FakeRedis, FakeServer

    server = FakeServer()
    with FakeRedis(server=server) as client, pytest.MonkeyPatch.context() as patch:
        _disconnect(patch)
        # Own connections, not attached ones: each event loop opens and closes its own.
        patch.setattr(connections, "connect", lambda url, **options: FakeRedis(server=server))
        patch.setattr(connections, "connect_async", lambda url, **options: _closing(FakeAsyncRedis(server=server)))
        yield client
        connections.sync_redis.close()


def _closing(client: FakeAsyncRedis) -> FakeAsyncRedis:
    """Return `client` so that closing it closes its connections, as redis-py's own clients do."""
    # fakeredis 2.26 hands the pool in, so redis-py 5 takes it for the caller's: eight ResourceWarnings.
    client.auto_close_connection_pool = True
    return client


def _disconnect(patch: pytest.MonkeyPatch) -> None:
    """Put aside what is attached and open; undoing the patch brings it back."""
    for flavour in (connections.sync_redis, connections.async_redis):
        patch.setattr(flavour, "_attached", None)
    patch.setattr(connections.sync_redis, "_single", connections.Own())
    patch.setattr(connections.async_redis, "_owns", WeakKeyDictionary())
