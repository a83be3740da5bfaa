"""The fixtures `stat` and `akastats_stat`, a test's own numbers, and those of `akastats.testing`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pytest_akastats import clocks

if TYPE_CHECKING:
    from fakeredis import FakeRedis

    from akastats.collector import Collector
    from akastats.records import Point

#: Where the probe of a recorded run is found; absent when the run is not recorded.
PROBE: pytest.StashKey[Any] = pytest.StashKey()


@pytest.fixture
def stat(request: pytest.FixtureRequest) -> Collector | Deaf:
    """Takes this test's own numbers: `stat("rows", 12)`, `with stat.timer("load"):`, `stat.exception(e)`.

    Without `--akastats` it takes them and records nothing.
    """
    try:
        return _collector(request.config, "collectors")
    except Exception as error:
        return _deaf(request.config, error)


@pytest.fixture(scope="session")
def akastats_stat(request: pytest.FixtureRequest) -> Collector | Deaf:
    """As `stat`, for fixtures of any scope; what it is given is told with the test that runs at that moment."""
    try:
        return _collector(request.config, "lasting")
    except Exception as error:
        return _deaf(request.config, error)


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


def _collector(config: pytest.Config, kept_as: str) -> Collector:
    # Late, because a run without --akastats whose tests use no numbers should not pay for it.
    from akastats.collector import Collector

    probe = config.stash.get(PROBE, None)
    if probe is None:
        return Collector(clock=clocks.perf_counter)
    # Clocks that a test cannot have frozen before it first uses the fixture.
    collector = Collector(now=probe.wall, clock=clocks.perf_counter)
    # The probe empties it.
    getattr(probe, kept_as).append(collector)
    return collector


def _deaf(config: pytest.Config, error: Exception) -> Deaf:
    probe = config.stash.get(PROBE, None)
    if probe is not None:
        probe.mishaps.note(error)
    return Deaf()


class Deaf:
    """Takes what a `Collector` takes and keeps nothing: a test must not fail because we cannot measure."""

    recorded_stats: tuple[Any, ...] = ()

    def __call__(self, *told: Any, **named: Any) -> None:
        pass

    stat = exception = error = __call__

    def timer(self, *told: Any, **named: Any) -> AbstractContextManager[None]:
        return nullcontext()
