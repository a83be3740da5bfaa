"""The fixtures `stat` and `akastats_stat`, a test's own numbers, and those of `akastats.testing`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fakeredis import FakeRedis

    from akastats.collector import Collector
    from akastats.records import Point

#: Where the probe of a recorded run is found; absent when the run is not recorded.
COLLECTORS: pytest.StashKey[list[Any]] = pytest.StashKey()


@pytest.fixture
def stat(request: pytest.FixtureRequest) -> Generator[Collector, None, None]:
    """Takes this test's own numbers: `stat("rows", 12)`, `with stat.timer("load"):`, `stat.exception(e)`.

    Without `--akastats` it takes them and records nothing.
    """
    with _collecting(request.config) as collector:
        yield collector


@pytest.fixture(scope="session")
def akastats_stat(request: pytest.FixtureRequest) -> Generator[Collector, None, None]:
    """As `stat`, for fixtures of any scope; what it is given is told with the test that runs at that moment."""
    with _collecting(request.config) as collector:
        yield collector


@pytest.fixture
def mock_stats() -> Iterator[list[Point]]:
    """Points that the code under test pushed, in order; nothing is written, no server is asked."""
    # Late, because it brings redis-py: only who uses the fixture pays for it.
    from akastats.testing import recording

    with recording() as points:
        yield points


@pytest.fixture
def fake_stats() -> Iterator[FakeRedis]:
    """A client of the fakeredis server that this test pushes to and reads from (extra `testing`)."""
    from akastats.testing import faking

    with faking() as client:
        yield client


@contextmanager
def _collecting(config: pytest.Config) -> Iterator[Collector]:
    # Late, because a run without --akastats whose tests use no numbers should not pay for it.
    from akastats.collector import Collector

    collector = Collector()
    collectors = config.stash.get(COLLECTORS, None)
    if collectors is not None:
        collectors.append(collector)
    yield collector
