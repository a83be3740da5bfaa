"""Create the collectors behind the fixtures `stat` and `akastats_stat`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_akastats import clocks

if TYPE_CHECKING:
    from akastats.collector import Collector

#: Key of the probe of a recorded run in `config.stash`; absent when the run is not recorded.
PROBE: pytest.StashKey[Any] = pytest.StashKey()


def open_collector(config: pytest.Config, attribute: str) -> Collector:
    """Return a collector that the probe reads; without a probe, its numbers are discarded.

    `attribute` is the probe's list that holds it: `collectors` for the running test, `lasting` for the session.
    An error is noted in the probe and raised again, so that the fixture discards the numbers.
    """
    probe = config.stash.get(PROBE, None)
    try:
        return _create_collector(probe, attribute)
    except Exception as error:
        if probe is not None:
            probe.internal_errors.note(error)
        raise


def _create_collector(probe: Any, attribute: str) -> Collector:
    # Imported late, so that runs without --akastats and without recorded numbers do not import it.
    from akastats.collector import Collector

    if probe is None:
        # A clock that tests cannot patch; the times are discarded.
        return Collector(now=clocks.perf_counter, clock=clocks.perf_counter)
    # Clocks that a test cannot have frozen before it first uses the fixture.
    collector = Collector(now=probe.wall, clock=clocks.perf_counter)
    getattr(probe, attribute).append(collector)
    return collector
