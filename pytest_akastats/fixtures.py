"""The collectors behind the fixtures `stat` and `akastats_stat`: a test's own numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_akastats import Deaf, clocks

if TYPE_CHECKING:
    from akastats.collector import Collector

#: Key of the probe of a recorded run in `config.stash`; absent when the run is not recorded.
PROBE: pytest.StashKey[Any] = pytest.StashKey()


def open_collector(config: pytest.Config, attribute: str) -> Collector | Deaf:
    """Return a collector that the probe reads; one that drops its numbers if none can be created.

    `attribute` is the probe's list that holds it: `collectors` for the running test, `lasting` for the session.
    """
    try:
        return _collector(config, attribute)
    except Exception as error:
        return _deaf(config, error)


def _collector(config: pytest.Config, kept_as: str) -> Collector:
    # Late, because a run without --akastats whose tests use no numbers should not pay for it.
    from akastats.collector import Collector

    probe = config.stash.get(PROBE, None)
    if probe is None:
        # A clock that tests cannot break; the times are dropped.
        return Collector(now=clocks.perf_counter, clock=clocks.perf_counter)
    # Clocks that a test cannot have frozen before it first uses the fixture.
    collector = Collector(now=probe.wall, clock=clocks.perf_counter)
    # The probe empties it.
    getattr(probe, kept_as).append(collector)
    return collector


def _deaf(config: pytest.Config, error: Exception) -> Deaf:
    probe = config.stash.get(PROBE, None)
    if probe is not None:
        probe.internal_errors.note(error)
    return Deaf()
